//! Which messages are meant: ids or selectors.

use std::time::Duration;

use clap::Args;
use postern_api::{Kept, Selector};

use crate::Trouble;

const WHICH: &str = "Which messages (all that is given must fit)";

/// Everything given must fit.
#[derive(Debug, Args)]
pub(super) struct Select {
    /// Of this customer.
    #[arg(long, help_heading = WHICH, value_name = "ID")]
    customer: Option<String>,
    /// Of this sender: login:NAME, script:PATH or ip:ADDRESS.
    #[arg(long, help_heading = WHICH, value_name = "KIND:NAME")]
    origin: Option<String>,
    /// Kept because of this rule.
    #[arg(long, help_heading = WHICH, value_name = "ID")]
    rule: Option<String>,
    /// Of this campaign.
    #[arg(long, help_heading = WHICH, value_name = "ID")]
    campaign: Option<String>,
    /// Of this case.
    #[arg(long, help_heading = WHICH, value_name = "ID")]
    case: Option<String>,
    /// Received longer ago than this, such as 30m, 2h, 7d.
    #[arg(long, help_heading = WHICH, value_name = "TIME", value_parser = humantime::parse_duration)]
    older_than: Option<Duration>,
    /// Received within this time, such as 30m, 2h, 7d.
    #[arg(long, help_heading = WHICH, value_name = "TIME", value_parser = humantime::parse_duration)]
    younger_than: Option<Duration>,
}

impl Select {
    pub(super) fn selector(self, kept: Kept, ids: Vec<String>, limit: Option<usize>) -> Selector {
        Selector {
            kept,
            ids,
            customer: self.customer,
            origin: self.origin,
            rule: self.rule,
            campaign: self.campaign,
            case: self.case,
            older_than_seconds: self.older_than.map(|time| time.as_secs()),
            younger_than_seconds: self.younger_than.map(|time| time.as_secs()),
            limit,
        }
    }
}

/// What changes many messages wants to be told which, if only by `--all`.
#[derive(Debug, Args)]
pub(super) struct Chosen {
    /// Ids, as in lists, replies and logs.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    select: Select,
    /// All messages, when neither ids nor selectors are given.
    #[arg(long, help_heading = WHICH)]
    all: bool,
}

impl Chosen {
    pub(super) fn selector(self, kept: Kept) -> Result<Selector, Trouble> {
        let selector = self.select.selector(kept, self.ids, None);
        let nothing = Selector { kept, ..Selector::default() };
        match (selector == nothing, self.all) {
            (true, false) => Err(Trouble::Usage(
                "which messages? give ids, selectors (--customer, --case, …) or --all".to_owned(),
            )),
            (false, true) => Err(Trouble::Usage(
                "--all stands alone: leave it out, or the ids and selectors".to_owned(),
            )),
            _ => Ok(selector),
        }
    }
}
