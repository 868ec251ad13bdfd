//! One connection from accept to close.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::Gate;
use crate::listen::Bound;
use crate::server::Shared;

/// Serves one connection.
pub(crate) async fn session<G: Gate>(
    shared: Arc<Shared<G>>,
    bound: Arc<Bound>,
    stream: TcpStream,
    peer: SocketAddr,
    shutdown: CancellationToken,
) {
    let live = shared.live.load_full();
    let Ok(_place) = shared.tally.admit(peer.ip(), &live.settings.limits) else { return };
    let _ = (bound, stream, shutdown, &live.tls, &shared.gate);
}
