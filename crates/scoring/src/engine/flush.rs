//! When everybody deviates, the cause is not the customer.

use std::time::Duration;

use postern_mail::Timestamp;

use super::Engine;
use super::meet::Mail;

impl Engine {
    /// By how much limits of speed are stretched now: after an outage for mail that was written
    /// during it, and when so many customers deviate at once that the cause is not theirs.
    pub(super) fn flush_factor(&mut self, mail: &Mail<'_>) -> u32 {
        let flush = &self.settings.flush;
        let now = mail.now;
        let outage = self.state.outage;
        if let (Some(down), Some(up)) = (outage.down, outage.up) {
            let span = up.since(down).max(flush.span_min);
            let written = mail.facts.date.map(|seconds| Timestamp::from_millis(seconds * 1000));
            let waited = written.is_some_and(|at| at.plus(CLOCK_SLACK) >= down && at <= up);
            if now.since(up) <= span && waited {
                return flush.factor;
            }
        }
        let trips = &mut self.state.trips;
        while trips.front().is_some_and(|(at, _)| now.since(*at) > TRIPS_SPAN) {
            trips.pop_front();
        }
        let mut customers: Vec<_> = trips.iter().map(|(_, customer)| customer).collect();
        customers.sort_unstable();
        customers.dedup();
        if customers.len() as u32 >= flush.customers_at_once { flush.factor } else { 1 }
    }
}

/// Clocks of nodes differ.
const CLOCK_SLACK: Duration = Duration::from_secs(300);
/// Holds count as "at once" for so long.
const TRIPS_SPAN: Duration = Duration::from_secs(300);
