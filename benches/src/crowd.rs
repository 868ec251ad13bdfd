//! What honest clients notice of a crowd: thousands of idle connections, slow writers and a flood of
//! new connections at once.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, timeout};

use crate::house::{House, Kind};
use crate::load::{self, Load, Sent, Until};
use crate::memory::{begin, idle};
use crate::process;

/// How large a crowd.
#[derive(Debug, Clone, clap::Args)]
pub struct Plan {
    /// The relay's binary.
    #[arg(long, default_value = "target/release/postern")]
    postern: PathBuf,
    /// Connections that said EHLO and nothing more. The limit of open files must allow for them.
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// Clients in the middle of a message that write an octet a second.
    #[arg(long, default_value_t = 1000)]
    slow: usize,
    /// New connections a second, dropped at once.
    #[arg(long, default_value_t = 1000)]
    flood: u32,
    /// Folder for queues and logs; deleted at the end.
    #[arg(long, default_value = "target")]
    folder: PathBuf,
}

/// Measures alone, then within the crowd, then waits for the slow writers to be cut off.
pub async fn run(plan: &Plan) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(&plan.folder)?;
    let house = House::of_postern(&plan.postern, folder.path())?;
    println!(
        "{}\n\n| honest clients | p50 ms | p99 ms | refused |\n|---|---|---|---|",
        process::machine()
    );
    let sink = house.sink().await?;
    let relay = house.start(Kind::Session, sink.address).await?;
    print_row("alone", &honest(relay.address).await?);

    let _idle = idle(relay.address, plan.idle).await?;
    let writers = LocalSet::new();
    let cut = Rc::new(Cell::new(0));
    let begun = Instant::now();
    for (n, mut session) in idle(relay.address, plan.slow).await?.into_iter().enumerate() {
        begin(&mut session, n).await?;
        let cut = cut.clone();
        writers.spawn_local(async move {
            drip(&mut session.0).await;
            cut.set(cut.get() + 1);
        });
    }
    let gap = Duration::from_secs(1) / plan.flood.max(1);
    let flood = async {
        loop {
            // Refused or not, it is dropped.
            let _ = TcpStream::connect(relay.address).await;
            sleep(gap).await;
        }
    };
    let measured = writers.run_until(async {
        tokio::select! {
            measured = honest(relay.address) => measured,
            never = flood => never,
        }
    });
    let label = format!(
        "beside {} idle connections, {} slow writers, {} new connections a second",
        plan.idle, plan.slow, plan.flood
    );
    print_row(&label, &measured.await?);
    let all_cut = timeout(PATIENCE, writers).await.is_ok();
    println!(
        "\n{} of {} slow writers cut off after {} s{}",
        cut.get(),
        plan.slow,
        begun.elapsed().as_secs(),
        if all_cut { "" } else { ", the others not" }
    );
    Ok(())
}

async fn honest(relay: SocketAddr) -> anyhow::Result<Sent> {
    let load = Load { octets: 4 << 10, per_connection: 10, sessions: 4 };
    load::send(relay, load, Until::Elapsed(Duration::from_secs(10))).await
}

/// An octet a second until the relay has enough.
async fn drip(stream: &mut TcpStream) {
    let mut heard = [0; 512];
    loop {
        if stream.write_all(b"x").await.is_err() {
            return;
        }
        sleep(Duration::from_secs(1)).await;
        match stream.try_read(&mut heard) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}

fn print_row(what: &str, sent: &Sent) {
    let ms = |micros: u64| micros as f64 / 1000.0;
    let (p50, p99) = (ms(sent.p50_micros), ms(sent.p99_micros));
    println!("| {what} | {p50:.1} | {p99:.1} | {} |", sent.refused);
}

/// Longer than the minute after which the rate counts.
const PATIENCE: Duration = Duration::from_secs(150);
