//! Listening sockets: bound before anything is accepted, kept over a reload, shared with the
//! process that takes over.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio_util::sync::CancellationToken;

use crate::{BindError, Listener};

/// One listening socket.
#[derive(Debug)]
pub(crate) struct Bound {
    /// As configured; how TLS begins there may change with a reload.
    pub(crate) listener: ArcSwap<Listener>,
    /// Where it really is (port 0 took one).
    pub(crate) address: SocketAddr,
    /// Until its accept loop takes it.
    socket: Mutex<Option<TcpListener>>,
    /// Cancelled when a reload takes the listener away.
    pub(crate) gone: CancellationToken,
}

impl Bound {
    /// Binds and listens.
    pub(crate) fn new(listener: &Listener) -> Result<Arc<Self>, BindError> {
        let failed = |source| BindError::Address { address: listener.address, source };
        let socket = open(listener.address).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Arc::new(Self {
            listener: ArcSwap::from_pointee(listener.clone()),
            address,
            socket: Mutex::new(Some(socket)),
            gone: CancellationToken::new(),
        }))
    }

    /// The socket, for the one who asks first.
    pub(crate) fn take(&self) -> Option<TcpListener> {
        self.socket.lock().take()
    }
}

/// SO_REUSEPORT lets the next process listen before this one has stopped, so that an upgrade
/// refuses nobody. IPv6 sockets take IPv6 only: `[::]` and `0.0.0.0` are two listeners.
fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Connections that the kernel keeps for us; it cuts this at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
