//! Giving a message to an upstream.
//!
//! "Done" needs a reply that says so: every other way out of a handoff is `Later`.

use std::net::SocketAddr;

use postern_mail::Reply;

/// What became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream said 250 to the whole message.
    Accepted,
    /// The upstream said 5xx to this recipient, or to the whole.
    Refused(Reply),
    /// Not now: 4xx, or no answer.
    Later(Later),
}

/// Why not now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Later {
    /// The upstream said 4xx.
    Reply(Reply),
    /// No connection, or it broke or fell silent; what happened, for people.
    Trouble(String),
}

/// What became of one handoff.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// One for each recipient of the envelope, in its order.
    pub outcomes: Vec<Outcome>,
    /// Who answered last.
    pub server: Option<SocketAddr>,
    /// The upstream's answer to the end of data, where it came to that.
    pub reply: Option<Reply>,
}
