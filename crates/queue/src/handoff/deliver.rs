//! One message towards a pool: which servers are tried, in which order, and when to stop.
//!
//! Servers that are up come first, in the pool's order; those that are down are probed last. The
//! next one is tried only after trouble with the connection, and only while the message cannot
//! have been taken. An answer, be it 4xx, ends the search: the servers of a pool are equals, and a
//! message that one of them turned away is not hawked around.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use postern_mail::{Content, Enhanced, Envelope, Reply};
use postern_wire::client::{Answer, Message, Verdict};

use super::server::{Attempt, Server};
use super::trouble::{Failure, Trouble};
use super::{Delivery, Later, Outcome};

/// How long a session may take to be set up while another server is at hand that has not been
/// tried. Half of the default budget of a client's wait, so that the other one fits in too.
const PATIENCE: Duration = Duration::from_secs(2);

/// Parts in which a message goes to a server that takes few recipients at once.
const PARTS_MAX: usize = 50;

/// One message on its way to one pool.
pub(super) struct Job<'a> {
    servers: &'a [Arc<Server>],
    key: Box<str>,
    message: Message,
    content: Arc<dyn Content>,
    /// When it began.
    since: Duration,
    /// What the servers tried so far have left.
    left: Left,
}

/// What to say when no server answers.
#[derive(Default)]
struct Left {
    /// Some server cannot take the message as it is.
    lacks: Option<(Reply, SocketAddr)>,
    /// The last trouble.
    failed: Option<(Failure, Option<SocketAddr>, String)>,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        servers: &'a [Arc<Server>],
        key: Box<str>,
        envelope: Arc<Envelope>,
        content: Arc<dyn Content>,
        since: Duration,
    ) -> Self {
        let utf8_header = envelope.smtputf8 && has_utf8_header(content.head());
        let message = Message { envelope, size: content.size(), utf8_header };
        Self { servers, key, message, content, since, left: Left::default() }
    }

    pub(super) async fn run(mut self) -> Delivery {
        let (up, down): (Vec<_>, Vec<_>) = self.servers.iter().partition(|server| server.is_up());
        let mut again = Vec::new();
        for (i, server) in up.iter().enumerate() {
            // With nobody else to turn to there is time; else it comes back to the slow ones.
            let patience = (i + 1 < up.len() || !again.is_empty()).then_some(PATIENCE);
            let slot = match (server.try_slot(), patience) {
                (Some(slot), _) => slot,
                (None, Some(_)) => {
                    again.push(*server);
                    continue;
                }
                (None, None) => match server.slot(&self.key).await {
                    Ok(slot) => slot,
                    Err(trouble) => {
                        self.left.fail(server, trouble.into(), None);
                        continue;
                    }
                },
            };
            let attempt = server.attempt(slot, &self.message, &*self.content, patience).await;
            if matches!(&attempt, Attempt::Failed(failure, _) if failure.trouble.may_pass()) {
                again.push(*server);
            }
            if let Some(delivery) = self.take(server, attempt).await {
                return delivery;
            }
        }
        for server in again {
            if let Some(delivery) = self.wait_for(server).await {
                return delivery;
            }
        }
        for server in down {
            if server.probe(self.since).await {
                if let Some(delivery) = self.wait_for(server).await {
                    return delivery;
                }
            } else if self.left.failed.is_none() {
                self.left.down(server);
            }
        }
        self.nobody()
    }

    /// Tries a server with all the time it needs.
    async fn wait_for(&mut self, server: &Arc<Server>) -> Option<Delivery> {
        let attempt = match server.slot(&self.key).await {
            Ok(slot) => server.attempt(slot, &self.message, &*self.content, None).await,
            Err(trouble) => Attempt::Failed(trouble.into(), None),
        };
        self.take(server, attempt).await
    }

    /// The delivery, when this attempt decides it.
    async fn take(&mut self, server: &Arc<Server>, attempt: Attempt) -> Option<Delivery> {
        match attempt {
            Attempt::Verdict(verdict, peer) => Some(self.rest(server, verdict, peer).await),
            Attempt::Lacks(reply, peer) => {
                self.left.lacks.get_or_insert((reply, peer));
                None
            }
            Attempt::Failed(failure, peer) if is_final(&failure) => {
                Some(failed(&self.message.envelope, &failure, peer, &server.address))
            }
            Attempt::Failed(failure, peer) => {
                self.left.fail(server, failure, peer);
                None
            }
        }
    }

    /// A server that said "too many recipients" gets the message again for the rest at once, as
    /// often as that brings it further (RFC 5321 §4.5.3.1.10).
    async fn rest(&self, server: &Arc<Server>, first: Verdict, peer: SocketAddr) -> Delivery {
        let mut outcomes: Vec<_> = first.answers.iter().map(|answer| outcome(answer, "")).collect();
        let mut reply = first.reply;
        for _ in 1..PARTS_MAX {
            let rest: Vec<_> = (0..outcomes.len()).filter(|i| is_rest(outcomes.get(*i))).collect();
            if rest.is_empty() || !reply.as_ref().is_some_and(Reply::is_positive) {
                break;
            }
            let envelope = Arc::new(part(&self.message.envelope, &rest));
            let message = Message { envelope, ..self.message.clone() };
            let Ok(slot) = server.slot(&self.key).await else { break };
            let (answers, why) = match server.attempt(slot, &message, &*self.content, None).await {
                Attempt::Verdict(verdict, _) => {
                    reply = verdict.reply.or(reply);
                    (verdict.answers, String::new())
                }
                Attempt::Failed(failure, _) => {
                    let why = explain(&failure, &server.address);
                    let none = || vec![Answer::None; rest.len()];
                    (failure.verdict.map_or_else(none, |verdict| verdict.answers), why)
                }
                Attempt::Lacks(..) => break,
            };
            let before = rest.len();
            let mut left = 0;
            for (i, answer) in rest.iter().zip(&answers) {
                if let Some(place) = outcomes.get_mut(*i) {
                    *place = outcome(answer, &why);
                    left += usize::from(is_rest(Some(place)));
                }
            }
            if !why.is_empty() || left == before {
                break;
            }
        }
        Delivery { outcomes, server: Some(peer), reply }
    }

    /// No server took it, and none turned it away.
    fn nobody(self) -> Delivery {
        let envelope = &self.message.envelope;
        match (self.left.lacks, self.left.failed) {
            (Some((reply, peer)), _) => {
                let outcomes = vec![Outcome::Refused(reply); envelope.recipients.len()];
                Delivery { outcomes, server: Some(peer), reply: None }
            }
            (None, Some((failure, peer, server))) => failed(envelope, &failure, peer, &server),
            (None, None) => {
                let trouble = "the pool has no server".to_owned();
                Delivery::later(envelope, None, Later::Trouble(trouble))
            }
        }
    }
}

impl Left {
    fn fail(&mut self, server: &Server, failure: Failure, peer: Option<SocketAddr>) {
        self.failed = Some((failure, peer, server.address.clone()));
    }

    /// Nothing newer is known than why it is down.
    fn down(&mut self, server: &Server) {
        let what = server.health().last_failure.map_or_else(String::new, |(_, what)| what);
        self.fail(server, Trouble::Down(what).into(), None);
    }
}

/// Whether no other server may be tried.
fn is_final(failure: &Failure) -> bool {
    failure.committed
        || matches!(failure.trouble, Trouble::Content(_) | Trouble::BareNewline)
        || failure.is_answered()
}

fn failed(
    envelope: &Envelope,
    failure: &Failure,
    peer: Option<SocketAddr>,
    server: &str,
) -> Delivery {
    if let Trouble::BareNewline = failure.trouble {
        // RFC 5321 §2.3.8: must not be sent, today or tomorrow.
        let reply = Reply::new(554, 6, 0, "the message holds a bare CR or LF");
        let outcomes = vec![Outcome::Refused(reply); envelope.recipients.len()];
        return Delivery { outcomes, server: peer, reply: None };
    }
    let why = explain(failure, server);
    let later = || match failure.trouble.reply() {
        Some(reply) => Outcome::Later(Later::Reply(reply.clone())),
        None => Outcome::Later(Later::Trouble(why.clone())),
    };
    let outcomes = match &failure.verdict {
        Some(verdict) => verdict
            .answers
            .iter()
            .map(|answer| match answer {
                Answer::Refused(_) | Answer::Later(_) => outcome(answer, &why),
                _ => later(),
            })
            .collect(),
        None => vec![later(); envelope.recipients.len()],
    };
    Delivery { outcomes, server: peer, reply: None }
}

fn explain(failure: &Failure, server: &str) -> String {
    let trouble = &failure.trouble;
    if failure.committed {
        format!("{server}: {trouble}; it may have taken the message")
    } else {
        format!("{server}: {trouble}")
    }
}

fn outcome(answer: &Answer, why: &str) -> Outcome {
    match answer {
        Answer::Accepted => Outcome::Accepted,
        Answer::Refused(reply) => Outcome::Refused(reply.clone()),
        Answer::Later(reply) => Outcome::Later(Later::Reply(reply.clone())),
        Answer::None | Answer::Taken => Outcome::Later(Later::Trouble(why.to_owned())),
    }
}

/// Whether it was left out only since there were too many.
fn is_rest(outcome: Option<&Outcome>) -> bool {
    let Some(Outcome::Later(Later::Reply(reply))) = outcome else { return false };
    matches!(reply.code, 452 | 552) && matches!(reply.enhanced, None | Some(Enhanced(_, 5, 3)))
}

/// The envelope with some of its recipients only.
fn part(envelope: &Envelope, recipients: &[usize]) -> Envelope {
    let recipients =
        recipients.iter().filter_map(|i| envelope.recipients.get(*i)).cloned().collect();
    Envelope { recipients, ..envelope.clone() }
}

/// Whether the header holds octets beyond ASCII. One that is longer than what lies in memory is
/// taken to.
fn has_utf8_header(head: &[u8]) -> bool {
    let end = head.windows(4).position(|octets| octets == b"\r\n\r\n");
    match end {
        Some(end) => !head.get(..end).unwrap_or_default().is_ascii(),
        None => true,
    }
}
