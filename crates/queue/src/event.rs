//! What the queue tells the relay, and what it asks of it.

use std::net::SocketAddr;
use std::sync::Arc;

use postern_mail::{Address, MessageId, Reply, Submission, Timestamp};

/// The relay says where notices may go; the queue never guesses.
pub trait Notices: Send + Sync + 'static {
    /// An address that the customer provably owns, for notices about this message.
    fn bounce_to(&self, submission: &Submission) -> Option<Address>;

    /// This relay's name in notices.
    fn hostname(&self) -> String;

    /// Something happened: for log, counters and the engine. Must not wait.
    fn event(&self, event: QueueEvent);
}

/// Something that happened to a kept message.
#[derive(Debug, Clone)]
pub struct QueueEvent {
    /// To which.
    pub submission: Arc<Submission>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// An upstream took it for these recipients.
    Forwarded {
        /// For whom.
        recipients: Vec<Address>,
        /// The upstream's answer to the end of data.
        reply: Option<Reply>,
        /// Which upstream.
        server: Option<SocketAddr>,
        /// Nobody is pending any more and nobody was refused.
        whole: bool,
    },
    /// An upstream refused these recipients for good.
    RefusedUpstream {
        /// Whom, with what reply.
        recipients: Vec<(Address, Reply)>,
        /// Which upstream.
        server: Option<SocketAddr>,
    },
    /// Not now; another try follows.
    Deferred {
        /// For whom, with what was answered.
        recipients: Vec<(Address, String)>,
        /// Tries so far.
        attempts: u32,
        /// When the next one is due.
        next_at: Timestamp,
        /// Which upstream.
        server: Option<SocketAddr>,
    },
    /// Its time is over for these recipients.
    Expired {
        /// For whom.
        recipients: Vec<Address>,
    },
    /// A person (or the end of its time in quarantine) refused it for these recipients.
    RefusedHere {
        /// For whom.
        recipients: Vec<Address>,
        /// Why, as the notice says it.
        why: String,
    },
    /// A notice of failure was queued.
    Bounced {
        /// The notice's own id.
        notice: MessageId,
        /// Where it goes.
        to: Address,
        /// For whom.
        recipients: Vec<Address>,
    },
    /// These recipients failed and nobody can or wants to be told: a notice itself, `NOTIFY=NEVER`,
    /// or no address that the customer provably owns.
    Unnotified {
        /// For whom.
        recipients: Vec<Address>,
        /// Why there is no notice.
        why: &'static str,
    },
    /// It left hold or quarantine.
    Released {
        /// Who let it go.
        by: String,
        /// When it may leave.
        from: Timestamp,
    },
    /// Its octets in the store are damaged; it is set aside.
    Damaged {
        /// What is wrong.
        why: String,
    },
}
