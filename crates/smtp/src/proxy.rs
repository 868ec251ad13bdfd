//! Reads the PROXY header of a socket, and not one octet more.

use std::io;
use std::net::SocketAddr;

use postern_wire::proxy::{OCTETS_MAX, Parsed, parse};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// The client and our side, as the proxy says; `None` when it speaks for itself. What follows the
/// header may be a TLS handshake, so it stays in the socket.
pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<Option<(SocketAddr, SocketAddr)>> {
    let mut head = Vec::with_capacity(OCTETS_MAX);
    loop {
        let known = head.len();
        head.resize(OCTETS_MAX, 0);
        let peeked = stream.peek(head.get_mut(known..).unwrap_or_default()).await?;
        head.truncate(known + peeked);
        let (take, ends) = match parse(&head) {
            _ if peeked == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Parsed::Invalid => return Err(io::ErrorKind::InvalidData.into()),
            Parsed::More => (peeked, None),
            Parsed::Header { octets, ends } => (octets - known, Some(ends)),
        };
        let taken = head.get_mut(known..known + take).unwrap_or_default();
        stream.read_exact(taken).await?;
        if let Some(ends) = ends {
            return Ok(ends);
        }
    }
}
