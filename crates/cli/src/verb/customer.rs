//! `postern customer show`

use std::fmt::Write;

use clap::{Args, Subcommand};
use postern_api::{CustomerView, path};

use super::{Common, EXIT_CODES, case, suspend};
use crate::Trouble;
use crate::client::Client;
use crate::output::{Output, or_dash};
use crate::safe;

/// Its verbs.
#[derive(Debug, Subcommand)]
pub enum Customer {
    /// What is known of a customer: contract, what is kept, cases, what may not send.
    #[command(after_help = EXIT_CODES)]
    Show(Show),
}

/// Arguments.
#[derive(Debug, Args)]
pub struct Show {
    /// The customer's id in the directory.
    #[arg(value_name = "CUSTOMER")]
    customer: String,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn show(verb: &Show, client: &Client, output: &Output) -> Result<(), Trouble> {
    let view: CustomerView = client.get_named(path::CUSTOMER, &verb.customer).await?;
    output.one(&view, people)
}

fn people(view: &CustomerView) -> String {
    let mut text = String::new();
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<10} {}", safe::line(value));
    };
    fact("customer", &format!("{} ({})", view.id, view.name));
    fact("reseller", &or_dash(view.reseller.as_deref()));
    fact("plan", &format!("{}, since {}", view.plan, view.since));
    fact("domains", &or_dash(Some(&view.domains.join(", "))));
    fact("networks", &or_dash(Some(&view.networks.join(", "))));
    fact("logins", &or_dash(Some(&view.logins.join(", "))));
    let kept: Vec<_> =
        view.kept.iter().map(|row| format!("{} {}", row.messages, row.state)).collect();
    fact("kept", &or_dash(Some(&kept.join(", "))));
    if !view.suspensions.is_empty() {
        let _ = write!(text, "\n{}", suspend::people(&view.suspensions));
    }
    if !view.cases.is_empty() {
        let _ = write!(text, "\n{}", case::people(&view.cases));
    }
    text
}
