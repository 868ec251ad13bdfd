//! Mail that waits, as lists and people see it: what is kept, in which state, and how it is chosen.

use std::sync::Arc;
use std::time::Duration;

use postern_mail::{
    BatchId, CampaignId, CaseId, Content, CustomerId, Decision, MessageId, Origin, Submission,
    Timestamp,
};
use serde::{Deserialize, Serialize};

/// What is to be kept.
pub struct Keep {
    /// The message as it came in.
    pub submission: Submission,
    /// What the engine decided of it.
    pub decision: Decision,
    /// As what it is kept.
    pub state: KeepState,
    /// Through which pool it leaves.
    pub pool: String,
    /// Exactly the octets that will leave.
    pub content: Arc<dyn Content>,
}

/// As what a message is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepState {
    /// To be handed on now.
    Ready,
    /// A handoff of it is still running in session; [`crate::Queue::settle`] ends it.
    InFlight,
    /// To be handed on, not before `until`.
    Paced {
        /// When it may leave.
        until: Timestamp,
    },
    /// Held: its release at `until` is written down like any other.
    Held {
        /// When the hold ends by itself.
        until: Timestamp,
    },
    /// Kept until a person decides, or its time is over.
    Quarantined,
}

/// In which state a kept message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Waits for its first or next try.
    Ready,
    /// Handed on in session, right now.
    InFlight,
    /// Waits for its time.
    Paced,
    /// Waits for the end of its hold.
    Held,
    /// Waits for a person.
    Quarantined,
    /// Its octets in the store are damaged: set aside for a person to look at.
    Damaged,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Ready, Self::InFlight, Self::Paced, Self::Held, Self::Quarantined, Self::Damaged];

    /// As it stands in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::InFlight => "in-flight",
            Self::Paced => "paced",
            Self::Held => "held",
            Self::Quarantined => "quarantined",
            Self::Damaged => "damaged",
        }
    }

    /// As it stands in the database; these numbers never change their meaning.
    pub(crate) fn number(self) -> i64 {
        self as i64
    }

    pub(crate) fn from_number(number: i64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far one recipient has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Still to be handed on; what was answered last, if anything.
    Pending(Option<String>),
    /// An upstream took it.
    Accepted,
    /// Refused for good, with what words; its sender has been told where that is possible.
    Refused(String),
}

impl Progress {
    /// Whether it is still to be handed on.
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::Pending(_))
    }
}

/// One kept message.
#[derive(Debug, Clone)]
pub struct Item {
    /// As it came in.
    pub submission: Arc<Submission>,
    /// What was decided of it, with what was added since.
    pub decision: Decision,
    /// Where it stands.
    pub state: State,
    /// When the next thing happens to it: the next try, the end of its hold, its expiry.
    pub due: Timestamp,
    /// Through which pool it leaves.
    pub pool: String,
    /// Handoffs so far.
    pub attempts: u32,
    /// What was answered last.
    pub last_answer: Option<String>,
    /// One for each recipient of the envelope, in its order.
    pub progress: Vec<Progress>,
}

/// Which messages are meant. Everything given must fit; the default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selector {
    /// These; empty: any.
    pub ids: Vec<MessageId>,
    /// Of this customer.
    pub customer: Option<CustomerId>,
    /// Of this origin.
    pub origin: Option<Origin>,
    /// Of which this rule spoke.
    pub rule: Option<String>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// Of this case.
    pub case: Option<CaseId>,
    /// Of this batch.
    pub batch: Option<BatchId>,
    /// In one of these states; empty: any.
    pub states: Vec<State>,
    /// Received at least this long ago.
    pub older_than: Option<Duration>,
    /// Received at most this long ago.
    pub younger_than: Option<Duration>,
    /// No more than this many, oldest first.
    pub limit: Option<usize>,
}

/// What a person does, for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonAct {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// A line of the record of people's acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What: `release`, `refuse`, `suspend`, `resume`, …
    pub act: String,
    /// To what: a selector, a customer, an origin; for people.
    pub target: String,
    /// Why.
    pub reason: String,
    /// How many messages it touched.
    pub messages: u64,
}

/// Messages that wait now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Ready, being retried, or in flight.
    pub queued: u64,
    /// Paced.
    pub paced: u64,
    /// Held.
    pub held: u64,
    /// Quarantined.
    pub quarantined: u64,
    /// Set aside because their octets are damaged.
    pub damaged: u64,
}
