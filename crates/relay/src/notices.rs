//! Where notices may go, and what the queue's events mean for log, counters, journal and engine.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;
use std::sync::atomic::Ordering;

use postern_mail::{Address, Directory, MessageId, OriginKind, Reply, Submission, Timestamp};
use postern_queue::{JournalEntry, Notices, QueueEvent, What};
use postern_scoring::{Act, Engine, Lesson};
use serde_json::{Value, json};
use tracing::{error, info, warn};

use crate::feedback::fate;
use crate::relay::Relay;

/// The relay as the queue sees it. Weak, since the relay owns the queue.
pub(crate) struct FromQueue(pub(crate) Weak<Relay>);

impl Notices for FromQueue {
    fn bounce_to(&self, submission: &Submission) -> Option<Address> {
        let relay = self.0.upgrade()?;
        let live = relay.live.load();
        verified(&live.directory, submission).or_else(|| live.config.postmaster.clone())
    }

    fn hostname(&self) -> String {
        self.0.upgrade().map(|r| r.live.load().config.hostname.clone()).unwrap_or_default()
    }

    fn event(&self, event: QueueEvent) {
        let Some(relay) = self.0.upgrade() else { return };
        relay.heard(&event);
    }
}

/// An address that the customer provably owns: the sender of the envelope when its domain is the
/// customer's, else the mailbox that logged in. Anything else could be a stranger's.
fn verified(directory: &Directory, submission: &Submission) -> Option<Address> {
    let customer = submission.identity.customer.as_ref()?;
    let origin = &submission.identity.origin;
    let login = (origin.kind == OriginKind::Login).then(|| Address::parse(&origin.name).ok());
    let owned = |address: &Address| {
        directory.owners(&address.domain().to_lowercase()).any(|owner| owner.id == *customer)
    };
    submission.envelope.mail_from.clone().filter(&owned).or_else(|| login.flatten().filter(&owned))
}

impl Relay {
    /// Something happened to kept mail.
    fn heard(&self, event: &QueueEvent) {
        let id = event.submission.id;
        let (name, detail) = told(&event.what);
        match &event.what {
            What::Unnotified { .. } | What::Damaged { .. } | What::Expired { .. } => {
                warn!(event = name, %id, detail = %detail);
            }
            _ => info!(event = name, %id, detail = %detail),
        }
        if matches!(event.what, What::Forwarded { .. } | What::RefusedUpstream { .. }) {
            self.upstreams_are(true);
        }
        match &event.what {
            What::Forwarded { whole: true, .. } => self.counters.forwarded.count(),
            What::Bounced { .. } => self.counters.bounced.count(),
            _ => {}
        }
        let now = self.clock.now();
        let what = Outcome { id, detail };
        self.queue.journal().append(&JournalEntry { at: now, event: name, what });
        self.learn(&lessons(id, &event.what));
    }

    /// Teaches the engine, and has its acts carried out without waiting here.
    pub(crate) fn learn(&self, lessons: &[Lesson]) {
        self.ask_engine(|engine, now| {
            lessons.iter().flat_map(|lesson| engine.learn(lesson, now)).collect()
        });
    }

    /// Lets the engine look at what is due.
    pub(crate) fn tick(&self) {
        self.ask_engine(Engine::tick);
    }

    /// A panic in the engine costs this one question: what an upstream has taken stays taken.
    fn ask_engine(&self, ask: impl FnOnce(&mut Engine, Timestamp) -> Vec<Act>) {
        let now = self.clock.now();
        let asked = catch_unwind(AssertUnwindSafe(|| {
            let mut engine = self.engine.lock();
            let before = engine.due();
            let acts = ask(&mut engine, now);
            (acts, engine.due() != before)
        }));
        let Ok((acts, timers_changed)) = asked else {
            self.counters.unjudged.count();
            return error!("the engine failed on a lesson or a timer");
        };
        if timers_changed {
            self.sooner.notify_one();
        }
        self.act(acts);
    }

    /// The upstreams are there, or not; the engine hears of each change.
    pub(crate) fn upstreams_are(&self, up: bool) {
        if self.upstreams_up.swap(up, Ordering::Relaxed) != up {
            self.learn(&[Lesson::Upstream { up }]);
        }
    }
}

#[derive(serde::Serialize)]
struct Outcome {
    id: MessageId,
    detail: Value,
}

/// Name and detail of an event, for log and journal.
fn told(what: &What) -> (&'static str, Value) {
    match what {
        What::Forwarded { recipients, reply, server, .. } => {
            let reply = reply.as_ref().map(ToString::to_string);
            (
                "forwarded",
                json!({ "recipients": recipients.len(), "reply": reply, "server": server }),
            )
        }
        What::RefusedUpstream { recipients, server } => {
            let first = recipients.first().map(|(_, reply)| reply.to_string());
            let count = recipients.len();
            ("refused-upstream", json!({ "recipients": count, "reply": first, "server": server }))
        }
        What::Deferred { recipients, attempts, next_at, .. } => {
            let first = recipients.first().map(|(_, answer)| answer);
            let next_at = next_at.to_string();
            ("deferred", json!({ "attempts": attempts, "next_at": next_at, "answer": first }))
        }
        What::Expired { recipients } => ("expired", json!({ "recipients": recipients.len() })),
        What::RefusedHere { recipients, why } => {
            ("refused-here", json!({ "recipients": recipients.len(), "why": why }))
        }
        What::Bounced { notice, recipients, .. } => {
            ("bounced", json!({ "notice": notice, "recipients": recipients.len() }))
        }
        What::Unnotified { recipients, why } => {
            ("unnotified", json!({ "recipients": recipients.len(), "why": why }))
        }
        What::Released { by, from } => ("released", json!({ "by": by, "from": from.to_string() })),
        What::Damaged { why } => ("damaged", json!({ "why": why })),
    }
}

/// What the engine learns of it.
fn lessons(message: MessageId, what: &What) -> Vec<Lesson> {
    match what {
        What::Forwarded { .. } => vec![Lesson::Forwarded { message }],
        What::RefusedUpstream { recipients, .. } => {
            refusals(message, recipients.iter().map(|(to, reply)| (to, reply)))
        }
        _ => Vec::new(),
    }
}

/// An upstream was given a message and has refused these recipients for good.
pub(crate) fn refusals<'a>(
    message: MessageId,
    refused: impl Iterator<Item = (&'a Address, &'a Reply)>,
) -> Vec<Lesson> {
    let feedback = refused.map(|(to, reply)| Lesson::Feedback {
        message,
        recipient: to.as_str().to_owned(),
        class: fate(reply),
    });
    [Lesson::Forwarded { message }].into_iter().chain(feedback).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use postern_mail::{
        Client, Customer, CustomerId, Envelope, Identity, Method, Origin, Timestamp,
    };

    use super::*;

    #[test]
    fn notices_go_to_owned_addresses_only() {
        let customer = |id: &str, domain: &str| Customer {
            id: CustomerId::new(id),
            name: id.to_owned(),
            reseller: None,
            plan: "S".to_owned(),
            since_day: 0,
            domains: vec![domain.into()],
            networks: Vec::new(),
            logins: Vec::new(),
            certs: Vec::new(),
            limits: BTreeMap::new(),
        };
        let all = vec![customer("a", "a.example"), customer("b", "b.example")];
        let directory = Directory::build(all).unwrap();
        let rows = [
            (Some("x@a.example"), "login:m@a.example", Some("x@a.example")),
            (Some("x@A.example"), "script:/x.php", Some("x@A.example")),
            (Some("x@b.example"), "login:m@a.example", Some("m@a.example")),
            (Some("x@b.example"), "script:/x.php", None),
            (Some("x@c.example"), "login:site1", None),
        ];
        for (from, origin, expect) in rows {
            let submission = Submission {
                id: MessageId::new(Timestamp::default(), 0),
                received_at: Timestamp::default(),
                identity: Identity {
                    customer: Some(CustomerId::new("a")),
                    reseller: None,
                    origin: Origin::parse(origin).unwrap(),
                    method: Method::Auth,
                },
                client: Client {
                    ip: "192.0.2.1".parse().unwrap(),
                    helo: String::new(),
                    tls: false,
                    esmtp: true,
                    queues: false,
                },
                envelope: Envelope {
                    mail_from: from.map(|from| from.parse().unwrap()),
                    ..Envelope::default()
                },
                size: 0,
            };
            let found = verified(&directory, &submission);
            assert_eq!(found.as_ref().map(Address::as_str), expect, "{from:?} {origin}");
        }
    }
}
