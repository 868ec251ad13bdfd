//! The server: binds, accepts, reloads, drains.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::accept::accept;
use crate::caps::Tally;
use crate::listen::Bound;
use crate::live::Live;
use crate::{Counters, Gate, Settings};

/// Why the front end cannot start, or a reload is not taken.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// An address is taken, not ours, or not permitted.
    #[error("cannot listen on {address}: {source}{}", remedy(.source))]
    Address {
        /// As configured.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// A certificate, key or CA file cannot be used.
    #[error("{}: {problem}", .path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A listener wants TLS and there is no certificate.
    #[error(
        "listener {address} wants TLS, but no certificate is configured: set [tls] certificate and key"
    )]
    NoCertificate {
        /// The listener.
        address: SocketAddr,
    },
    /// Large messages cannot be spilled.
    #[error("{}: cannot write the spill folder: {source}; make it writable for this user", .path.display())]
    Spill {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// What a person can do about a failed bind.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; stop what listens there, or choose another port",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address",
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE (see deploy/)"
        }
        _ => "",
    }
}

/// The front end. Clones are handles to the same one.
pub struct Server<G: Gate> {
    pub(crate) shared: Arc<Shared<G>>,
}

impl<G: Gate> Clone for Server<G> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

/// What all sessions see.
pub(crate) struct Shared<G> {
    pub(crate) gate: Arc<G>,
    pub(crate) live: ArcSwap<Live>,
    pub(crate) tally: Arc<Tally>,
    listeners: Mutex<Vec<Arc<Bound>>>,
    changed: Notify,
}

impl<G: Gate> Server<G> {
    /// Binds all listeners and loads certificates; nothing is accepted before [`Self::run`].
    pub fn bind(settings: Settings, gate: Arc<G>) -> Result<Self, BindError> {
        let live = Live::new(settings)?;
        let listeners =
            live.settings.listeners.iter().map(Bound::new).collect::<Result<Vec<_>, _>>()?;
        let shared = Shared {
            gate,
            live: ArcSwap::from_pointee(live),
            tally: Arc::default(),
            listeners: Mutex::new(listeners),
            changed: Notify::new(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Where it listens, in the order of the settings' listeners.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.shared.listeners.lock().iter().map(|bound| bound.address).collect()
    }

    /// Accepts until `shutdown` is cancelled. Then: what waits in the backlog is still served,
    /// idle sessions get 421 4.3.2, running transactions finish within `drain`.
    pub async fn run(&self, shutdown: CancellationToken, drain: Duration) {
        let mut loops = JoinSet::new();
        loop {
            let listeners = self.shared.listeners.lock().clone();
            for bound in listeners {
                if let Some(socket) = bound.take() {
                    let shared = self.shared.clone();
                    loops.spawn(accept(shared, bound, socket, shutdown.clone(), drain));
                }
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = self.shared.changed.notified() => {}
            }
        }
        while loops.join_next().await.is_some() {}
    }

    /// New limits, name, certificates and listeners. Listeners that stay are not touched, those
    /// gone accept no more while their sessions go on. On an error all stays as it was.
    pub fn reload(&self, settings: Settings) -> Result<(), BindError> {
        let live = Live::new(settings)?;
        let mut listeners = self.shared.listeners.lock();
        let mut next = Vec::with_capacity(live.settings.listeners.len());
        for wanted in &live.settings.listeners {
            let kept = listeners.iter().find(|b| b.listener.load().address == wanted.address);
            next.push(kept.map_or_else(|| Bound::new(wanted), |bound| Ok(bound.clone()))?);
        }
        for (bound, wanted) in next.iter().zip(&live.settings.listeners) {
            bound.listener.store(Arc::new(wanted.clone()));
        }
        for old in listeners.iter().filter(|old| !next.iter().any(|n| Arc::ptr_eq(n, old))) {
            old.gone.cancel();
        }
        *listeners = next;
        self.shared.live.store(Arc::new(live));
        self.shared.changed.notify_one();
        Ok(())
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.shared.tally.counters()
    }
}
