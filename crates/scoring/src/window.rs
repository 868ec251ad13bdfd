//! Sliding windows: what a sender sent during the last minute, hour and day.
//!
//! Pure: `now` comes in, no clock is read. Each window is kept in slots of a sixtieth of its span; a
//! slot is dropped only when every instant in it is out of the window. So no span of the window's
//! length ever holds more than its limit, and the answer errs strict by at most one slot: what was
//! sent up to 1/60 of the span too early still counts. Only slots that hold something are kept, at
//! most 61 of 8 octets a window. Spans are whole minutes.

use std::collections::VecDeque;
use std::time::Duration;

use postern_mail::Timestamp;
use serde::{Deserialize, Serialize};

/// The outcome of asking for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// Counted.
    Accept {
        /// Room that is left.
        left: u32,
    },
    /// Not counted: it would pass the limit.
    Exceeded {
        /// When it would not any more; the window's span where it never fits.
        retry_after: Duration,
    },
}

/// One window; its span is the caller's, and always the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Slot number and count, oldest first.
    slots: VecDeque<(u32, u32)>,
    sum: u32,
}

/// Slots in a span.
const STEPS: u64 = 60;

/// What is kept of a window's past: one slot more than `STEPS`, since with 60 a burst at a slot's
/// end would leave up to one slot too early.
const SLOTS: u32 = 61;

/// The span of [`Windows::minute`].
pub const MINUTE: Duration = Duration::from_secs(60);
/// The span of [`Windows::hour`].
pub const HOUR: Duration = Duration::from_secs(3600);
/// The span of [`Windows::day`].
pub const DAY: Duration = Duration::from_secs(86_400);

impl Window {
    /// What is in it.
    pub fn sum(&mut self, span: Duration, now: Timestamp) -> u32 {
        self.forget(slot(span, now));
        self.sum
    }

    /// Counts, whatever the limit.
    pub fn add(&mut self, cost: u32, span: Duration, now: Timestamp) {
        let slot = slot(span, now);
        self.forget(slot);
        if cost == 0 {
            return;
        }
        self.sum = self.sum.saturating_add(cost);
        match self.slots.back_mut() {
            // A clock that stands or steps back counts into the newest slot.
            Some((last, count)) if *last >= slot => *count = count.saturating_add(cost),
            _ => self.slots.push_back((slot, cost)),
        }
    }

    /// Counts `cost` at `now` unless that would pass `limit`.
    pub fn take(&mut self, cost: u32, limit: u32, span: Duration, now: Timestamp) -> Take {
        let sum = self.sum(span, now).saturating_add(cost);
        if sum <= limit {
            self.add(cost, span, now);
            return Take::Accept { left: limit - sum };
        }
        Take::Exceeded { retry_after: self.room_after(sum - limit, span, now) }
    }

    /// How long until so much of what is in it has left.
    fn room_after(&self, excess: u32, span: Duration, now: Timestamp) -> Duration {
        let mut left = 0_u32;
        for (slot, count) in &self.slots {
            left = left.saturating_add(*count);
            if left >= excess {
                let leaves = u64::from(slot + SLOTS) * slot_millis(span);
                return Duration::from_millis(leaves.saturating_sub(now.millis()));
            }
        }
        span
    }

    fn forget(&mut self, slot: u32) {
        while let Some((oldest, count)) = self.slots.front()
            && oldest.saturating_add(SLOTS) <= slot
        {
            self.sum = self.sum.saturating_sub(*count);
            self.slots.pop_front();
        }
    }
}

fn slot_millis(span: Duration) -> u64 {
    (span.as_millis() as u64).div_ceil(STEPS).max(1)
}

fn slot(span: Duration, now: Timestamp) -> u32 {
    (now.millis() / slot_millis(span)) as u32
}

/// One measure in three windows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    minute: Window,
    hour: Window,
    day: Window,
}

/// What the three windows hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// In the last minute.
    pub minute: u32,
    /// In the last hour.
    pub hour: u32,
    /// In the last day.
    pub day: u32,
}

impl Windows {
    /// Counts in all three; gives what they hold with it.
    pub fn add(&mut self, cost: u32, now: Timestamp) -> Sums {
        self.minute.add(cost, MINUTE, now);
        self.hour.add(cost, HOUR, now);
        self.day.add(cost, DAY, now);
        Sums { minute: self.minute.sum, hour: self.hour.sum, day: self.day.sum }
    }

    /// What they hold.
    pub fn sums(&mut self, now: Timestamp) -> Sums {
        self.add(0, now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        /// Never more than the limit in any span, and never strict by more than one slot.
        #[test]
        fn no_span_holds_more_than_the_limit(
            limit in 1_u32..20,
            minutes in 1_u64..90,
            asks in prop::collection::vec((0_u64..400_000, 1_u32..6), 1..120),
        ) {
            let span = Duration::from_secs(60 * minutes);
            let mut window = Window::default();
            let mut now = 1_700_000_000_000;
            let mut taken: Vec<(u64, u32)> = Vec::new();
            for (wait, cost) in asks {
                now += wait;
                let at = Timestamp::from_millis(now);
                let within = |millis: u64| -> u32 {
                    taken.iter().filter(|(t, _)| t + millis > now).map(|(_, c)| c).sum()
                };
                let whole = span.as_millis() as u64;
                match window.take(cost, limit, span, at) {
                    Take::Accept { .. } => {
                        prop_assert!(within(whole) + cost <= limit);
                        taken.push((now, cost));
                    }
                    Take::Exceeded { retry_after } => {
                        let stretched = whole + whole / STEPS + 1;
                        prop_assert!(within(stretched) + cost > limit);
                        if cost <= limit {
                            let later = Timestamp::from_millis(now + retry_after.as_millis() as u64);
                            let mut copy = window.clone();
                            let again = copy.take(cost, limit, span, later);
                            prop_assert!(matches!(again, Take::Accept { .. }), "not after {:?}", retry_after);
                        }
                    }
                }
                prop_assert!(window.slots.len() <= SLOTS as usize);
            }
        }
    }

    #[test]
    fn three_spans_at_once() {
        let mut windows = Windows::default();
        let at = |seconds: u64| Timestamp::from_millis(1_700_000_000_000 + seconds * 1000);
        windows.add(3, at(0));
        windows.add(4, at(100));
        assert_eq!(windows.sums(at(130)), Sums { minute: 4, hour: 7, day: 7 });
        assert_eq!(windows.sums(at(4000)), Sums { minute: 0, hour: 0, day: 7 });
        assert_eq!(windows.sums(at(100_000)), Sums::default());
        assert!(windows.day.slots.is_empty(), "nothing is kept of what is out");
    }
}
