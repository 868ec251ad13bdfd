//! The sink: an upstream that takes everything at once and counts.
//!
//! `STAT` is answered with how many messages came so far, so that whoever measures can wait until
//! all of them are there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::inbox::{Event, Inbox};

/// Serves until the process is ended.
pub async fn serve(address: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await.context("sink")?;
    let count = Arc::new(AtomicU64::new(0));
    loop {
        let (stream, _) = listener.accept().await?;
        let count = count.clone();
        // A session that breaks off is the other side's matter; what came whole was counted.
        tokio::spawn(async move { session(stream, &count).await.ok() });
    }
}

async fn session(mut stream: TcpStream, count: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut inbox, mut out) = (Inbox::default(), b"220 sink.example\r\n".to_vec());
    loop {
        let mut quit = false;
        while let Some(event) = inbox.take() {
            match event {
                Event::Content(_) => {
                    count.fetch_add(1, Ordering::Relaxed);
                    out.extend_from_slice(b"250 2.0.0 taken\r\n");
                }
                Event::Line(line) if starts(line, b"EHLO") => out.extend_from_slice(HELLO),
                Event::Line(line) if starts(line, b"STAT") => {
                    let line = format!("250 {}\r\n", count.load(Ordering::Relaxed));
                    out.extend_from_slice(line.as_bytes());
                }
                Event::Line(line) if starts(line, b"DATA") => {
                    out.extend_from_slice(b"354 go\r\n");
                    inbox.expect_content();
                }
                Event::Line(line) => {
                    quit = starts(line, b"QUIT");
                    out.extend_from_slice(b"250 2.0.0 fine\r\n");
                }
            }
        }
        stream.write_all(&out).await?;
        out.clear();
        if quit || !inbox.fill(&mut stream).await? {
            return Ok(());
        }
    }
}

fn starts(line: &[u8], verb: &[u8]) -> bool {
    line.get(..verb.len()).is_some_and(|start| start.eq_ignore_ascii_case(verb))
}

const HELLO: &[u8] =
    b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 104857600\r\n";

/// Asks a sink how many messages it has.
pub async fn count(sink: SocketAddr) -> anyhow::Result<u64> {
    let mut stream = TcpStream::connect(sink).await?;
    stream.write_all(b"STAT\r\nQUIT\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let figure = text.lines().nth(1).and_then(|line| line.strip_prefix("250 "));
    figure.context("the sink does not say how much it has")?.parse().context("the sink's count")
}
