//! What a relay holds in memory: idle connections, slow writers, big messages at once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::house::{House, Kind};
use crate::inbox::Inbox;
use crate::load::{connect, reply};
use crate::process;

/// How much of each.
#[derive(Debug, Clone, clap::Args)]
pub struct Plan {
    /// The relay's binary.
    #[arg(long, default_value = "target/release/postern")]
    postern: PathBuf,
    /// Connections that said EHLO and nothing more. The limit of open files must allow for them.
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// Clients in the middle of a message, a line a second.
    #[arg(long, default_value_t = 1000)]
    slow: usize,
    /// Messages of 20 MB at once.
    #[arg(long, default_value_t = 50)]
    big: usize,
    /// Folder for queues and logs; deleted at the end.
    #[arg(long, default_value = "target")]
    folder: PathBuf,
}

/// Runs the plan and prints resident sizes.
pub async fn run(plan: &Plan) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(&plan.folder)?;
    let house = House::of_postern(&plan.postern, folder.path())?;
    println!("{}\n\n| what | resident MB | of it added |\n|---|---|---|", process::machine());
    let sink = house.sink().await?;

    let relay = house.start(Kind::Session, sink.address).await?;
    let before = process::resident_kb(relay.pid)?;
    print_row("started", before, before);
    let idle = idle(relay.address, plan.idle).await?;
    sleep(SETTLE).await;
    print_row(&format!("{} idle connections", plan.idle), process::resident_kb(relay.pid)?, before);
    drop(idle);
    sleep(SETTLE).await;
    print_row("these closed", process::resident_kb(relay.pid)?, before);
    drop(relay);

    let relay = house.start(Kind::Session, sink.address).await?;
    let before = process::resident_kb(relay.pid)?;
    let slow = slow(relay.address, plan.slow).await?;
    let label = format!("{} slow writers, {SLOW_LINES} lines of 1 KB each", plan.slow);
    print_row(&label, process::resident_kb(relay.pid)?, before);
    drop(slow);
    drop(relay);

    let relay = house.start(Kind::Session, sink.address).await?;
    let before = process::resident_kb(relay.pid)?;
    process::forget_peak(relay.pid)?;
    big(relay.address, plan.big).await?;
    let peak = process::resident_peak_kb(relay.pid)?;
    print_row(&format!("{} messages of 20 MB at once, peak", plan.big), peak, before);
    sleep(SETTLE).await;
    print_row("these handed on", process::resident_kb(relay.pid)?, before);
    Ok(())
}

fn print_row(what: &str, kb: u64, before: u64) {
    let mb = |kb: u64| kb as f64 / 1024.0;
    println!("| {what} | {:.1} | {:.1} |", mb(kb), mb(kb.saturating_sub(before)));
}

/// For the relay to have answered and freed what it does not need.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) type Session = (TcpStream, Inbox);

/// Sessions that said EHLO.
pub(crate) async fn idle(relay: SocketAddr, count: usize) -> anyhow::Result<Vec<Session>> {
    let mut open = Vec::with_capacity(count);
    for n in 0..count {
        open.push(connect(relay, n).await?);
    }
    Ok(open)
}

/// Sessions in the middle of a message.
async fn slow(relay: SocketAddr, count: usize) -> anyhow::Result<Vec<Session>> {
    let mut open = idle(relay, count).await?;
    for (n, session) in open.iter_mut().enumerate() {
        begin(session, n).await?;
    }
    let line = [b"x".repeat(1022), b"\r\n".to_vec()].concat();
    for _ in 0..SLOW_LINES {
        for (stream, _) in &mut open {
            stream.write_all(&line).await?;
        }
        sleep(Duration::from_secs(1)).await;
    }
    Ok(open)
}

const SLOW_LINES: usize = 10;

/// The session is in the middle of a message.
pub(crate) async fn begin((stream, inbox): &mut Session, n: usize) -> anyhow::Result<()> {
    let envelope =
        format!("MAIL FROM:<info@shop{n}.example>\r\nRCPT TO:<p{n}@d1.example>\r\nDATA\r\n");
    stream.write_all(envelope.as_bytes()).await?;
    for expect in [b'2', b'2', b'3'] {
        ensure!(reply(stream, inbox).await? == expect, "the transaction is refused");
    }
    stream.write_all(b"Subject: big\r\nMIME-Version: 1.0\r\n\r\n").await?;
    Ok(())
}

/// All messages are sent to their last octet but one before any ends.
async fn big(relay: SocketAddr, count: usize) -> anyhow::Result<()> {
    let line = [b"QUJD".repeat(19), b"\r\n".to_vec()].concat();
    let block: std::sync::Arc<[u8]> = line.repeat(BLOCK_LINES).into();
    let mut tasks = JoinSet::new();
    for n in 0..count {
        let block = block.clone();
        tasks.spawn(async move {
            let mut session = connect(relay, n).await?;
            begin(&mut session, n).await?;
            for _ in 0..(20 << 20) / block.len() {
                session.0.write_all(&block).await?;
            }
            anyhow::Ok(session)
        });
    }
    let mut all = Vec::new();
    while let Some(session) = tasks.join_next().await {
        all.push(session??);
    }
    for (stream, _) in &mut all {
        stream.write_all(b".\r\n").await?;
    }
    for (stream, inbox) in &mut all {
        ensure!(reply(stream, inbox).await? == b'2', "a big message is refused");
    }
    Ok(())
}

const BLOCK_LINES: usize = 800;
