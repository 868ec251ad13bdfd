//! What can go wrong with a connection, whose fault it is, and what may follow from it.

use std::io;
use std::time::Duration;

use postern_mail::Reply;
use postern_wire::client::{self, Answer, Stage, Verdict};

/// What went wrong, and whether the message may have been taken all the same.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) trouble: Trouble,
    /// All of the message was out, and its answer is missing.
    pub(super) committed: bool,
    /// What was answered until then.
    pub(super) verdict: Option<Verdict>,
}

impl Failure {
    /// Whether every recipient has an answer that is not "yes".
    pub(super) fn is_answered(&self) -> bool {
        let answered = |verdict: &Verdict| {
            let not_yes = |answer: &Answer| matches!(answer, Answer::Refused(_) | Answer::Later(_));
            verdict.answers.iter().all(not_yes)
        };
        self.verdict.as_ref().is_some_and(answered)
    }

    /// Whether it says nothing of the server: the message was turned away, and only the pipelined
    /// rest of the dialogue was out of order.
    pub(super) fn is_no_fault(&self) -> bool {
        let sloppy = matches!(&self.trouble, Trouble::Wire(client::Trouble::Unexpected { .. }));
        self.trouble.is_ours() || sloppy && self.is_answered()
    }
}

/// What went wrong with a connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("down: {0}")]
    Down(String),
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("no session within {} ms, others were at hand", .0.as_millis())]
    Slow(Duration),
    #[error("no free connection within {} s", .0.as_secs())]
    Busy(Duration),
    #[error("takes no more connections: {0}")]
    Crowded(Reply),
    #[error(transparent)]
    Wire(#[from] client::Trouble),
    #[error("silent at {0}")]
    Silent(Stage),
    #[error("closed the connection at {0}")]
    Closed(Stage),
    #[error("connection broke at {0}: {1}")]
    Broke(Stage, io::Error),
    #[error("TLS handshake failed: {0}")]
    Handshake(io::Error),
    #[error("offers no TLS, and the pool requires it")]
    NoTls,
    #[error("the message cannot be read here: {0}")]
    Content(io::Error),
    #[error("the message holds a bare CR or LF")]
    BareNewline,
}

impl Trouble {
    /// Whether a kept connection may just have been too old: worth a fresh one at once.
    pub(super) fn is_stale(&self) -> bool {
        let closing = matches!(self, Self::Wire(client::Trouble::Closing { .. }));
        closing || matches!(self, Self::Closed(_) | Self::Broke(..))
    }

    /// Whether it lies with the message or with this host, not with the server.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Self::Content(_) | Self::BareNewline | Self::Busy(_) | Self::Crowded(_))
    }

    /// Whether the same server is worth a second try when no other takes the message: with more
    /// time, or with a connection that somebody else gives back.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Slow(_) | Self::Crowded(_))
    }

    /// A 4xx instead of a greeting: with other connections open, mostly one too many.
    pub(super) fn unwelcome(&self) -> Option<&Reply> {
        use client::Trouble::{Closing, Unwilling};
        match self {
            Self::Wire(
                Closing { stage: Stage::Greeting, reply }
                | Unwilling { stage: Stage::Greeting, reply },
            ) => Some(reply).filter(|reply| reply.is_temporary()),
            _ => None,
        }
    }

    /// The temporary reply behind it, where there is one.
    pub(super) fn reply(&self) -> Option<&Reply> {
        use client::Trouble::{Closing, Early, Unwilling};
        match self {
            Self::Wire(Closing { reply, .. } | Early { reply } | Unwilling { reply, .. }) => {
                Some(reply).filter(|reply| reply.is_temporary())
            }
            Self::Crowded(reply) => Some(reply),
            _ => None,
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, committed: false, verdict: None }
    }
}
