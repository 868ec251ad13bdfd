//! What the relay answers.

use serde::{Deserialize, Serialize};

/// Counts since the start, what waits now, and the upstreams.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// `observe` or `enforce`.
    pub mode: String,
    /// The relay's name.
    pub hostname: String,
    /// Of the program.
    pub version: String,
    /// An earlier process still hands on what waits; these counts are this process's own.
    #[serde(default)]
    pub standby: bool,
    /// Version of the config.
    pub config: String,
    /// Customers in the directory.
    pub customers: u64,
    /// Messages answered 250 since the start.
    pub accepted: u64,
    /// Messages that an upstream took since the start.
    pub forwarded: u64,
    /// Messages answered 5xx since the start.
    pub refused: u64,
    /// Messages answered 4xx since the start.
    pub deferred: u64,
    /// Messages given back with a notice since the start.
    pub bounced: u64,
    /// Messages that the engine could not judge since the start.
    pub unjudged: u64,
    /// Failed logins since the start.
    pub auth_failed: u64,
    /// Messages since the start by what was decided; in observe mode, what would have been done.
    pub decided: Decided,
    /// Messages that wait to be handed on, now.
    pub queued: u64,
    /// Messages that are slowed down, now.
    pub paced: u64,
    /// Messages held back, now.
    pub held: u64,
    /// Messages that wait for a person, now.
    pub quarantined: u64,
    /// Messages set aside because the disk gave them back damaged.
    pub damaged: u64,
    /// Cases that nobody has closed.
    pub cases: u64,
    /// Customers and origins that may not send.
    pub suspended: u64,
    /// The upstreams.
    pub upstreams: Vec<ServerRow>,
}

/// Messages by decision, since the start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Decided {
    /// Slowed down.
    pub pace: u64,
    /// Held back for some minutes.
    pub hold: u64,
    /// Kept until a person decides.
    pub quarantine: u64,
    /// Answered 5xx by policy.
    pub refuse: u64,
    /// Answered 4xx by policy.
    pub defer: u64,
}

/// One upstream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerRow {
    /// Its pool.
    pub pool: String,
    /// `host:port`.
    pub server: String,
    /// Whether mail is given to it.
    pub up: bool,
    /// Failures since the last success.
    pub failures: u32,
    /// When it last took something.
    pub last_success: Option<String>,
    /// When it last failed.
    pub last_failure: Option<String>,
    /// How it failed.
    pub last_error: Option<String>,
    /// Connections that carry a message.
    pub busy: u64,
    /// Connections kept for the next one.
    pub idle: u64,
}

/// A rule that spoke.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// Its points.
    pub points: f64,
    /// The figures and the threshold.
    pub why: String,
}

/// A kept message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MessageRow {
    /// As in the SMTP reply and the log.
    pub id: String,
    /// Whose; `null`: nobody's.
    pub customer: Option<String>,
    /// `login:…`, `script:…`, `ip:…`
    pub origin: String,
    /// Kind of mail.
    pub lane: String,
    /// `ready`, `in-flight`, `paced`, `held`, `quarantined`, `damaged`.
    pub state: String,
    /// When it came.
    pub received_at: String,
    /// When the next thing happens to it: a try, the end of its hold, its expiry.
    pub due: String,
    /// Empty for the null sender.
    pub mail_from: String,
    /// All of them.
    pub recipients: Vec<String>,
    /// What the engine said.
    pub decision: String,
    /// Points of all rules.
    pub score: f64,
    /// Why.
    pub rules: Vec<Rule>,
    /// Messages nearly the same have the same one.
    pub campaign: Option<String>,
    /// Its case.
    pub case: Option<String>,
    /// Size in bytes.
    pub size: u64,
    /// Through which upstreams it leaves.
    pub pool: String,
    /// Handoffs so far.
    pub attempts: u32,
    /// What was answered last.
    pub last_answer: Option<String>,
}

/// A kept message with what can be read of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MessageView {
    /// As in lists.
    #[serde(flatten)]
    pub row: MessageRow,
    /// How its sender was identified.
    pub method: String,
    /// The client's address.
    pub client: String,
    /// What the client said in HELO.
    pub helo: String,
    /// How far each recipient has come.
    pub progress: Vec<RecipientRow>,
    /// Header fields, decoded, in their order.
    pub header: Vec<(String, String)>,
    /// Its text, the beginning of it.
    pub text: String,
    /// Its other parts, named.
    pub parts: Vec<String>,
}

/// How far one recipient has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RecipientRow {
    /// Its address.
    pub recipient: String,
    /// `pending`, `accepted`, `refused`.
    pub state: String,
    /// What was answered last.
    pub answer: Option<String>,
}

/// What was done, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// To these messages.
    pub ids: Vec<String>,
    /// To how many.
    pub messages: u64,
    /// Those that were named but are not there, or are not kept where they were looked for.
    pub missing: Vec<String>,
    /// Nothing was done, this is what would be.
    pub dry_run: bool,
}

/// One cause under review.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CaseRow {
    /// Its id.
    pub id: String,
    /// `open` or `closed`.
    pub state: String,
    /// When it was opened.
    pub opened_at: String,
    /// When something was last added to it.
    pub last_at: String,
    /// The customer; the first one where there are several.
    pub customer: Option<String>,
    /// The origin; the first one where there are several.
    pub origin: Option<String>,
    /// All senders it is about, as customer and origin.
    pub origins: Vec<(String, String)>,
    /// Messages quarantined or refused under it.
    pub messages: u64,
    /// Their recipients.
    pub recipients: u64,
    /// Messages of its senders that were handed on before.
    pub escaped: u64,
    /// Why it was opened.
    pub rules: Vec<Rule>,
    /// Its campaigns.
    pub campaigns: Vec<String>,
    /// Some of its messages.
    pub samples: Vec<String>,
}

/// Who may not send.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspensionRow {
    /// Whose.
    pub customer: String,
    /// Which origin; `null`: all of the customer.
    pub origin: Option<String>,
    /// Since when.
    pub since: String,
    /// Until when, unless something more happens; `null`: until a person ends it.
    pub until: Option<String>,
    /// The case, where the engine suspended.
    pub case: Option<String>,
    /// Who and why.
    pub reason: String,
}

/// A customer, and how things stand with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CustomerView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who manages it.
    pub reseller: Option<String>,
    /// Its plan.
    pub plan: String,
    /// First day of the contract.
    pub since: String,
    /// Its domains.
    pub domains: Vec<String>,
    /// Its networks.
    pub networks: Vec<String>,
    /// Its logins.
    pub logins: Vec<String>,
    /// What of it may not send.
    pub suspensions: Vec<SuspensionRow>,
    /// Its cases.
    pub cases: Vec<CaseRow>,
    /// Its kept messages by state.
    pub kept: Vec<StateCount>,
}

/// A number of messages in one state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateCount {
    /// The state.
    pub state: String,
    /// How many.
    pub messages: u64,
}

/// What a person did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// When.
    pub at: String,
    /// Who.
    pub by: String,
    /// What: `release`, `refuse`, `suspend`, `resume`, …
    pub act: String,
    /// To what.
    pub target: String,
    /// Why.
    pub reason: String,
    /// How many messages it touched.
    pub messages: u64,
}

/// Why something was not done; for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// One line.
    pub error: String,
}
