//! The octets of a message, after DATA or in chunks.

use std::time::Duration;

use postern_mail::BodyKind;

use super::phase::Refusal;
use super::{Chunk, ENDLESS_FACTOR, Phase, Question, Session, Step, Transaction};
use crate::codec::Decoded;
use crate::replies::{self, Line};

impl Session {
    /// Octets after DATA.
    pub(super) fn data<'a>(&mut self, input: &'a [u8], now: Duration) -> (usize, Option<Step<'a>>) {
        let Phase::Data(transaction, decoder) = &mut self.phase else { return (0, None) };
        let (used, decoded) = decoder.decode(input);
        transaction.defects = decoder.defects();
        match decoded {
            Decoded::More => (used, Some(Step::NeedMore)),
            Decoded::Data(octets) => (used, self.keep(octets, now)),
            Decoded::End => {
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
        if transaction.envelope.body != BodyKind::Binary {
            transaction.watcher.watch(octets);
        }
        // A CR at the end of these octets may yet get its LF: judged when nothing can follow.
        transaction.defects = transaction.watcher.defects_so_far();
        (taken, self.keep(octets, now))
    }

    fn chunk_ends(&mut self, now: Duration) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Chunk(transaction, Chunk { last: false, .. }) => {
                self.since = now;
                self.say_of(&transaction, replies::CHUNK);
                self.phase = Phase::Chunks(transaction);
            }
            Phase::Chunk(mut transaction, chunk) => {
                transaction.defects = transaction.watcher.defects();
                self.phase = Phase::Chunk(transaction, chunk);
                self.complete(now);
            }
            other => self.phase = other,
        }
    }

    /// Hands out octets of a message that may still be accepted; drops those of one that will not.
    fn keep<'a>(&mut self, octets: &'a [u8], now: Duration) -> Option<Step<'a>> {
        self.progress(octets.len(), now);
        let limit = self.settings.message_bytes;
        let (Phase::Data(transaction, _) | Phase::Chunk(transaction, _)) = &mut self.phase else {
            return None;
        };
        transaction.octets += octets.len() as u64;
        if transaction.octets > limit.saturating_mul(ENDLESS_FACTOR) {
            self.close(replies::ENDLESS);
            return None;
        }
        if transaction.is_spoiled(limit) {
            return std::mem::take(&mut self.held).then_some(Step::Discard);
        }
        self.held = true;
        Some(Step::Body(octets))
    }

    /// The message has ended: asked about, unless it is refused already.
    fn complete(&mut self, now: Duration) {
        self.since = now;
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Data(transaction, _) | Phase::Chunk(transaction, _) => {
                if transaction.is_spoiled(self.settings.message_bytes) {
                    self.messages += 1;
                    self.say_of(&transaction, replies::MESSAGE);
                } else {
                    self.held = false;
                    self.phase = Phase::Asking(Question::Message(transaction));
                }
            }
            other => self.phase = other,
        }
    }

    /// What stands against the message, or `good`.
    fn say_of(&mut self, transaction: &Transaction, good: Line) {
        match transaction.refusal(self.settings.message_bytes) {
            None => self.say(good),
            Some(Refusal::Line(line)) => self.say(line),
            Some(Refusal::Reply(reply)) => reply.write(&mut self.output),
        }
    }
}
