//! The verbs that talk to a running relay over its admin socket.
//!
//! Tables for people, `--json` for programs: one object a line. Nothing that came with a message
//! reaches a terminal as anything but text.

mod client;
mod output;
mod safe;
mod verb;

use std::path::Path;
use std::process::ExitCode;

use crate::client::Client;
use crate::output::Output;
pub use crate::verb::{EXIT_CODES, Verb};

/// Does what was asked and says how it went; one of [`EXIT_CODES`].
pub fn run(socket: &Path, verb: Verb) -> ExitCode {
    let output = Output { json: verb.json() };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&Trouble::Output(error)),
    };
    match runtime.block_on(verb.run(&Client::new(socket), &output)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads us has seen enough.
        Err(Trouble::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(trouble) => failed(&trouble),
    }
}

fn failed(trouble: &Trouble) -> ExitCode {
    eprintln!("postern: {}", safe::line(&trouble.to_string()));
    ExitCode::from(match trouble {
        Trouble::Unreachable(_) => 3,
        Trouble::Usage(_) => 2,
        Trouble::NotDone(_) | Trouble::Output(_) => 1,
    })
}

/// Why a verb was not done; each is one line for people.
#[derive(Debug)]
enum Trouble {
    /// The command line does not say what is meant.
    Usage(String),
    /// No relay answers.
    Unreachable(String),
    /// The relay says no, or nothing fits.
    NotDone(String),
    /// Our own output cannot be written.
    Output(std::io::Error),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(what) | Self::Unreachable(what) | Self::NotDone(what) => f.write_str(what),
            Self::Output(error) => write!(f, "cannot write: {error}"),
        }
    }
}
