//! What happened to messages since the process began, counted once each at the answer.

use std::sync::atomic::{AtomicU64, Ordering};

use postern_mail::{Reply, Verb};

/// Message counts since start. What waits now is counted by the queue.
#[derive(Debug, Default)]
pub struct Counters {
    /// Answered 250.
    pub accepted: Counter,
    /// Handed to an upstream that said 250, in session or from the queue.
    pub forwarded: Counter,
    /// Answered 5xx at the end of data, or before it by policy.
    pub refused: Counter,
    /// Answered 4xx at the end of data, or before it by policy.
    pub deferred: Counter,
    /// Given back with a notice after they had been accepted.
    pub bounced: Counter,
    /// Messages that the engine could not judge: they went the way that the config says.
    pub unjudged: Counter,
    /// Failed AUTH.
    pub auth_failed: Counter,
    /// What was decided; in observe mode, what would have been done.
    pub decided: Decided,
}

/// Decisions by verb, in the order of [`Verb`].
#[derive(Debug, Default)]
pub struct Decided([Counter; 6]);

impl Decided {
    /// Counts a decision.
    pub(crate) fn count(&self, verb: Verb) {
        self.0[verb as usize].count();
    }

    /// How many of this verb.
    pub fn value(&self, verb: Verb) -> u64 {
        self.0[verb as usize].value()
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// So far.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// Counts the answer to a message.
    pub(crate) fn answered(&self, reply: &Reply) {
        match reply.code {
            200..300 => self.accepted.count(),
            500.. => self.refused.count(),
            _ => self.deferred.count(),
        }
    }
}
