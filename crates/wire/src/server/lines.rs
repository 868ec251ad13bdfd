//! Command lines: found whole, or read over when too long; chunks that nobody wanted are read over
//! here as well.

use std::time::Duration;

use memchr::memchr_iter;

use super::{OUTPUT_OCTETS_MAX, Phase, Session, Step};
use crate::replies;

impl Session {
    /// One command line, if it is complete.
    pub(super) fn line(&mut self, input: &[u8], now: Duration) -> (usize, Option<Step<'static>>) {
        if self.held && !matches!(self.phase, Phase::Chunks(_)) {
            self.held = false;
            return (0, Some(Step::Discard));
        }
        if self.output.len() > OUTPUT_OCTETS_MAX {
            return (0, Some(Step::Flush));
        }
        let max = self.settings.command_line_bytes;
        let Some(end) = line_end(input) else {
            return self.unfinished(input, max);
        };
        let used = end + 2;
        self.since = now;
        if std::mem::take(&mut self.overlong) || used > max {
            if matches!(self.phase, Phase::Exchange(_)) {
                self.phase = Phase::Idle;
            }
            self.refuse(replies::LINE_TOO_LONG);
            return (used, None);
        }
        let between = matches!(self.phase, Phase::Connected | Phase::Idle);
        if between && self.drain.is_some_and(|drain| now >= drain.busy_until) {
            self.close(replies::SHUTDOWN);
            return (used, None);
        }
        (used, self.command(input.get(..end).unwrap_or_default(), now))
    }

    /// A line without an end: waited for, or, once it is too long, thrown away up to a CR that
    /// may begin its end.
    fn unfinished(&mut self, input: &[u8], max: usize) -> (usize, Option<Step<'static>>) {
        self.overlong |= input.len() >= max;
        let used = match (self.overlong, input.last()) {
            (true, Some(b'\r')) => input.len() - 1,
            (true, _) => input.len(),
            (false, _) => 0,
        };
        (used, Some(Step::NeedMore))
    }

    pub(super) fn skipped(
        &mut self,
        input: &[u8],
        now: Duration,
    ) -> (usize, Option<Step<'static>>) {
        let taken = usize::try_from(self.skip).unwrap_or(usize::MAX).min(input.len());
        if taken == 0 {
            return (0, Some(Step::NeedMore));
        }
        self.skip -= taken as u64;
        self.progress(taken, now);
        (taken, None)
    }
}

/// Where the first CR LF is. A CR or LF alone ends no line (RFC 5321 §2.3.8); it stays in it, and
/// the parser refuses the whole.
fn line_end(input: &[u8]) -> Option<usize> {
    memchr_iter(b'\n', input)
        .find(|lf| lf.checked_sub(1).and_then(|cr| input.get(cr)) == Some(&b'\r'))
        .map(|lf| lf - 1)
}
