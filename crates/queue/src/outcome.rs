//! What a handoff means for a message: who is done, who failed, who is tried again. Pure.

use std::sync::Arc;

use postern_mail::{Address, Enhanced, Submission, Timestamp};

use crate::bounce::{Failure, Words};
use crate::schedule::next_try;
use crate::store::Record;
use crate::{Delivery, Later, Outcome, Progress, Settings, What};

/// The verdict on one message after something happened to it.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Of each recipient.
    pub(crate) progress: Vec<Progress>,
    /// What was answered last.
    pub(crate) last_answer: Option<String>,
    /// Whether an upstream was asked.
    pub(crate) attempted: bool,
    /// When it is tried again; `None`: nobody is pending any more.
    pub(crate) next_at: Option<Timestamp>,
    /// Whom the sender must hear of.
    pub(crate) failures: Vec<Failure>,
    /// For the relay.
    pub(crate) events: Vec<What>,
}

/// When a try that failed is repeated.
pub(crate) struct Retry {
    pub(crate) settings: Arc<Settings>,
    /// Evenly spread over 0..1.
    pub(crate) chance: f64,
}

/// `asked` are the recipients (by place) that `delivery` is about, in its order.
pub(crate) fn of_delivery(
    record: &Record,
    asked: &[usize],
    delivery: &Delivery,
    now: Timestamp,
    retry: &Retry,
) -> Ended {
    let item = &record.item;
    let end = record.since.plus(retry.settings.max_age);
    let over = now >= end;
    let mut parts = Parts::default();
    let mut progress = item.progress.clone();
    let silent = Outcome::Later(Later::Trouble("nothing was said about this recipient".to_owned()));
    for (nth, place) in asked.iter().enumerate() {
        let Some(standing) = progress.get_mut(*place) else { continue };
        *standing = match delivery.outcomes.get(nth).unwrap_or(&silent) {
            Outcome::Accepted => parts.accepted(*place),
            Outcome::Refused(reply) => {
                parts.refused.push((*place, reply.clone()));
                parts.failed(Failure::refused(*place, reply))
            }
            Outcome::Later(later) if over => parts.expired(*place, words(later)),
            Outcome::Later(later) => parts.later(*place, words(later)),
        };
    }
    let attempts = item.attempts + 1;
    let pending = progress.iter().any(Progress::is_pending);
    let next_at =
        pending.then(|| next_try(now, attempts, &retry.settings.retry, end, retry.chance));
    let events = parts.events(&item.submission, delivery, attempts, next_at, &progress);
    let last_answer =
        parts.last_answer.or_else(|| delivery.reply.as_ref().map(ToString::to_string));
    Ended { progress, last_answer, attempted: true, next_at, failures: parts.failures, events }
}

/// Everybody who is pending is told that it is over: `why`, for people.
pub(crate) fn given_up(record: &Record, status: Enhanced, why: &str, expired: bool) -> Ended {
    let item = &record.item;
    let mut progress = item.progress.clone();
    let mut failures = Vec::new();
    for (place, standing) in progress.iter_mut().enumerate() {
        let Progress::Pending(last) = standing else { continue };
        let words = match last.take().filter(|_| expired) {
            Some(last) => format!("{why}; the last answer was: {last}"),
            None => why.to_owned(),
        };
        *standing = Progress::Refused(words.clone());
        failures.push(Failure { recipient: place, status, words: Words::Own(words) });
    }
    let places: Vec<usize> = failures.iter().map(|failure| failure.recipient).collect();
    let recipients = addresses(&item.submission, &places);
    let event = if expired {
        What::Expired { recipients }
    } else {
        What::RefusedHere { recipients, why: why.to_owned() }
    };
    let last_answer = Some(why.to_owned());
    let events = vec![event];
    Ended { progress, last_answer, attempted: false, next_at: None, failures, events }
}

/// RFC 3463 §3.5: delivery time expired.
pub(crate) const EXPIRED: Enhanced = Enhanced(5, 4, 7);
/// RFC 3463 §3.4: mail system status, other.
pub(crate) const DAMAGED: Enhanced = Enhanced(5, 3, 0);
/// RFC 3463 §3.8: not authorised, message refused.
pub(crate) const REFUSED: Enhanced = Enhanced(5, 7, 1);

#[derive(Default)]
struct Parts {
    accepted: Vec<usize>,
    refused: Vec<(usize, postern_mail::Reply)>,
    expired: Vec<usize>,
    later: Vec<(usize, String)>,
    failures: Vec<Failure>,
    last_answer: Option<String>,
}

impl Parts {
    fn accepted(&mut self, place: usize) -> Progress {
        self.accepted.push(place);
        Progress::Accepted
    }

    fn failed(&mut self, failure: Failure) -> Progress {
        let text = failure.text().to_owned();
        self.last_answer = Some(text.clone());
        self.failures.push(failure);
        Progress::Refused(text)
    }

    fn expired(&mut self, place: usize, last: String) -> Progress {
        self.expired.push(place);
        let words = Words::Own(format!("not delivered in time; the last answer was: {last}"));
        self.failed(Failure { recipient: place, status: EXPIRED, words })
    }

    fn later(&mut self, place: usize, last: String) -> Progress {
        self.last_answer = Some(last.clone());
        self.later.push((place, last.clone()));
        Progress::Pending(Some(last))
    }

    fn events(
        &self,
        submission: &Submission,
        delivery: &Delivery,
        attempts: u32,
        next_at: Option<Timestamp>,
        progress: &[Progress],
    ) -> Vec<What> {
        let mut events = Vec::new();
        let server = delivery.server;
        if !self.accepted.is_empty() {
            events.push(What::Forwarded {
                recipients: addresses(submission, &self.accepted),
                reply: delivery.reply.clone(),
                server,
                whole: progress.iter().all(|p| *p == Progress::Accepted),
            });
        }
        let named = |place: usize| submission.envelope.recipients.get(place);
        if !self.refused.is_empty() {
            let told = |(place, reply): &(usize, postern_mail::Reply)| {
                Some((named(*place)?.address.clone(), reply.clone()))
            };
            let recipients = self.refused.iter().filter_map(told).collect();
            events.push(What::RefusedUpstream { recipients, server });
        }
        if !self.expired.is_empty() {
            events.push(What::Expired { recipients: addresses(submission, &self.expired) });
        }
        if let Some(next_at) = next_at
            && !self.later.is_empty()
        {
            let told = |(place, last): &(usize, String)| {
                Some((named(*place)?.address.clone(), last.clone()))
            };
            let recipients = self.later.iter().filter_map(told).collect();
            events.push(What::Deferred { recipients, attempts, next_at, server });
        }
        events
    }
}

fn words(later: &Later) -> String {
    match later {
        Later::Reply(reply) => reply.to_string(),
        Later::Trouble(what) => what.clone(),
    }
}

pub(crate) fn addresses(submission: &Submission, places: &[usize]) -> Vec<Address> {
    let recipients = &submission.envelope.recipients;
    places.iter().filter_map(|place| Some(recipients.get(*place)?.address.clone())).collect()
}
