//! Whom a customer has written to before.
//!
//! Keyed 32-bit hashes with two times in minutes and a count, 16 octets a recipient: at a thousand known
//! recipients a stranger is taken for known once in four million. Only mail that was handed on
//! makes a recipient known, so a list that is held does not become familiar by waiting.

use std::collections::HashMap;
use std::time::Duration;

use postern_mail::{Address, Timestamp};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::pairs;
use crate::settings::Memory;

/// A recipient's keyed hash.
pub(crate) type Who = u32;

/// Hashes an address under the engine's key.
pub(crate) fn who(address: &Address, key: u64) -> Who {
    (xxh3_64_with_seed(address.folded().as_bytes(), key) >> 32) as u32
}

/// What is known of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acquaintance {
    /// Never written to.
    Stranger,
    /// Written to for less than a day.
    Recent {
        /// In the last hour as well: it does not count again.
        within_hour: bool,
    },
    /// Written to for a day and longer.
    Old {
        /// In the last hour as well: it does not count again.
        within_hour: bool,
        /// Often enough that it is no chance.
        close: bool,
    },
}

/// A customer's recipients.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Known {
    /// First and last time, in minutes since 1970, and how often.
    #[serde(with = "pairs")]
    all: HashMap<Who, (u32, u32, u16)>,
}

impl Known {
    /// How well it is known.
    pub(crate) fn look(&self, who: Who, now: Timestamp, memory: &Memory) -> Acquaintance {
        let minute = minutes(now);
        match self.all.get(&who) {
            Some((first, last, times))
                if minute.saturating_sub(*last) <= span(memory.recipients) =>
            {
                let within_hour = minute.saturating_sub(*last) < 60;
                if minute.saturating_sub(*first) >= OLD_MINUTES {
                    Acquaintance::Old { within_hour, close: *times >= CLOSE_TIMES }
                } else {
                    Acquaintance::Recent { within_hour }
                }
            }
            _ => Acquaintance::Stranger,
        }
    }

    /// It was written to.
    pub(crate) fn meet(&mut self, who: Who, now: Timestamp, memory: &Memory) {
        let minute = minutes(now);
        let seen = self.all.entry(who).or_insert((minute, minute, 0));
        if minute.saturating_sub(seen.1) > span(memory.recipients) {
            (seen.0, seen.2) = (minute, 0);
        }
        seen.1 = minute;
        seen.2 = seen.2.saturating_add(1);
        if self.all.len() > memory.recipients_max as usize {
            self.forget(minute, memory);
        }
    }

    /// Halves the time of remembering until a quarter is free, so that this is rare.
    fn forget(&mut self, minute: u32, memory: &Memory) {
        let room = memory.recipients_max as usize / 4 * 3;
        let mut age = span(memory.recipients);
        while self.all.len() > room && age > 0 {
            age /= 2;
            self.all.retain(|_, (_, last, _)| minute.saturating_sub(*last) <= age);
        }
        if age == 0 {
            self.all.clear();
        }
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}

/// Three letters on different occasions are a correspondence.
const CLOSE_TIMES: u16 = 3;

/// A day: an attack is over or noticed by then.
const OLD_MINUTES: u32 = 24 * 60;

fn minutes(now: Timestamp) -> u32 {
    (now.seconds() / 60) as u32
}

fn span(age: Duration) -> u32 {
    (age.as_secs() / 60) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_become_recent_then_old_then_strangers_again() {
        let memory = Memory::default();
        let mut known = Known::default();
        let at = |hours: u64| Timestamp::from_millis(1_700_000_000_000 + hours * 3_600_000);
        assert_eq!(known.look(1, at(0), &memory), Acquaintance::Stranger);
        known.meet(1, at(0), &memory);
        assert_eq!(known.look(1, at(0), &memory), Acquaintance::Recent { within_hour: true });
        assert_eq!(known.look(1, at(5), &memory), Acquaintance::Recent { within_hour: false });
        assert_eq!(
            known.look(1, at(25), &memory),
            Acquaintance::Old { within_hour: false, close: false }
        );
        known.meet(1, at(25), &memory);
        known.meet(1, at(26), &memory);
        assert_eq!(
            known.look(1, at(30), &memory),
            Acquaintance::Old { within_hour: false, close: true }
        );
        assert_eq!(known.look(1, at(24 * 120), &memory), Acquaintance::Stranger);
    }

    #[test]
    fn memory_is_bounded() {
        let memory = Memory { recipients_max: 100, ..Memory::default() };
        let mut known = Known::default();
        for who in 0..10_000_u32 {
            known.meet(who, Timestamp::from_millis(u64::from(who) * 60_000), &memory);
            assert!(known.len() <= 101);
        }
        let now = Timestamp::from_millis(10_000 * 60_000);
        assert_ne!(known.look(9_999, now, &memory), Acquaintance::Stranger);
    }
}
