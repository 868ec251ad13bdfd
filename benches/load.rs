//! Clients in a closed loop: each connects, says EHLO, sends its messages, quits, and again.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::wire::Wire;

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Size of a message.
    pub bytes: usize,
    /// Messages over one connection.
    pub per_connection: u64,
    /// Sessions at the same time.
    pub sessions: usize,
    /// Messages in all.
    pub messages: u64,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Answered 250.
    pub accepted: u64,
    /// Answered otherwise, or not at all.
    pub failed: u64,
    /// From the first to the last message.
    pub took: Duration,
    /// From MAIL to the last reply, sorted.
    latencies: Vec<Duration>,
}

impl Outcome {
    /// Messages a second.
    pub fn rate(&self) -> f64 {
        self.accepted as f64 / self.took.as_secs_f64()
    }

    /// The latency that this share of the messages stays under.
    pub fn percentile(&self, percent: usize) -> Duration {
        let at = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

/// Customers with an address of their own: 127.1.0.1 and on.
pub const CUSTOMERS: u64 = 200;

/// The address of a customer.
pub fn address(customer: u64) -> Ipv4Addr {
    Ipv4Addr::new(127, 1, 0, (customer % CUSTOMERS + 1) as u8)
}

/// Sends.
pub async fn run(relay: SocketAddr, load: Load) -> io::Result<Outcome> {
    let content = Arc::new([crate::message(load.bytes), b".\r\n".to_vec()].concat());
    let next = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let mut sessions = JoinSet::new();
    for _ in 0..load.sessions {
        let (next, content) = (next.clone(), content.clone());
        sessions.spawn(async move {
            let mut latencies = Vec::new();
            while next.load(Ordering::Relaxed) < load.messages {
                connection(relay, load, &next, &content, &mut latencies).await?;
            }
            io::Result::Ok(latencies)
        });
    }
    let (mut latencies, mut failed) = (Vec::new(), 0);
    while let Some(done) = sessions.join_next().await {
        match done? {
            Ok(all) => latencies.extend(all),
            Err(error) => {
                eprintln!("a client failed: {error}");
                failed += 1;
            }
        }
    }
    let took = begun.elapsed();
    latencies.sort_unstable();
    Ok(Outcome { accepted: latencies.len() as u64, failed, took, latencies })
}

async fn connection(
    relay: SocketAddr,
    load: Load,
    next: &AtomicU64,
    content: &[u8],
    latencies: &mut Vec<Duration>,
) -> io::Result<()> {
    let customer = next.load(Ordering::Relaxed);
    let mut wire = connect(relay, customer).await?;
    for _ in 0..load.per_connection {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= load.messages {
            break;
        }
        let begun = Instant::now();
        let group = format!(
            "MAIL FROM:<orders@c{}.example>\r\nRCPT TO:<user{}@dest{}.example>\r\nDATA\r\n",
            customer % CUSTOMERS,
            n % 100,
            n % 50
        );
        wire.write(group.as_bytes()).await?;
        for code in [250, 250, 354] {
            wire.expect(code).await?;
        }
        wire.write(content).await?;
        wire.expect(250).await?;
        latencies.push(begun.elapsed());
    }
    wire.write(b"QUIT\r\n").await?;
    wire.expect(221).await
}

async fn connect(relay: SocketAddr, customer: u64) -> io::Result<Wire> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((address(customer), 0).into())?;
    let mut wire = Wire::new(socket.connect(relay).await?)?;
    wire.expect(220).await?;
    wire.write(b"EHLO client.example\r\n").await?;
    wire.expect(250).await?;
    Ok(wire)
}

/// A session that stands idle after EHLO, as long as it is kept.
pub struct Idle(#[expect(dead_code, reason = "held open, not used")] Wire);

/// Opens one.
pub async fn idle(relay: SocketAddr, customer: u64) -> io::Result<Idle> {
    Ok(Idle(connect(relay, customer).await?))
}
