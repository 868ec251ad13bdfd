//! `postern suspend|resume`

use clap::Args;
use postern_api::{SuspensionRow, Target, path};

use super::{Common, Reason, behalf};
use crate::Trouble;
use crate::client::Client;
use crate::output::{Output, or_dash, table, time};

pub(super) const SUSPEND_HELP: &str = "\
Its mail is refused from now on, with a text that says so. Mail that is kept already is not touched:
`postern quarantine refuse` gives that back. Stop the smallest guilty sender: with --origin the
customer's other mail goes on.

Examples:
  postern suspend c1001 --origin script:/home/c1001/shop/x.php --reason 'webshell, ticket 4711'
  postern suspend c1001 --reason 'fraudulent order'

Exit codes:
  0  done
  1  not done: there is no such customer, or the relay says no
  2  the command line is wrong
  3  no relay answers at the admin socket of this config";

pub(super) const RESUME_HELP: &str = "\
Counters and evidence of it begin anew.

Examples:
  postern resume c1001 --origin script:/home/c1001/shop/x.php --reason 'cleaned, ticket 4711'

Exit codes:
  0  done
  1  not done: it is not suspended, or the relay says no
  2  the command line is wrong
  3  no relay answers at the admin socket of this config";

/// Arguments.
#[derive(Debug, Args)]
pub struct Suspend {
    /// The customer's id in the directory.
    #[arg(value_name = "CUSTOMER")]
    customer: String,
    /// Only this sender of the customer: login:NAME, script:PATH or ip:ADDRESS.
    #[arg(long, value_name = "KIND:NAME")]
    origin: Option<String>,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    pub(super) common: Common,
}

impl Suspend {
    fn target(self) -> Target {
        Target {
            customer: self.customer,
            origin: self.origin,
            reason: self.reason.reason,
            behalf: behalf(),
        }
    }
}

pub(super) async fn suspend(
    verb: Suspend,
    client: &Client,
    output: &Output,
) -> Result<(), Trouble> {
    let rows: Vec<SuspensionRow> = client.post(path::SUSPEND, &verb.target()).await?;
    output.rows(&rows, people)
}

pub(super) async fn resume(verb: Suspend, client: &Client, output: &Output) -> Result<(), Trouble> {
    let rows: Vec<SuspensionRow> = client.post(path::RESUME, &verb.target()).await?;
    output.rows(&rows, people)
}

/// What of a customer may not send, as a table.
pub(super) fn people(rows: &[SuspensionRow]) -> String {
    if rows.is_empty() {
        return "nothing of this customer is suspended (any more)\n".to_owned();
    }
    let head = ["SUSPENDED", "ORIGIN", "SINCE (UTC)", "UNTIL (UTC)", "CASE", "REASON"];
    let lines = rows.iter().map(|row| {
        [
            row.customer.clone(),
            row.origin.clone().unwrap_or_else(|| "all".to_owned()),
            time(&row.since),
            row.until.as_deref().map_or_else(|| "a person resumes".to_owned(), time),
            or_dash(row.case.as_deref()),
            or_dash(Some(&row.reason)),
        ]
    });
    table(head, lines.collect())
}
