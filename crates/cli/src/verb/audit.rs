//! `postern audit list`

use clap::{Args, Subcommand};
use postern_api::{AuditRow, path};

use super::{Common, EXIT_CODES};
use crate::Trouble;
use crate::client::Client;
use crate::output::{Output, table, time};

/// Its verbs.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Who did what, to what, and why; newest first.
    #[command(after_help = EXIT_CODES)]
    List(List),
}

/// Arguments.
#[derive(Debug, Args)]
pub struct List {
    /// No more than this many, newest first.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn list(verb: &List, client: &Client, output: &Output) -> Result<(), Trouble> {
    let rows: Vec<AuditRow> = client.get(&format!("{}?limit={}", path::AUDIT, verb.limit)).await?;
    output.rows(&rows, people)
}

fn people(rows: &[AuditRow]) -> String {
    if rows.is_empty() {
        return "nobody has done anything yet\n".to_owned();
    }
    let head = ["AT (UTC)", "WHO", "DID", "TO", "MESSAGES", "WHY"];
    let lines = rows.iter().map(|row| {
        [
            time(&row.at),
            row.by.clone(),
            row.act.clone(),
            row.target.clone(),
            row.messages.to_string(),
            row.reason.clone(),
        ]
    });
    table(head, lines.collect())
}
