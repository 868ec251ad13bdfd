//! One connection from accept to close.

use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use postern_mail::Reply;
use postern_wire::server::Link;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::caps::Place;
use crate::driver::{Driver, Setup};
use crate::listen::Bound;
use crate::live::Live;
use crate::server::Shared;
use crate::stream::{Pipe, Stream};
use crate::{Connection, Gate, Listener, TlsMode, proxy};

/// When the server stops, and how long what runs may still take.
#[derive(Clone)]
pub(crate) struct Stop {
    pub(crate) token: CancellationToken,
    pub(crate) drain: Duration,
}

impl Stop {
    /// What a client has to do before the dialogue begins: within `limit`, and within a moment
    /// when the server stops.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        opening: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        let stopped = async {
            self.token.cancelled().await;
            tokio::time::sleep(OPENING_WHILE_STOPPING).await;
        };
        tokio::select! {
            biased;
            opened = tokio::time::timeout(limit, opening) => opened?,
            () = stopped => Err(io::ErrorKind::Interrupted.into()),
        }
    }
}

/// For handshakes and PROXY headers while the server stops.
const OPENING_WHILE_STOPPING: Duration = Duration::from_secs(2);

/// Serves one connection.
pub(crate) async fn session<G: Gate>(
    shared: Arc<Shared<G>>,
    bound: Arc<Bound>,
    mut stream: TcpStream,
    peer: SocketAddr,
    stop: Stop,
) {
    let live = shared.live.load_full();
    let listener = bound.listener.load_full();
    let admitted = admit(&shared, &live, &bound, &listener, &mut stream, peer, &stop).await;
    let Some((connection, _place)) = admitted else { return };
    // Each write is a whole answer: there is nothing to wait for.
    let _ = stream.set_nodelay(true);
    serve(shared, live, &listener, Stream::Plain(stream), connection, stop).await;
}

/// A place for the connection, and who it is.
async fn admit<G: Gate>(
    shared: &Shared<G>,
    live: &Live,
    bound: &Bound,
    listener: &Listener,
    stream: &mut TcpStream,
    peer: SocketAddr,
    stop: &Stop,
) -> Option<(Connection, Place)> {
    let limits = &live.settings.limits;
    let mut place = match shared.tally.admit(limits) {
        Ok(place) => place,
        Err(cap) => {
            let _ = stream.try_write(cap.line());
            return None;
        }
    };
    let local = match bound.address.ip().is_unspecified() {
        true => stream.local_addr().ok()?,
        false => bound.address,
    };
    let mut connection = Connection { client: peer, local, peer: peer.ip() };
    if let Some(balancers) = &listener.proxy {
        if balancers.longest(peer.ip()).is_none() {
            tracing::warn!(event = "no-balancer", %peer, "closed: not in the listener's `proxy_from`");
            return None;
        }
        let header = stop.within(limits.handshake_timeout, proxy::read(stream));
        match Box::pin(header).await {
            Ok(Some((client, ours))) => (connection.client, connection.local) = (client, ours),
            Ok(None) => {}
            Err(error) => {
                tracing::info!(%peer, %error, "no PROXY header where one is expected");
                return None;
            }
        }
    }
    match place.taken_by(connection.client.ip(), limits) {
        Ok(()) => Some((connection, place)),
        Err(cap) => {
            let _ = stream.try_write(cap.line());
            None
        }
    }
}

/// Runs the dialogue, and tells the client when that ended in a panic.
pub(crate) async fn serve<G: Gate, P: Pipe>(
    shared: Arc<Shared<G>>,
    live: Arc<Live>,
    listener: &Listener,
    mut stream: Stream<P>,
    connection: Connection,
    stop: Stop,
) {
    let limits = &live.settings.limits;
    let mut secured = None;
    if listener.tls == TlsMode::Implicit {
        let Some(tls) = live.tls(listener.client_ca.as_deref()) else { return };
        let handshake = stop.within(limits.handshake_timeout, stream.secure(tls));
        match Box::pin(handshake).await {
            Ok(shown) => secured = Some(shown),
            Err(error) => return shared.tally.handshake_failed(&connection, &error),
        }
    }
    let connected = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let mut visitor = shared.gate.connect(&connection)?;
        if let Some(secured) = &secured {
            shared.gate.secured(&mut visitor, secured);
        }
        Ok(visitor)
    }));
    let visitor = match connected {
        Ok(Ok(visitor)) => visitor,
        Ok(Err(reply)) => return refuse(&mut stream, &reply, limits.handshake_timeout).await,
        Err(_) => {
            shared.tally.panics.fetch_add(1, Ordering::Relaxed);
            return refuse(&mut stream, &broken(), limits.handshake_timeout).await;
        }
    };
    let link = Link {
        encrypted: secured.is_some(),
        starttls: matches!(listener.tls, TlsMode::StartTls | TlsMode::Required),
        tls_required: listener.tls == TlsMode::Required,
        submission: listener.submission,
        xclient: live.settings.xclient.longest(connection.client.ip()).is_some(),
        scram: shared.gate.offers_scram(),
    };
    let client_ca = listener.client_ca.clone();
    let setup = Setup { shared: shared.clone(), live, client_ca, link, connection, stop };
    let mut driver = Driver::new(setup, stream, visitor);
    let ended = AssertUnwindSafe(driver.run()).catch_unwind().await;
    if ended.is_err() {
        shared.tally.panics.fetch_add(1, Ordering::Relaxed);
        driver.give_up(&broken()).await;
    }
}

fn broken() -> Reply {
    Reply::new(421, 3, 0, "Internal error, please come back")
}

async fn refuse<P: Pipe>(stream: &mut Stream<P>, reply: &Reply, limit: Duration) {
    let mut out = Vec::new();
    reply.write(&mut out);
    let sent: io::Result<()> = stream.send(&out, limit).await;
    if sent.is_ok() {
        let _ = stream.finish(limit).await;
    }
}
