//! What goes into the engine beside messages, and what comes out beside decisions.

use std::time::Duration;

use postern_mail::{
    BatchId, CampaignId, CaseId, CustomerId, Decision, Hit, MessageId, Origin, Timestamp,
};
use serde::{Deserialize, Serialize};

/// What the engine says to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What becomes of the message.
    pub decision: Decision,
    /// What becomes of other things because of it.
    pub acts: Vec<Act>,
}

/// Something for the driver to carry out. Kept mail is named by batch or campaign, so that the
/// engine need not remember each message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Let the batch go, in the order in which it came, spread over this time.
    Release {
        /// Which.
        batch: BatchId,
        /// Over how long.
        spread: Duration,
    },
    /// Keep the batch until a person decides.
    Quarantine {
        /// Which.
        batch: BatchId,
        /// Under which case.
        case: CaseId,
        /// Why.
        hits: Vec<Hit>,
    },
    /// A customer, or one origin of it, is suspended: [`crate::Engine::admit`] refuses it from now on.
    Suspend {
        /// Whose.
        customer: CustomerId,
        /// Which origin; `None`: all of the customer.
        origin: Option<Origin>,
        /// Why.
        case: CaseId,
        /// Until when, unless something more happens.
        until: Option<Timestamp>,
    },
    /// A new case is open.
    OpenCase(CaseId),
    /// Let all kept mail of a campaign go.
    ReleaseCampaign {
        /// Which.
        campaign: CampaignId,
        /// Over how long.
        spread: Duration,
    },
    /// Keep all kept mail of a campaign until a person decides.
    QuarantineCampaign {
        /// Which.
        campaign: CampaignId,
        /// Under which case, if any.
        case: Option<CaseId>,
        /// Why.
        hits: Vec<Hit>,
    },
    /// Let one kept message go.
    ReleaseMessage {
        /// Which.
        message: MessageId,
    },
    /// Keep one kept message until a person decides.
    QuarantineMessage {
        /// Which.
        message: MessageId,
        /// Why.
        hits: Vec<Hit>,
    },
}

/// News for the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lesson {
    /// An upstream took the message, at once or later. Nothing else counts of a message before.
    Forwarded {
        /// Which.
        message: MessageId,
    },
    /// The upstream's own last word on one recipient, in its session or in a log.
    Feedback {
        /// Which message.
        message: MessageId,
        /// Whose mailbox.
        recipient: String,
        /// What became of it.
        class: Fate,
    },
    /// Somebody complained about the message.
    Complaint {
        /// Which.
        message: MessageId,
    },
    /// A person's word on a message, whatever has become of it.
    Verdict {
        /// Which.
        message: MessageId,
        /// Spam, or not.
        spam: bool,
        /// On all of its campaign, or on it alone.
        campaign: bool,
    },
    /// A person grants room.
    Allowance {
        /// To whom.
        customer: CustomerId,
        /// How many recipients.
        recipients: u32,
        /// From when.
        from: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// A person suspends.
    Suspend {
        /// Whom.
        customer: CustomerId,
        /// Which origin; `None`: all.
        origin: Option<Origin>,
        /// Who, and why.
        reason: String,
    },
    /// A person ends a suspension: counters, evidence and case of the origin start anew.
    Resume {
        /// Whom.
        customer: CustomerId,
        /// Which origin; `None`: all.
        origin: Option<Origin>,
    },
    /// A person let kept mail of this origin go as innocent.
    Released {
        /// Which message of it.
        message: MessageId,
    },
    /// All upstreams together are there, or not.
    Upstream {
        /// Whether they are there.
        up: bool,
    },
}

/// What became of a message to one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is in the mailbox.
    Delivered,
    /// There is no such mailbox.
    UnknownUser,
    /// The mailbox is full.
    MailboxFull,
    /// Refused as spam or by policy.
    SpamBlocked,
    /// Refused for speed.
    RateLimited,
    /// Put off; another word follows.
    Greylisted,
    /// Anything else.
    Other,
}

/// One cause under review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its id.
    pub id: CaseId,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When something was last added to it.
    pub last_at: Timestamp,
    /// The senders it is about, with their customers.
    pub origins: Vec<(CustomerId, Origin)>,
    /// Its campaigns, as far as it has any.
    pub campaigns: Vec<CampaignId>,
    /// Messages quarantined or refused under it.
    pub messages: u64,
    /// Their recipients.
    pub recipients: u64,
    /// Messages of its origins that were handed on before.
    pub escaped: u64,
    /// Why it was opened.
    pub hits: Vec<Hit>,
    /// Some of its messages.
    pub samples: Vec<MessageId>,
    /// Whether a person has closed it.
    pub closed: bool,
}

/// A sender who may not send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Whose.
    pub customer: CustomerId,
    /// Which origin; `None`: all.
    pub origin: Option<Origin>,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Option<Timestamp>,
    /// The case, where the engine suspended.
    pub case: Option<CaseId>,
    /// Who and why, where a person did.
    pub reason: String,
}
