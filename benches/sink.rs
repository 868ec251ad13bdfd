//! An upstream that takes everything at once and only counts.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::{TcpListener, TcpStream};

use crate::wire::Wire;

/// Its address, and what it has taken.
#[derive(Clone)]
pub struct Sink {
    /// Where it listens.
    pub address: SocketAddr,
    taken: Arc<AtomicU64>,
}

impl Sink {
    /// Starts one on a free port; it lives as long as the runtime.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let sink = Self { address: listener.local_addr()?, taken: Arc::default() };
        let taken = sink.taken.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let taken = taken.clone();
                // A relay that closes its connection ends the session; nothing is lost by it.
                tokio::spawn(async move { session(stream, &taken).await });
            }
        });
        Ok(sink)
    }

    /// Messages so far.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

async fn session(stream: TcpStream, taken: &AtomicU64) -> io::Result<()> {
    let mut wire = Wire::new(stream)?;
    let mut out = b"220 sink ESMTP\r\n".to_vec();
    loop {
        // One write answers a pipelined group.
        if !wire.has_more() {
            wire.write(&out).await?;
            out.clear();
        }
        let line = wire.line().await?;
        match line.get(..4).unwrap_or_default() {
            b"EHLO" => {
                out.extend(b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 99999999\r\n")
            }
            b"DATA" => {
                out.extend(b"354 go\r\n");
                wire.write(&out).await?;
                out.clear();
                wire.content().await?;
                taken.fetch_add(1, Ordering::Relaxed);
                out.extend(b"250 2.0.0 taken\r\n");
            }
            b"QUIT" => return wire.write(b"221 bye\r\n").await,
            _ => out.extend(b"250 2.0.0 ok\r\n"),
        }
    }
}
