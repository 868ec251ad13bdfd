//! What is asked of the relay.

use serde::{Deserialize, Serialize};

/// Which kept messages are meant. Everything given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selector {
    /// Where they are kept.
    pub kept: Kept,
    /// These; empty: any.
    pub ids: Vec<String>,
    /// Of this customer.
    pub customer: Option<String>,
    /// Of this origin (`login:…`, `script:…`, `ip:…`).
    pub origin: Option<String>,
    /// Of which this rule spoke.
    pub rule: Option<String>,
    /// Of this campaign.
    pub campaign: Option<String>,
    /// Of this case.
    pub case: Option<String>,
    /// Received at least so many seconds ago.
    pub older_than_seconds: Option<u64>,
    /// Received at most so many seconds ago.
    pub younger_than_seconds: Option<u64>,
    /// No more than this many, oldest first.
    pub limit: Option<usize>,
}

/// Where messages are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// Waiting to be handed on: ready, in flight, paced.
    #[default]
    Queue,
    /// Waiting for a decision: held, quarantined, damaged.
    Quarantine,
    /// Anywhere.
    Anywhere,
}

/// What a person does to messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// To which.
    pub selector: Selector,
    /// Why.
    pub reason: String,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// The person behind `sudo`, as the client says; the user of the socket is known without it.
    #[serde(default)]
    pub behalf: Option<String>,
}

/// Whom a person suspends or resumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The customer.
    pub customer: String,
    /// One origin of it; absent: all of the customer.
    #[serde(default)]
    pub origin: Option<String>,
    /// Why.
    pub reason: String,
    /// The person behind `sudo`, as the client says.
    #[serde(default)]
    pub behalf: Option<String>,
}
