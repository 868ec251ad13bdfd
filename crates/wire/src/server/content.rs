//! The octets of a message, after DATA or in chunks.

use std::time::Duration;

use postern_mail::BodyKind;

use super::{ENDLESS_FACTOR, Phase, Question, Refusal, Session, Step, Transaction};
use crate::codec::{Decoded, Defects};
use crate::replies;

impl Session {
    /// Octets after DATA.
    pub(super) fn data<'a>(&mut self, input: &'a [u8], now: Duration) -> (usize, Option<Step<'a>>) {
        let Phase::Data(transaction, decoder) = &mut self.phase else { return (0, None) };
        let (used, decoded) = decoder.decode(input);
        let defects = decoder.defects();
        match decoded {
            Decoded::More => (used, Some(Step::NeedMore)),
            Decoded::Data(octets) => {
                transaction.look(octets.len(), defects, self.settings.message_bytes);
                (used, self.keep(octets, now))
            }
            Decoded::End => {
                transaction.look(0, defects, self.settings.message_bytes);
                self.complete(now);
                (used, None)
            }
        }
    }

    /// Octets of a chunk.
    pub(super) fn chunk<'a>(
        &mut self,
        input: &'a [u8],
        now: Duration,
    ) -> (usize, Option<Step<'a>>) {
        let Phase::Chunk(transaction, chunk) = &mut self.phase else { return (0, None) };
        if chunk.left == 0 {
            self.chunk_ends(now);
            return (0, None);
        }
        let taken = usize::try_from(chunk.left).unwrap_or(usize::MAX).min(input.len());
        let octets = input.get(..taken).unwrap_or_default();
        if octets.is_empty() {
            return (0, Some(Step::NeedMore));
        }
        chunk.left -= taken as u64;
        let text = transaction.envelope.body != BodyKind::Binary;
        if text {
            transaction.watcher.watch(octets);
        }
        // A CR at the end of these octets may yet get its LF: judged when nothing can follow.
        let defects = transaction.watcher.defects_so_far();
        transaction.look(taken, defects, self.settings.message_bytes);
        (taken, self.keep(octets, now))
    }

    fn chunk_ends(&mut self, now: Duration) {
        let Phase::Chunk(_, chunk) = &self.phase else { return };
        let last = chunk.last;
        if last {
            return self.complete(now);
        }
        if let Phase::Chunk(transaction, _) = std::mem::replace(&mut self.phase, Phase::Idle) {
            self.since = now;
            match &transaction.refusal {
                None => self.say(replies::CHUNK),
                Some(refusal) => self.say_refusal(refusal),
            }
            self.phase = Phase::Chunks(transaction);
        }
    }

    /// Hands out octets of a message that may still be accepted; drops those of one that will not.
    fn keep<'a>(&mut self, octets: &'a [u8], now: Duration) -> Option<Step<'a>> {
        self.progress(octets.len(), now);
        let (Phase::Data(transaction, _) | Phase::Chunk(transaction, _)) = &self.phase else {
            return None;
        };
        let endless = self.settings.message_bytes.saturating_mul(ENDLESS_FACTOR);
        if transaction.octets > endless {
            self.close(replies::ENDLESS);
            return None;
        }
        match transaction.refusal {
            None => {
                self.held = true;
                Some(Step::Body(octets))
            }
            Some(_) => std::mem::take(&mut self.held).then_some(Step::Discard),
        }
    }

    /// The message has ended: asked about, unless it is refused already.
    fn complete(&mut self, now: Duration) {
        self.since = now;
        let mut transaction = match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Data(transaction, _) | Phase::Chunk(transaction, _) => transaction,
            other => {
                self.phase = other;
                return;
            }
        };
        let defects = transaction.watcher.defects();
        transaction.look(0, defects, self.settings.message_bytes);
        match &transaction.refusal {
            Some(refusal) => {
                self.messages += 1;
                self.say_refusal(refusal);
            }
            None => {
                self.held = false;
                self.phase = Phase::Asking(Question::Message(transaction));
            }
        }
    }
}

impl Transaction {
    /// Counts octets; the first thing found against the message is what it will be refused with.
    fn look(&mut self, octets: usize, defects: Defects, limit: u64) {
        self.octets += octets as u64;
        let against = match () {
            () if self.octets > limit => replies::TOO_BIG,
            () if defects.bare_cr || defects.bare_lf => replies::BARE_LINE_ENDS,
            () if defects.nul => replies::NUL_OCTETS,
            () => return,
        };
        self.refusal.get_or_insert(Refusal::Line(against));
    }
}
