//! Where a dialogue can stand, and what is known there and nowhere else.

use postern_mail::{Envelope, Recipient, Reply};

use crate::auth::scram::First;
use crate::auth::{Credentials, Exchange, Proof};
use crate::codec::{Decoder, Defects, Watcher};
use crate::command::Xclient;
use crate::replies::{self, Line};

/// Where the dialogue stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// Nothing said, or all forgotten.
    Connected,
    /// Greeted, no transaction.
    Idle,
    /// AUTH waits for a line.
    Exchange(Exchange),
    /// MAIL was accepted.
    Envelope(Box<Transaction>),
    /// After DATA.
    Data(Box<Transaction>, Decoder),
    /// Within a chunk.
    Chunk(Box<Transaction>, Chunk),
    /// Between chunks.
    Chunks(Box<Transaction>),
    /// Waits for an answer.
    Asking(Question),
    /// Over.
    Closed,
}

#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) left: u64,
    pub(super) last: bool,
}

#[derive(Debug)]
pub(super) enum Question {
    Hello { name: String, esmtp: bool },
    Login(Credentials),
    Salt(Box<First>),
    Prove(Box<Proof>),
    Known(String),
    Xclient { attributes: Box<Xclient>, greeted: bool },
    Mail(Box<Transaction>),
    Rcpt(Box<Transaction>, Recipient),
    Message(Box<Transaction>),
}

/// From MAIL to the message's end.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) envelope: Envelope,
    /// Octets of the message so far.
    pub(super) octets: u64,
    /// For chunks; DATA's decoder has its own.
    pub(super) watcher: Watcher,
    /// What was found in the octets so far.
    pub(super) defects: Defects,
    /// The driver could not keep the octets.
    pub(super) failed: Option<Reply>,
}

impl Transaction {
    /// Whether the message will be refused, whatever still comes.
    pub(super) fn is_spoiled(&self, limit: u64) -> bool {
        self.failed.is_some() || self.octets > limit || self.defects.any()
    }

    /// What stands against the message as far as it has come. Not simply what was found first:
    /// that would depend on how the octets were cut.
    pub(super) fn refusal(&self, limit: u64) -> Option<Refusal<'_>> {
        let Defects { bare_cr, bare_lf, nul } = self.defects;
        match &self.failed {
            Some(reply) => Some(Refusal::Reply(reply)),
            None if self.octets > limit => Some(Refusal::Line(replies::TOO_BIG)),
            None if bare_cr || bare_lf => Some(Refusal::Line(replies::BARE_LINE_ENDS)),
            None if nul => Some(Refusal::Line(replies::NUL_OCTETS)),
            None => None,
        }
    }
}

#[derive(Debug)]
pub(super) enum Refusal<'t> {
    Line(Line),
    Reply(&'t Reply),
}
