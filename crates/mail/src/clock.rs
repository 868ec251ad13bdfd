//! Time as a value, and the one place that reads the machine's clock.
//!
//! Everything that judges or schedules takes `now: Timestamp`; only assembly code holds a [`Clock`].

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Wall time in milliseconds since 1970-01-01 UTC; prints as RFC 3339.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From milliseconds since 1970.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since 1970.
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// Time passed since `earlier`; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This time and `span` more.
    pub const fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.as_millis() as u64))
    }

    /// Year, month, day, hour, minute, second in UTC.
    pub fn civil(self) -> (u32, u32, u32, u32, u32, u32) {
        let seconds = self.seconds();
        let (y, m, d) = civil_from_days((seconds / 86_400) as i64);
        let s = (seconds % 86_400) as u32;
        (y, m, d, s / 3600, s / 60 % 60, s % 60)
    }

    /// As `Date:` and `Received:` want it (RFC 5322 §3.3), always in UTC.
    pub fn rfc5322(self) -> String {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (y, m, d, h, min, s) = self.civil();
        let day = DAYS[(self.seconds() / 86_400 % 7) as usize];
        let month = MONTHS[m as usize - 1];
        format!("{day}, {d} {month} {y} {h:02}:{min:02}:{s:02} +0000")
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d, h, min, s) = self.civil();
        write!(f, "{y:04}-{m:02}-{d:02}T{h:02}:{min:02}:{s:02}.{:03}Z", self.0 % 1000)
    }
}

/// Gregorian date of a day number since 1970 (Howard Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`).
fn civil_from_days(days: i64) -> (u32, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as u32, month as u32, day as u32)
}

/// Where assembly code gets `now` from; tests pass their own.
pub trait Clock: Send + Sync + 'static {
    /// The present. Never smaller than an earlier answer.
    fn now(&self) -> Timestamp;
}

/// The machine's clock, held monotone: a step backwards stands still until time has caught up.
#[derive(Debug, Default)]
pub struct SystemClock {
    latest: AtomicU64,
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock module")]
    fn now(&self) -> Timestamp {
        let wall = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_millis() as u64);
        Timestamp(self.latest.fetch_max(wall, Ordering::Relaxed).max(wall))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let rows = [
            (0, "1970-01-01T00:00:00.000Z", "Thu, 1 Jan 1970 00:00:00 +0000"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z", "Tue, 29 Feb 2000 00:00:00 +0000"),
            (1_795_554_000_000, "2026-11-24T21:00:00.000Z", "Tue, 24 Nov 2026 21:00:00 +0000"),
        ];
        for (millis, rfc3339, rfc5322) in rows {
            let t = Timestamp::from_millis(millis);
            assert_eq!(t.to_string(), rfc3339);
            assert_eq!(t.rfc5322(), rfc5322);
        }
    }
}
