//! Whether a server is worth a try. Pure: `now` is time since start.
//!
//! Some failures in a row open the breaker; then nothing is sent to the server until a probe, at
//! growing intervals, reaches its EHLO. One message that an upstream chokes on cannot open it
//! alone as long as others succeed.

use std::time::Duration;

/// Failures in a row that open it. One is an accident, and two with a flapping server still cost
/// less than queueing everything.
const FAILURES_MAX: u32 = 3;

/// First wait before a probe, doubled by each that fails.
const PROBE_AFTER: Duration = Duration::from_millis(500);

/// The longest wait: a server that comes back is used again within about this time.
const PROBE_AFTER_MAX: Duration = Duration::from_secs(10);

/// Counts a server's failures.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    failed_at: Option<Duration>,
}

impl Breaker {
    /// Whether mail is given to it.
    pub(super) fn is_up(&self) -> bool {
        self.failures < FAILURES_MAX
    }

    /// Failures since the last success.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// It answered.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// It did not; whether that opened the breaker.
    pub(super) fn failed(&mut self, now: Duration) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.failed_at = Some(now);
        self.failures == FAILURES_MAX
    }

    /// Whether it failed after `then`: who waited since then need not try again.
    pub(super) fn failed_since(&self, then: Duration) -> bool {
        self.failures > 0 && self.failed_at.is_some_and(|at| at >= then)
    }

    /// How long to wait before the next probe; `jitter` from 0 to 1 spreads those of many nodes.
    pub(super) fn probe_after(&self, jitter: f64) -> Duration {
        let doublings = self.failures.saturating_sub(FAILURES_MAX).min(16);
        let wait = PROBE_AFTER.saturating_mul(1 << doublings).min(PROBE_AFTER_MAX);
        wait.mul_f64(0.8 + 0.2 * jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let at = Duration::from_secs;
        let mut breaker = Breaker::default();
        assert!(!breaker.failed(at(1)) && !breaker.failed(at(2)));
        breaker.succeeded();
        assert!(!breaker.failed(at(3)) && !breaker.failed(at(4)) && breaker.is_up());
        assert!(breaker.failed(at(5)) && !breaker.is_up());
        assert!(!breaker.failed(at(6)), "it opens once");
        assert!(breaker.failed_since(at(6)) && !breaker.failed_since(at(7)));
        breaker.succeeded();
        assert!(breaker.is_up() && !breaker.failed_since(at(0)));
    }

    #[test]
    fn probes_at_growing_intervals() {
        let mut breaker = Breaker::default();
        let mut waits = Vec::new();
        for _ in 0..40 {
            breaker.failed(Duration::ZERO);
            waits.push(breaker.probe_after(1.0).as_millis());
        }
        assert_eq!(waits[2..8], [500, 1000, 2000, 4000, 8000, 10_000]);
        assert_eq!(waits[39], 10_000);
        assert_eq!(breaker.probe_after(0.0).as_millis(), 8000);
    }
}
