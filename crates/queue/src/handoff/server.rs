//! One server of a pool: its health, its kept connections, its room for more.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use postern_mail::{Clock, Content, Reply, Timestamp};
use postern_wire::client::{Message, Security, Settings, Verdict};
use rustls::pki_types::ServerName;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::breaker::Breaker;
use super::dial::Dial;
use super::link::Link;
use super::slots::{Slot, Slots};
use super::trouble::{Failure, Trouble};
use super::upkeep;
use super::{PoolError, ServerHealth};
use crate::{PoolSettings, UpstreamTls};

/// What all servers of one [`super::Handoff`] use.
pub(super) struct Shared {
    pub(super) dial: Box<dyn Dial>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Mutex<fastrand::Rng>,
    /// From where durations count.
    pub(super) epoch: Instant,
}

/// One server.
pub(super) struct Server {
    pub(super) shared: Arc<Shared>,
    pub(super) pool: Arc<PoolSettings>,
    session: Arc<Settings>,
    /// `host:port`.
    pub(super) address: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    slots: Arc<Slots>,
    pub(super) state: Mutex<State>,
    /// One probe at a time; who comes meanwhile waits for its result.
    probing: tokio::sync::Mutex<()>,
    pub(super) prober_runs: AtomicBool,
    pub(super) sweeper_runs: AtomicBool,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) breaker: Breaker,
    /// Kept connections, the one used last on top.
    pub(super) idle: Vec<Idle>,
    /// After a handshake failed, opportunistic TLS is not tried until then.
    clear_until: Option<Instant>,
    last_success: Option<Timestamp>,
    last_failure: Option<(Timestamp, String)>,
}

pub(super) struct Idle {
    pub(super) link: Link,
    pub(super) since: Instant,
}

/// What one server made of a message.
pub(super) enum Attempt {
    /// It answered.
    Verdict(Verdict, SocketAddr),
    /// It cannot take the message as it is, and was not asked.
    Lacks(Reply, SocketAddr),
    /// It did not answer, or not to the end.
    Failed(Failure, Option<SocketAddr>),
}

impl Server {
    pub(super) fn new(
        shared: &Arc<Shared>,
        pool: &Arc<PoolSettings>,
        address: &str,
        connector: Option<TlsConnector>,
    ) -> Result<Arc<Self>, PoolError> {
        let host = host(address).ok_or_else(|| PoolError::Server {
            pool: pool.name.clone(),
            server: address.to_owned(),
        })?;
        let tls = match connector {
            Some(connector) => {
                let name = ServerName::try_from(host.to_owned()).map_err(|error| {
                    PoolError::Tls { pool: pool.name.clone(), error: format!("{host}: {error}") }
                })?;
                Some((connector, name))
            }
            None => None,
        };
        let session = Settings {
            ehlo_name: pool.ehlo_name.clone(),
            reply_timeout: pool.reply_timeout,
            data_reply_timeout: pool.data_reply_timeout,
        };
        Ok(Arc::new(Self {
            shared: Arc::clone(shared),
            pool: Arc::clone(pool),
            session: Arc::new(session),
            address: address.to_owned(),
            tls,
            slots: Slots::new(pool.connections_per_server.max(1)),
            state: Mutex::default(),
            probing: tokio::sync::Mutex::default(),
            prober_runs: AtomicBool::new(false),
            sweeper_runs: AtomicBool::new(false),
        }))
    }

    /// Whether mail is given to it.
    pub(super) fn is_up(&self) -> bool {
        self.state.lock().breaker.is_up()
    }

    pub(super) fn health(&self) -> ServerHealth {
        let state = self.state.lock();
        ServerHealth {
            pool: self.pool.name.clone(),
            server: self.address.clone(),
            up: state.breaker.is_up(),
            failures: state.breaker.failures(),
            last_success: state.last_success,
            last_failure: state.last_failure.clone(),
            busy: self.slots.taken(),
            idle: state.idle.len(),
        }
    }

    /// A place for one message, if one is free now.
    pub(super) fn try_slot(&self) -> Option<Slot> {
        self.slots.try_take()
    }

    /// A place for one message, waited for.
    pub(super) async fn slot(&self, key: &str) -> Result<Slot, Trouble> {
        let limit = self.pool.reply_timeout;
        timeout(limit, self.slots.take(key)).await.map_err(|_| Trouble::Busy(limit))
    }

    /// Gives it the message. `patience` limits how long a session may take to be set up.
    pub(super) async fn attempt(
        self: &Arc<Self>,
        _slot: Slot,
        message: &Message,
        content: &dyn Content,
        patience: Option<Duration>,
    ) -> Attempt {
        if let Some(link) = self.kept() {
            match self.transact(link, message, content).await {
                // Older than the upstream's patience. The others are older still.
                Attempt::Failed(failure, _) if !failure.committed && failure.trouble.is_stale() => {
                    self.state.lock().idle.clear();
                }
                attempt => return self.judge(attempt),
            }
        }
        let attempt = match self.open_within(patience).await {
            Ok(link) => self.transact(link, message, content).await,
            Err(trouble) => Attempt::Failed(self.crowded(trouble).into(), None),
        };
        self.judge(attempt)
    }

    /// Whether a server that is down answers again. `since` is when the caller began: a probe of
    /// somebody else that ended after that counts for both.
    pub(super) async fn probe(self: &Arc<Self>, since: Duration) -> bool {
        let _one = self.probing.lock().await;
        {
            let breaker = &self.state.lock().breaker;
            if breaker.is_up() || breaker.failed_since(since) {
                return breaker.is_up();
            }
        }
        match self.open().await {
            Ok(link) => {
                self.succeeded();
                self.keep(link);
                true
            }
            Err(trouble) => {
                self.failed(&trouble);
                false
            }
        }
    }

    async fn transact(
        self: &Arc<Self>,
        mut link: Link,
        message: &Message,
        content: &dyn Content,
    ) -> Attempt {
        let peer = link.peer;
        if let Some(reply) = link.lacks(message) {
            self.keep(link);
            return Attempt::Lacks(reply, peer);
        }
        match link.transact(message, content).await {
            Ok(verdict) => {
                self.keep(link);
                Attempt::Verdict(verdict, peer)
            }
            Err(failure) => Attempt::Failed(failure, Some(peer)),
        }
    }

    /// Sees whether a connection was refused since others of ours are open: no failure, but a
    /// reason for fewer.
    fn crowded(&self, trouble: Trouble) -> Trouble {
        match trouble.unwelcome() {
            Some(reply) if self.slots.shrink() => Trouble::Crowded(reply.clone()),
            _ => trouble,
        }
    }

    /// Learns from what came of a message.
    fn judge(self: &Arc<Self>, attempt: Attempt) -> Attempt {
        match &attempt {
            Attempt::Failed(failure, _) if failure.is_no_fault() => {}
            Attempt::Failed(failure, _) => self.failed(&failure.trouble),
            Attempt::Verdict(..) | Attempt::Lacks(..) => {
                self.slots.grow();
                self.succeeded();
            }
        }
        attempt
    }

    fn succeeded(&self) {
        let now = self.shared.clock.now();
        let mut state = self.state.lock();
        if !state.breaker.is_up() {
            tracing::info!(pool = self.pool.name, server = self.address, "upstream is up again");
        }
        state.breaker.succeeded();
        state.last_success = Some(now);
    }

    fn failed(self: &Arc<Self>, trouble: &Trouble) {
        let now = self.shared.clock.now();
        let (pool, server, what) = (&self.pool.name, &self.address, trouble.to_string());
        let mut state = self.state.lock();
        let opened = state.breaker.failed(self.shared.epoch.elapsed());
        state.last_failure = Some((now, what.clone()));
        drop(state);
        if opened {
            tracing::warn!(pool, server, what, "upstream is down");
        } else {
            tracing::debug!(pool, server, what, "upstream failed");
        }
        if !self.is_up() && !self.prober_runs.swap(true, Ordering::AcqRel) {
            tokio::spawn(upkeep::probe_until_up(Arc::downgrade(self)));
        }
    }

    async fn open_within(&self, patience: Option<Duration>) -> Result<Link, Trouble> {
        match patience {
            Some(limit) => timeout(limit, self.open()).await.unwrap_or(Err(Trouble::Slow(limit))),
            None => self.open().await,
        }
    }

    /// A new connection, greeted and as protected as the pool wants it.
    async fn open(&self) -> Result<Link, Trouble> {
        let clear = self.state.lock().clear_until.is_some_and(|until| Instant::now() < until);
        let required = self.pool.tls == UpstreamTls::Required;
        let tls = self.tls.as_ref().filter(|_| required || !clear);
        match self.open_with(tls).await {
            Err(Trouble::Handshake(error)) if !required => {
                let (pool, server) = (&self.pool.name, &self.address);
                tracing::warn!(pool, server, %error, "TLS handshake failed, going on in clear");
                self.state.lock().clear_until = Some(Instant::now() + CLEAR_FOR);
                self.open_with(None).await
            }
            Ok(link) if required && link.security() == Security::Plain => Err(Trouble::NoTls),
            opened => opened,
        }
    }

    async fn open_with(
        &self,
        tls: Option<&(TlsConnector, ServerName<'static>)>,
    ) -> Result<Link, Trouble> {
        let limit = self.pool.connect_timeout;
        let dialled = timeout(limit, self.shared.dial.dial(&self.address, limit)).await;
        let (stream, peer) = match dialled {
            Ok(dialled) => dialled.map_err(Trouble::Connect)?,
            Err(elapsed) => return Err(Trouble::Connect(elapsed.into())),
        };
        let mut link = Link::new(stream, peer, &self.session, self.shared.epoch);
        link.greet().await?;
        match tls {
            Some((connector, name)) if link.offers_tls() => {
                let security = match self.pool.tls {
                    UpstreamTls::Required => Security::Verified,
                    _ => Security::Encrypted,
                };
                link.secure(connector, name.clone(), security, limit).await
            }
            _ => Ok(link),
        }
    }

    /// The kept connection used last that is still good.
    fn kept(&self) -> Option<Link> {
        loop {
            let mut idle = self.state.lock().idle.pop()?;
            if idle.since.elapsed() < self.pool.idle_timeout && idle.link.is_alive() {
                return Some(idle.link);
            }
        }
    }

    /// Keeps a connection for the next message, or says goodbye.
    fn keep(self: &Arc<Self>, link: Link) {
        if link.is_reusable() && link.messages < self.pool.messages_per_connection {
            let mut state = self.state.lock();
            if state.idle.len() < self.pool.connections_per_server {
                state.idle.push(Idle { link, since: Instant::now() });
                drop(state);
                if !self.sweeper_runs.swap(true, Ordering::AcqRel) {
                    tokio::spawn(upkeep::sweep(Arc::downgrade(self), self.pool.idle_timeout));
                }
                return;
            }
        }
        tokio::spawn(link.close());
    }
}

/// How long a server whose handshake failed is talked to in clear, where that is allowed.
const CLEAR_FOR: Duration = Duration::from_secs(600);

/// The host of `host:port`, without the brackets of an IPv6 address.
fn host(address: &str) -> Option<&str> {
    let (host, port) = address.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    Some(host).filter(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn hosts() {
        let rows = [
            ("a.example:25", Some("a.example")),
            ("192.0.2.1:25", Some("192.0.2.1")),
            ("[2001:db8::1]:25", Some("2001:db8::1")),
            ("2001:db8::1", None),
            ("a.example", None),
            ("a.example:smtp", None),
            (":25", None),
            ("[]:25", None),
        ];
        for (address, expect) in rows {
            assert_eq!(host(address), expect, "{address}");
        }
    }
}
