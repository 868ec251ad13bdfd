//! A connection's octets, plain or encrypted.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::Secured;
use crate::tls::Tls;

/// What a session runs over: a socket, or a pipe in tests.
pub(crate) trait Pipe: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Pipe for T {}

/// The encrypted one is boxed: its state is large and most connections have none.
pub(crate) enum Stream<P> {
    Plain(P),
    Tls(Box<TlsStream<P>>),
    /// A handshake failed, nothing is left.
    Gone,
}

impl<P: Pipe> Stream<P> {
    /// Shakes hands. After an error nothing can be said any more.
    pub(crate) async fn secure(&mut self, tls: Tls) -> io::Result<Secured> {
        let Self::Plain(pipe) = std::mem::replace(self, Self::Gone) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let stream = Box::pin(TlsAcceptor::from(tls.config.clone()).accept(pipe)).await?;
        let secured = tls.describe(stream.get_ref().1);
        *self = Self::Tls(Box::new(stream));
        Ok(secured)
    }

    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(pipe) => Pin::new(pipe).poll_read(context, buf),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_read(context, buf),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Writes all, or gives up after `limit`: a client that does not read gets no more room.
    pub(crate) async fn send(&mut self, octets: &[u8], limit: Duration) -> io::Result<()> {
        match self {
            Self::Plain(pipe) => timeout(limit, pipe.write_all(octets)).await?,
            Self::Tls(tls) => {
                let write = async {
                    tls.write_all(octets).await?;
                    tls.flush().await
                };
                timeout(limit, write).await?
            }
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// No more octets from us: close_notify, FIN.
    pub(crate) async fn finish(&mut self, limit: Duration) -> io::Result<()> {
        match self {
            Self::Plain(pipe) => timeout(limit, pipe.shutdown()).await?,
            Self::Tls(tls) => timeout(limit, tls.shutdown()).await?,
            Self::Gone => Ok(()),
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}
