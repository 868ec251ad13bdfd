//! Wrong passwords by login and by network: somebody guesses, and the abuse team is told.
//!
//! Nobody is locked out by it: then anybody could lock out anybody. Each session may only fail so
//! often (the front end's limit), and each check costs time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;
use postern_mail::{Origin, Timestamp};
use tracing::warn;

/// What failed lately.
#[derive(Default)]
pub(crate) struct Guesses {
    counts: Mutex<HashMap<Box<str>, Count>>,
}

struct Count {
    since: Timestamp,
    failures: u32,
}

impl Guesses {
    /// A password was wrong; alarms once for each login and network that fails often within
    /// [`SPAN`].
    pub(crate) fn failed(&self, login: &str, ip: IpAddr, now: Timestamp) {
        let network = Origin::ip(ip).name;
        for (kind, name) in [("login", login), ("network", &*network)] {
            if self.count(&format!("{kind}:{name}"), now) == ALARM_AT {
                warn!(event = "password-guessing", kind, name = ?name, failures = ALARM_AT);
            }
        }
    }

    fn count(&self, key: &str, now: Timestamp) -> u32 {
        let mut counts = self.counts.lock();
        if counts.len() >= KEYS_MAX {
            counts.retain(|_, count| now.since(count.since) < SPAN);
            // Still full of fresh ones: that many networks are an alarm of their own.
            if counts.len() >= KEYS_MAX {
                counts.clear();
            }
        }
        let count = counts.entry(key.into()).or_insert(Count { since: now, failures: 0 });
        if now.since(count.since) >= SPAN {
            *count = Count { since: now, failures: 0 };
        }
        count.failures += 1;
        count.failures
    }
}

const SPAN: Duration = Duration::from_secs(600);
/// A person mistypes some times, a mail program with an old password tries every few minutes.
const ALARM_AT: u32 = 20;
const KEYS_MAX: usize = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_span_and_bounded() {
        let guesses = Guesses::default();
        let at = |seconds: u64| Timestamp::from_millis(seconds * 1000);
        assert_eq!((1..=25).map(|n| guesses.count("login:a", at(n))).last(), Some(25));
        assert_eq!(guesses.count("login:b", at(26)), 1);
        assert_eq!(guesses.count("login:a", at(601)), 1, "a new span begins");
        for n in 0..=KEYS_MAX {
            guesses.count(&n.to_string(), at(602));
        }
        assert!(guesses.counts.lock().len() <= KEYS_MAX);
    }
}
