//! The relay: what the parts do together.
//!
//! `pipeline` is the way of a message; `serve` puts the parts together and ends them in order.

mod acts;
mod admin;
mod counters;
pub mod demo;
mod feedback;
mod forward;
mod gate;
mod guesses;
pub mod identify;
mod judging;
mod live;
mod notices;
mod passwords;
mod pipeline;
mod record;
mod relay;
pub mod replay;
mod replies;
pub mod score;
mod scram;
mod serve;
mod snapshot;
mod telemetry;
mod trace;
mod visitor;

use std::path::{Path, PathBuf};

pub use counters::{Counter, Counters};
pub use live::Live;
pub use relay::Relay;
pub use serve::{Running, serve};

/// `postern check`: everything that is wrong with config, customers, passwords and certificates.
pub fn check(config: &Path) -> anyhow::Result<()> {
    let report = postern_config::check(config)?;
    println!("{report}");
    Ok(())
}

/// Where the relay of this config listens for the command line.
pub fn admin_socket(config: &Path) -> anyhow::Result<PathBuf> {
    Ok(postern_config::admin_socket(config)?)
}
