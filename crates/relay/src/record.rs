//! What is written down of each message: a log line for people, a journal line for good. No bodies.

use postern_mail::{Decision, Identity, MessageId, Reply, Submission};
use postern_queue::JournalEntry;
use postern_scoring::Facts;
use serde::Serialize;
use tracing::info;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::relay::Relay;
use crate::visitor::Visitor;

/// A message was answered.
pub(crate) fn answered(
    relay: &Relay,
    submission: &Submission,
    decision: &Decision,
    facts: Option<&Facts>,
    reply: &Reply,
) {
    let Submission { id, received_at, identity, client, envelope, size } = submission;
    let sender = envelope.mail_from.as_ref().map_or("<>", |from| from.as_str());
    info!(
        event = "answered",
        %id,
        customer = identity.customer.as_ref().map_or("-", |c| c.as_str()),
        origin = ?identity.origin.to_string(),
        lane = %decision.lane,
        decision = %decision.verb,
        score = %decision.score(),
        rules = %Rules(decision),
        case = decision.case.as_ref().map_or("-", |c| c.as_str()),
        client = %client.ip,
        from = ?sender,
        recipients = envelope.recipients.len(),
        bytes = size,
        reply = ?reply.to_string(),
    );
    let hashed = |recipient: &postern_mail::Recipient| {
        xxh3_64_with_seed(recipient.address.folded().as_bytes(), relay.key)
    };
    let what = Answered {
        id: *id,
        identity,
        client: client.ip.to_string(),
        mail_from: sender,
        recipients: envelope.recipients.iter().take(RECIPIENTS_MAX).map(hashed).collect(),
        recipient_count: envelope.recipients.len(),
        size: *size,
        facts,
        decision,
        reply: reply.to_string(),
    };
    relay.queue.journal().append(&JournalEntry { at: *received_at, event: "answered", what });
}

/// A journal line that tells how a message was judged.
#[derive(Serialize)]
struct Answered<'a> {
    id: MessageId,
    identity: &'a Identity,
    client: String,
    mail_from: &'a str,
    /// Keyed hashes: the journal tells whether two went to the same one, not who it was.
    recipients: Vec<u64>,
    recipient_count: usize,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<&'a Facts>,
    decision: &'a Decision,
    reply: String,
}

/// A journal line stays small, whatever the envelope.
const RECIPIENTS_MAX: usize = 20;

/// Mail was refused before it was judged: nobody's, a suspended sender's, or one that loops.
pub(crate) fn turned_away(relay: &Relay, visitor: &Visitor, reply: Reply) -> Reply {
    relay.counters.answered(&reply);
    info!(event = "turned-away", client = %visitor.client_ip(), login = visitor.login(), reply = ?reply.to_string());
    reply
}

/// Rule ids with points.
struct Rules<'a>(&'a Decision);

impl std::fmt::Display for Rules<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, hit) in self.0.hits.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{}={}", hit.rule, hit.points)?;
        }
        Ok(())
    }
}
