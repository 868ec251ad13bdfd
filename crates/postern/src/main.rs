//! `postern`: one binary for the relay and for those who work with it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The relay in front of a hosting cluster's smarthosts: passes clean mail, holds a stream that
/// deviates, shows the abuse team the cause.
#[derive(Parser)]
#[command(name = "postern", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the relay in the foreground.
    ///
    /// SIGTERM: no new sessions, running ones end, exit. SIGHUP: read config, customers, passwords and
    /// certificates again; what is broken is reported and the last good one stays.
    Serve(ConfigFile),
    /// Check config, customer directory, passwords and certificates; all errors at once.
    Check(ConfigFile),
    /// Show the relay at work for 30 seconds, with an upstream of its own.
    Demo {
        /// Leave everything running afterwards, to look around.
        #[arg(long)]
        keep: bool,
    },
    /// Run a recorded stream of mail through the decision code, on its own clock.
    Replay {
        #[command(flatten)]
        config: ConfigFile,
        /// The recorded stream (JSON Lines).
        #[arg(long, value_name = "FILE")]
        trace: PathBuf,
        /// Where to write the decisions (JSON Lines); `-` is standard output.
        #[arg(long, value_name = "FILE")]
        decisions: PathBuf,
    },
    /// Score content alone: one JSON line a message.
    Score {
        /// The config whose rules count; without it the built-in defaults.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Messages, mboxes, or folders of messages; `-` reads their paths from standard input, one a line.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    #[command(flatten)]
    Admin(postern_cli::Verb),
}

#[derive(clap::Args)]
struct ConfigFile {
    /// The config file.
    #[arg(long, value_name = "FILE", default_value = "/etc/postern/postern.toml")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().verb {
        Verb::Serve(file) => postern_relay::serve(&file.config),
        Verb::Check(file) => postern_relay::check(&file.config),
        Verb::Demo { keep } => postern_relay::demo::demo(keep),
        Verb::Replay { config, trace, decisions } => {
            postern_relay::replay::replay(&config.config, &trace, &decisions)
        }
        Verb::Score { config, files } => postern_relay::score::score(config.as_deref(), &files),
        Verb::Admin(verb) => {
            return match postern_relay::admin_socket(verb.config()) {
                Ok(socket) => postern_cli::run(&socket, verb),
                Err(error) => failed(&error),
            };
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("{error:#}");
    ExitCode::FAILURE
}
