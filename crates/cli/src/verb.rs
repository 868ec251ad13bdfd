//! What can be asked on the command line; one file a verb.

mod audit;
mod case;
mod customer;
mod quarantine;
mod queue;
mod select;
mod status;
mod suspend;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::Trouble;
use crate::client::Client;
use crate::output::Output;

/// What the exit codes of these verbs mean; stands in every `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done (for lists: also when there is nothing to list)
  1  not done: nothing fits, or the relay says no
  2  the command line is wrong
  3  no relay answers at the admin socket of this config";

/// The verbs that talk to a running relay.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What the relay is doing: counts, what waits, upstreams.
    #[command(after_help = EXIT_CODES)]
    Status(status::Status),
    /// Mail that waits to be handed on.
    #[command(subcommand)]
    Queue(queue::Queue),
    /// Mail that is held back or waits for a decision.
    #[command(subcommand)]
    Quarantine(quarantine::Quarantine),
    /// Causes under review.
    #[command(subcommand)]
    Case(case::Case),
    /// A customer, and how things stand with it.
    #[command(subcommand)]
    Customer(customer::Customer),
    /// Stop a customer, or one script, mailbox or address of it.
    #[command(after_help = suspend::SUSPEND_HELP)]
    Suspend(suspend::Suspend),
    /// Let a stopped customer, script, mailbox or address send again.
    #[command(after_help = suspend::RESUME_HELP)]
    Resume(suspend::Suspend),
    /// What people did.
    #[command(subcommand)]
    Audit(audit::Audit),
}

/// What every verb takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The config file of the relay.
    #[arg(long, value_name = "FILE", default_value = "/etc/postern/postern.toml")]
    config: PathBuf,
    /// One JSON object a line, for programs.
    #[arg(long)]
    json: bool,
}

/// Why, for the audit log.
#[derive(Debug, Args)]
pub(crate) struct Reason {
    /// Why; goes into the audit log.
    #[arg(long, value_name = "TEXT", value_parser = non_empty)]
    reason: String,
}

fn non_empty(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("say why, in a few words"),
        text => Ok(text.to_owned()),
    }
}

/// Who called sudo, if anybody; the relay itself only sees root then.
fn behalf() -> Option<String> {
    std::env::var("SUDO_USER").ok().filter(|user| !user.is_empty())
}

impl Verb {
    fn common(&self) -> &Common {
        match self {
            Self::Status(verb) => &verb.common,
            Self::Queue(verb) => verb.common(),
            Self::Quarantine(verb) => verb.common(),
            Self::Case(case::Case::List(verb)) => verb,
            Self::Customer(customer::Customer::Show(verb)) => &verb.common,
            Self::Suspend(verb) | Self::Resume(verb) => &verb.common,
            Self::Audit(audit::Audit::List(verb)) => &verb.common,
        }
    }

    /// The config file whose relay is meant.
    pub fn config(&self) -> &Path {
        &self.common().config
    }

    pub(crate) fn json(&self) -> bool {
        self.common().json
    }

    pub(crate) async fn run(self, client: &Client, output: &Output) -> Result<(), Trouble> {
        match self {
            Self::Status(_) => status::run(client, output).await,
            Self::Queue(verb) => queue::run(verb, client, output).await,
            Self::Quarantine(verb) => quarantine::run(verb, client, output).await,
            Self::Case(case::Case::List(_)) => case::list(client, output).await,
            Self::Customer(customer::Customer::Show(verb)) => {
                customer::show(&verb, client, output).await
            }
            Self::Suspend(verb) => suspend::suspend(verb, client, output).await,
            Self::Resume(verb) => suspend::resume(verb, client, output).await,
            Self::Audit(audit::Audit::List(verb)) => audit::list(&verb, client, output).await,
        }
    }
}

#[cfg(test)]
mod tests;
