//! `postern queue list|show|retry`

use clap::{Args, Subcommand};
use postern_api::{Act, Done, Kept, MessageRow, path};

use super::quarantine::show;
use super::select::{Chosen, Select};
use super::{Common, EXIT_CODES, Reason, behalf};
use crate::Trouble;
use crate::client::Client;
use crate::output::{Output, count, first_of, or_dash, table, time};

/// Its verbs.
#[derive(Debug, Subcommand)]
pub enum Queue {
    /// Mail that waits for its first or next try, oldest first.
    #[command(after_help = LIST_HELP)]
    List(List),
    /// One message: why it waits, and what can be read of it.
    #[command(after_help = EXIT_CODES)]
    Show(Show),
    /// Try now instead of at the planned time.
    #[command(after_help = RETRY_HELP)]
    Retry(Retry),
}

const LIST_HELP: &str = "\
Examples:
  postern queue list
  postern queue list --customer c1001 --older-than 2h
  postern queue list --json | jq -r .last_answer | sort | uniq -c

Exit codes:
  0  done, also when there is nothing to list
  1  not done: the relay says no
  2  the command line is wrong
  3  no relay answers at the admin socket of this config";

const RETRY_HELP: &str = "\
Examples:
  postern queue retry --all --reason 'smarthost is back'
  postern queue retry --customer c1001 --reason 'ticket 4711' --dry-run

Exit codes:
  0  all of them are tried now
  1  not done: nothing fits, or the relay says no
  2  the command line is wrong
  3  no relay answers at the admin socket of this config";

/// Arguments.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    select: Select,
    /// No more than this many, oldest first.
    #[arg(long, value_name = "N", default_value_t = postern_api::ROWS_DEFAULT)]
    limit: usize,
    #[command(flatten)]
    pub(super) common: Common,
}

impl List {
    /// The rows, oldest first.
    pub(super) async fn rows(
        self,
        kept: Kept,
        client: &Client,
    ) -> Result<Vec<MessageRow>, Trouble> {
        let selector = self.select.selector(kept, Vec::new(), Some(self.limit));
        client.post(path::LIST, &selector).await
    }
}

/// Arguments.
#[derive(Debug, Args)]
pub struct Show {
    /// Its id, as in lists, replies and logs.
    #[arg(value_name = "ID")]
    pub(super) id: String,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Arguments.
#[derive(Debug, Args)]
pub struct Retry {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    reason: Reason,
    /// Only say how many would be tried.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

impl Queue {
    pub(super) fn common(&self) -> &Common {
        match self {
            Self::List(verb) => &verb.common,
            Self::Show(verb) => &verb.common,
            Self::Retry(verb) => &verb.common,
        }
    }
}

pub(super) async fn run(verb: Queue, client: &Client, output: &Output) -> Result<(), Trouble> {
    match verb {
        Queue::List(list) => {
            let rows = list.rows(Kept::Queue, client).await?;
            output.rows(&rows, people)
        }
        Queue::Show(verb) => show(&verb.id, client, output).await,
        Queue::Retry(retry) => {
            let act = Act {
                selector: retry.chosen.selector(Kept::Queue)?,
                reason: retry.reason.reason,
                dry_run: retry.dry_run,
                behalf: behalf(),
            };
            let done: Done = client.post(path::RETRY, &act).await?;
            report(&done, "tried now", output)
        }
    }
}

fn people(rows: &[MessageRow]) -> String {
    if rows.is_empty() {
        return "nothing waits\n".to_owned();
    }
    let head = [
        "ID",
        "RECEIVED (UTC)",
        "STATE",
        "NEXT (UTC)",
        "CUSTOMER",
        "FROM",
        "TO",
        "TRIES",
        "LAST ANSWER",
    ];
    let lines = rows.iter().map(|row| {
        [
            row.id.clone(),
            time(&row.received_at),
            row.state.clone(),
            time(&row.due),
            or_dash(row.customer.as_deref()),
            sender(&row.mail_from),
            first_of(&row.recipients),
            row.attempts.to_string(),
            or_dash(row.last_answer.as_deref()),
        ]
    });
    table(head, lines.collect())
}

/// The null sender must not look like a missing one.
pub(super) fn sender(mail_from: &str) -> String {
    if mail_from.is_empty() { "<>".to_owned() } else { mail_from.to_owned() }
}

/// Says what was done; that nothing was is a failure.
pub(super) fn report(done: &Done, what: &str, output: &Output) -> Result<(), Trouble> {
    output.one(done, |done| {
        if done.messages == 0 {
            return String::new();
        }
        let would = if done.dry_run { "would be " } else { "" };
        let mut text = format!("{} {would}{what}\n", count(done.messages, "message", "messages"));
        if done.dry_run {
            for id in &done.ids {
                text += &format!("  {id}\n");
            }
        }
        text
    })?;
    match done.missing.as_slice() {
        [] if done.messages == 0 => Err(Trouble::NotDone("no message fits".to_owned())),
        [] => Ok(()),
        missing => {
            Err(Trouble::NotDone(format!("not kept here (any more): {}", missing.join(" "))))
        }
    }
}
