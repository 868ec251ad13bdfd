//! What can go wrong in a session, and where, in words for people.

use std::fmt;

use postern_mail::Reply;

use crate::reply::Malformed;

/// Where in the dialogue something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The first reply.
    Greeting,
    /// EHLO or HELO.
    Hello,
    /// STARTTLS and its handshake.
    StartTls,
    /// Between messages.
    Idle,
    /// RSET.
    Reset,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// While the content is sent.
    Content,
    /// The end of data.
    End,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "the greeting",
            Self::Hello => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Idle => "rest",
            Self::Reset => "RSET",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Content => "the content",
            Self::End => "the end of data",
        })
    }
}

/// Why a session is of no more use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// It does not want to talk at all.
    #[error("answered {stage} with {reply}")]
    Unwilling {
        /// To what.
        stage: Stage,
        /// What it said.
        reply: Reply,
    },
    /// It said 421, and closes.
    #[error("closed the session at {stage} with {reply}")]
    Closing {
        /// At what.
        stage: Stage,
        /// What it said.
        reply: Reply,
    },
    /// A reply that has no meaning at this place.
    #[error("answered {stage} with {reply}, which means nothing there")]
    Unexpected {
        /// To what.
        stage: Stage,
        /// What it said.
        reply: Reply,
    },
    /// It answered before all of the content was sent.
    #[error("broke off the content with {reply}")]
    Early {
        /// What it said.
        reply: Reply,
    },
    /// No reply at all.
    #[error("answered {stage} with {malformed}")]
    Malformed {
        /// To what.
        stage: Stage,
        /// What is wrong with it.
        malformed: Malformed,
    },
    /// Octets between its 220 to STARTTLS and the handshake: somebody put them there (RFC 3207 §6).
    #[error("sent octets in clear after its reply to STARTTLS")]
    Injected,
}
