//! Giving a message to an upstream: named pools, their servers' health, kept connections.
//!
//! "Done" needs a reply that says so: every other way out of a handoff is `Later`. Another server
//! is tried only as long as the message cannot have been taken, which ends when its last octet is
//! out (RFC 1047): from there on silence means "later, once", never "at once, elsewhere".

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use postern_mail::{Clock, Content, Envelope, Reply, Timestamp};

use crate::PoolSettings;

/// All pools. A clone is another handle to the same ones.
#[derive(Clone)]
pub struct Handoff {
    #[expect(dead_code, reason = "the door, ahead of the room behind it")]
    clock: Arc<dyn Clock>,
}

impl Handoff {
    /// Reads CA files; connects to nobody yet.
    pub fn new(
        _pools: Vec<PoolSettings>,
        clock: Arc<dyn Clock>,
        _seed: u64,
    ) -> Result<Self, PoolError> {
        Ok(Self { clock })
    }

    /// Pools that are the same as before keep their connections and what is known of their
    /// servers. On error nothing changes.
    pub fn reload(&self, _pools: Vec<PoolSettings>) -> Result<(), PoolError> {
        Ok(())
    }

    /// Tries the pool's servers until one has answered. Never waits for ever, but can wait long
    /// (a slow answer to the end of data): whoever has less time polls it beside a timer and, when
    /// that ends first, hands the running future to a task, so that a late 250 is still learned
    /// and nothing is sent twice. `key` names the customer for a fair share of connections.
    pub fn deliver(
        &self,
        pool: &str,
        _key: &str,
        envelope: Arc<Envelope>,
        _content: Arc<dyn Content>,
    ) -> impl Future<Output = Delivery> + Send + use<> + 'static {
        let trouble = Later::Trouble(format!("no pool is named {pool}"));
        async move {
            let outcomes = vec![Outcome::Later(trouble); envelope.recipients.len()];
            Delivery { outcomes, server: None, reply: None }
        }
    }

    /// Whether no server of the pool has answered lately: then it is better to queue at once.
    pub fn is_down(&self, _pool: &str) -> bool {
        false
    }

    /// Of every server of every pool, in order of the configuration.
    pub fn health(&self) -> Vec<ServerHealth> {
        Vec::new()
    }
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

/// What is known of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHealth {
    /// Its pool.
    pub pool: String,
    /// As configured: `host:port`.
    pub server: String,
    /// Whether mail is given to it; a server that is down is asked again at growing intervals.
    pub up: bool,
    /// Failures since the last success.
    pub failures: u32,
    /// When it last took a session or a message.
    pub last_success: Option<Timestamp>,
    /// When it last failed, and how.
    pub last_failure: Option<(Timestamp, String)>,
    /// Connections that carry a message now.
    pub busy: usize,
    /// Connections kept for the next message.
    pub idle: usize,
}

/// A pool that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The CA file cannot be read.
    #[error("pool {pool}: cannot read CA file {path}: {error}", path = path.display())]
    CaUnreadable {
        /// Which pool.
        pool: String,
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: String,
    },
    /// The CA file, or the system, holds no certificate that can be used.
    #[error("pool {pool}: no CA certificate in {place}; set `ca`, or install ca-certificates")]
    NoCa {
        /// Which pool.
        pool: String,
        /// Where it was sought.
        place: String,
    },
    /// Not `host:port`.
    #[error("pool {pool}: server {server:?} is not host:port")]
    Server {
        /// Which pool.
        pool: String,
        /// The text.
        server: String,
    },
    /// The TLS library refuses the settings.
    #[error("pool {pool}: TLS cannot be set up: {error}")]
    Tls {
        /// Which pool.
        pool: String,
        /// Why not.
        error: String,
    },
}
