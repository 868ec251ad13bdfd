//! `postern-bench`: the whole relay beside floors and peers, and what it needs in memory.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use postern_benches::{compare, crowd, floor, memory, sink};

/// Measures whole relays over loopback.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Compare relays in one shuffled, interleaved run.
    Whole(compare::Plan),
    /// Show what idle connections, slow writers and big messages take in memory.
    Memory(memory::Plan),
    /// Show what honest clients notice of idle connections, slow writers and a flood.
    Crowd(crowd::Plan),
    /// Be the sink (the other verbs start it themselves).
    Sink {
        /// Where to listen.
        address: SocketAddr,
    },
    /// Be a floor (the other verbs start it themselves).
    Floor {
        /// Where to listen.
        address: SocketAddr,
        /// Where to hand over.
        sink: SocketAddr,
        /// Store in this folder first.
        #[arg(long)]
        group: Option<PathBuf>,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().verb {
        Verb::Whole(plan) => one_thread()?.block_on(compare::run(&plan)),
        Verb::Crowd(plan) => one_thread()?.block_on(crowd::run(&plan)),
        Verb::Memory(plan) => one_thread()?.block_on(memory::run(&plan)),
        Verb::Sink { address } => one_thread()?.block_on(sink::serve(address)),
        Verb::Floor { address, sink, group } => {
            let mode = group.as_deref().map_or(floor::Mode::Pass, floor::Mode::Group);
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(floor::serve(address, sink, mode))
        }
    }
}

fn one_thread() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
