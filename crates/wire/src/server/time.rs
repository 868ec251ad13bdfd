//! Deadlines: for a whole command, for more content, for content at a minimum rate, and for all
//! when the server stops. Time is an argument; the driver comes back at [`Session::deadline`].

use std::time::Duration;

use super::{Phase, RATE_GRACE, Session};
use crate::replies;

/// How fast content comes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    pub(super) started: Duration,
    pub(super) octets: u64,
}

/// The server wants to stop; see [`Session::drain`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Drain {
    pub(super) quiet: Duration,
    pub(super) busy_until: Duration,
    pub(super) end: Duration,
}

impl Session {
    /// The server is about to stop: a session without transaction ends `quiet` after its last
    /// command, or with its next command after `busy_until`; any session ends at `end`.
    pub fn drain(&mut self, quiet: Duration, busy_until: Duration, end: Duration) {
        self.drain = Some(Drain { quiet, busy_until, end });
    }

    /// When [`Self::expire`] has something to do; `None` while an answer is awaited.
    pub fn deadline(&self) -> Option<Duration> {
        let settings = &self.settings;
        let deadline = match &self.phase {
            Phase::Asking(_) | Phase::Closed => return None,
            _ if self.in_content() => {
                let rate = settings.data_bytes_per_second_min.max(1);
                let allowed = RATE_GRACE.max(Duration::from_secs(self.pace.octets / rate));
                (self.since + settings.data_timeout).min(self.pace.started + allowed)
            }
            Phase::Connected | Phase::Idle | Phase::Exchange(_) => {
                let quiet = self.drain.map_or(settings.command_timeout, |drain| drain.quiet);
                self.since + quiet.min(settings.command_timeout)
            }
            _ => self.since + settings.command_timeout,
        };
        Some(self.drain.map_or(deadline, |drain| drain.end.min(deadline)))
    }

    /// Ends the session with 421 if its deadline is over; whether it was.
    pub fn expire(&mut self, now: Duration) -> bool {
        let over = self.deadline().is_some_and(|deadline| now >= deadline);
        if over {
            let in_content = self.in_content();
            self.close(match self.drain {
                Some(_) => replies::SHUTDOWN,
                None if in_content => replies::SLOW,
                None => replies::IDLE,
            });
        }
        over
    }

    pub(super) fn in_content(&self) -> bool {
        self.skip > 0 || matches!(self.phase, Phase::Data(..) | Phase::Chunk(..))
    }

    /// Octets of content came.
    pub(super) fn progress(&mut self, octets: usize, now: Duration) {
        self.since = now;
        self.pace.octets += octets as u64;
    }
}
