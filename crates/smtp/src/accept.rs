//! The accept loop of one listener; it owns the sessions that came through it.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Gate;
use crate::listen::Bound;
use crate::server::Shared;
use crate::session::{Stop, session};

/// Accepts until shutdown or until a reload took the listener away, then waits for its sessions:
/// `drain` long at shutdown, without end otherwise.
pub(crate) async fn accept<G: Gate>(
    shared: Arc<Shared<G>>,
    bound: Arc<Bound>,
    socket: std::net::TcpListener,
    shutdown: CancellationToken,
    drain: Duration,
) {
    let mut sessions = JoinSet::new();
    let start = |sessions: &mut JoinSet<()>, stream: tokio::net::TcpStream, peer| {
        let stop = Stop { token: shutdown.clone(), drain };
        sessions.spawn(session(shared.clone(), bound.clone(), stream, peer, stop));
    };
    let listener = match TcpListener::from_std(socket) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(address = %bound.address, %error, "cannot accept");
            return;
        }
    };
    let mut spare = Spare::new();
    let mut failing = false;
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            () = bound.gone.cancelled() => break,
            Some(_) = sessions.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    failing = false;
                    start(&mut sessions, stream, peer);
                }
                Err(error) => {
                    // Once for all that fail in a row: a log that grows by itself is a fault more.
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(address = %bound.address, %error, "accept failed");
                    }
                    if !spare.turn_away(&listener) {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            },
        }
    }
    // The kernel has already told those in the backlog that we are here: they are served.
    if let Ok(listener) = listener.into_std() {
        while let Ok((stream, peer)) = listener.accept() {
            if let Ok(stream) = nonblocking(stream) {
                start(&mut sessions, stream, peer);
            }
        }
    }
    drain_sessions(sessions, bound.address, &shutdown, drain).await;
}

async fn drain_sessions(
    mut sessions: JoinSet<()>,
    address: SocketAddr,
    shutdown: &CancellationToken,
    drain: Duration,
) {
    let over = async {
        shutdown.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        biased;
        () = async { while sessions.join_next().await.is_some() {} } => return,
        () = over => {}
    }
    tracing::warn!(%address, sessions = sessions.len(), "drain time is over, closing sessions");
    sessions.shutdown().await;
}

fn nonblocking(stream: TcpStream) -> io::Result<tokio::net::TcpStream> {
    stream.set_nonblocking(true)?;
    tokio::net::TcpStream::from_std(stream)
}

/// A descriptor held back: without it a process that ran out of descriptors could not even tell
/// anybody so, and its clients would wait in the backlog.
struct Spare(Option<File>);

impl Spare {
    fn new() -> Self {
        Self(File::open("/dev/null").ok())
    }

    /// Uses the descriptor to tell one waiting client; false when there was no use for it.
    fn turn_away(&mut self, listener: &TcpListener) -> bool {
        if self.0.take().is_none() {
            *self = Self::new();
            return false;
        }
        let mut context = Context::from_waker(Waker::noop());
        let told = match listener.poll_accept(&mut context) {
            Poll::Ready(Ok((stream, _))) => stream.try_write(OUT_OF_DESCRIPTORS).is_ok(),
            _ => false,
        };
        *self = Self::new();
        told
    }
}

const OUT_OF_DESCRIPTORS: &[u8] = b"421 4.3.2 Too many open files, try again later\r\n";

/// After a failed accept, before the next: the cause (mostly descriptors) needs time to pass.
const PAUSE: Duration = Duration::from_millis(50);
