//! Giving a message to an upstream: named pools, their servers' health, kept connections.
//!
//! "Done" needs a reply that says so: every other way out of a handoff is `Later`. Another server
//! is tried only as long as the message cannot have been taken, which ends when its last octet is
//! out (RFC 1047): from there on silence means "later, once", never "at once, elsewhere".

mod alarm;
mod breaker;
mod deliver;
mod dial;
mod link;
mod server;
mod slots;
mod tls;
mod trouble;
mod upkeep;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use postern_mail::{Clock, Content, Envelope, Reply, Timestamp};
use tokio::time::Instant;

use self::deliver::Job;
pub use self::dial::{Dial, Dialled, Stream, TcpDial};
use self::server::{Server, Shared};
use crate::PoolSettings;

/// All pools. A clone is another handle to the same ones.
#[derive(Clone)]
pub struct Handoff(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    pools: RwLock<Vec<Arc<Pool>>>,
}

/// A named set of servers, in order of preference.
struct Pool {
    settings: Arc<PoolSettings>,
    servers: Vec<Arc<Server>>,
}

impl Handoff {
    /// Towards servers reached by TCP. Reads CA files; connects to nobody yet.
    pub fn new(
        pools: Vec<PoolSettings>,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> Result<Self, PoolError> {
        Self::with_dial(pools, clock, seed, Box::new(TcpDial))
    }

    /// As [`Handoff::new`], towards servers reached by `dial`.
    pub fn with_dial(
        pools: Vec<PoolSettings>,
        clock: Arc<dyn Clock>,
        seed: u64,
        dial: Box<dyn Dial>,
    ) -> Result<Self, PoolError> {
        let random = Mutex::new(fastrand::Rng::with_seed(seed));
        let epoch = Instant::now();
        let shared = Arc::new(Shared { dial, clock, random, epoch });
        let handoff = Self(Arc::new(Inner { shared, pools: RwLock::default() }));
        handoff.reload(pools)?;
        Ok(handoff)
    }

    /// Pools that are the same as before keep their connections and what is known of their
    /// servers; deliveries that run end with the pool they began with. On error nothing changes.
    pub fn reload(&self, pools: Vec<PoolSettings>) -> Result<(), PoolError> {
        let old = self.0.pools.read().clone();
        let new = pools
            .into_iter()
            .map(|settings| {
                // The CA file may hold something new under its old name.
                let same = |pool: &&Arc<Pool>| *pool.settings == settings && settings.ca.is_none();
                match old.iter().find(same) {
                    Some(pool) => Ok(Arc::clone(pool)),
                    None => Pool::new(&self.0.shared, settings).map(Arc::new),
                }
            })
            .collect::<Result<_, _>>()?;
        *self.0.pools.write() = new;
        Ok(())
    }

    /// Tries the pool's servers until one has answered. Never waits for ever, but can wait long
    /// (a slow answer to the end of data): whoever has less time polls it beside a timer and, when
    /// that ends first, hands the running future to a task, so that a late 250 is still learned
    /// and nothing is sent twice. Must run inside a tokio runtime.
    ///
    /// `key` names the customer: where connections are short, customers take turns.
    pub fn deliver(
        &self,
        pool: &str,
        key: &str,
        envelope: Arc<Envelope>,
        content: Arc<dyn Content>,
    ) -> impl Future<Output = Delivery> + Send + use<> + 'static {
        let found = self.pool(pool).ok_or_else(|| format!("no pool is named {pool}"));
        let since = self.0.shared.epoch.elapsed();
        let key: Box<str> = key.into();
        Box::pin(async move {
            match found {
                Ok(pool) => Job::new(&pool.servers, key, envelope, content, since).run().await,
                Err(trouble) => Delivery::later(&envelope, None, Later::Trouble(trouble)),
            }
        })
    }

    /// Whether no server of the pool is given mail now: then it is better to queue at once. A
    /// server that is down is probed at growing intervals as long as it stays so.
    pub fn is_down(&self, pool: &str) -> bool {
        self.pool(pool).is_none_or(|pool| !pool.servers.iter().any(|server| server.is_up()))
    }

    /// Of every server of every pool, in order of the configuration.
    pub fn health(&self) -> Vec<ServerHealth> {
        let pools = self.0.pools.read();
        pools.iter().flat_map(|pool| &pool.servers).map(|server| server.health()).collect()
    }

    fn pool(&self, name: &str) -> Option<Arc<Pool>> {
        self.0.pools.read().iter().find(|pool| pool.settings.name == name).cloned()
    }
}

impl Pool {
    fn new(shared: &Arc<Shared>, settings: PoolSettings) -> Result<Self, PoolError> {
        let connector = tls::connector(&settings)?;
        let settings = Arc::new(settings);
        let servers = settings
            .servers
            .iter()
            .map(|address| Server::new(shared, &settings, address, connector.clone()))
            .collect::<Result<_, _>>()?;
        Ok(Self { settings, servers })
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

impl Delivery {
    /// All recipients later, for one reason.
    fn later(envelope: &Envelope, server: Option<SocketAddr>, later: Later) -> Self {
        let outcomes = vec![Outcome::Later(later); envelope.recipients.len()];
        Self { outcomes, server, reply: None }
    }
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

#[cfg(test)]
mod tests;
