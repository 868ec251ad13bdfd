//! How a connection is made: by TCP, or by whatever a test or a simulation puts in its place.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// Octets in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection and whom it reached.
pub type Dialled = io::Result<(Box<dyn Stream>, SocketAddr)>;

/// Makes connections to `host:port`.
pub trait Dial: Send + Sync + 'static {
    /// One connection, made within `limit`.
    fn dial<'a>(
        &'a self,
        server: &'a str,
        limit: Duration,
    ) -> Pin<Box<dyn Future<Output = Dialled> + Send + 'a>>;
}

/// By TCP.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpDial;

impl Dial for TcpDial {
    fn dial<'a>(
        &'a self,
        server: &'a str,
        limit: Duration,
    ) -> Pin<Box<dyn Future<Output = Dialled> + Send + 'a>> {
        Box::pin(async move {
            let addresses: Vec<_> =
                timeout(limit, lookup_host(server)).await??.take(ADDRESSES_MAX).collect();
            let share = limit / addresses.len().max(1) as u32;
            let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            for address in addresses {
                match timeout(share, TcpStream::connect(address)).await {
                    Ok(Ok(stream)) => {
                        // Everything leaves in as few writes as it can already.
                        stream.set_nodelay(true)?;
                        return Ok((Box::new(stream) as Box<dyn Stream>, address));
                    }
                    Ok(Err(error)) => last = error,
                    Err(elapsed) => last = elapsed.into(),
                }
            }
            Err(last)
        })
    }
}

/// Addresses tried of one name.
const ADDRESSES_MAX: usize = 8;
