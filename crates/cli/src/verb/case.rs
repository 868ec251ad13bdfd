//! `postern case list`

use clap::Subcommand;
use postern_api::{CaseRow, path};

use super::{Common, EXIT_CODES};
use crate::Trouble;
use crate::client::Client;
use crate::output::{Output, or_dash, table, time};

/// Its verbs.
#[derive(Debug, Subcommand)]
pub enum Case {
    /// Causes under review, newest first.
    #[command(after_help = EXIT_CODES)]
    List(Common),
}

pub(super) async fn list(client: &Client, output: &Output) -> Result<(), Trouble> {
    let rows: Vec<CaseRow> = client.get(path::CASES).await?;
    output.rows(&rows, people)
}

/// The cases as a table.
pub(super) fn people(rows: &[CaseRow]) -> String {
    if rows.is_empty() {
        return "there are no cases\n".to_owned();
    }
    let head = ["CASE", "STATE", "OPENED (UTC)", "CUSTOMER", "ORIGIN", "STOPPED", "ESCAPED", "WHY"];
    let lines = rows.iter().map(|row| {
        let others = match row.origins.len() {
            0 | 1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let why: Vec<_> = row.rules.iter().map(|rule| rule.id.as_str()).collect();
        [
            row.id.clone(),
            row.state.clone(),
            time(&row.opened_at),
            or_dash(row.customer.as_deref()),
            or_dash(row.origin.as_deref()) + &others,
            row.messages.to_string(),
            row.escaped.to_string(),
            or_dash(Some(&why.join(", "))),
        ]
    });
    table(head, lines.collect())
}
