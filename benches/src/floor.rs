//! The floor: a relay without any check on the same runtime as the real one. It says what the
//! machine can do today.
//!
//! `Pass` hands a message over on a kept connection and passes the sink's answer on. `Group` writes
//! it to a segment file, syncs once for all that arrived meanwhile, answers, and then hands over.

mod segment;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use self::segment::Segment;
use crate::inbox::{Event, Inbox};

/// When a message is answered.
pub enum Mode<'a> {
    /// Once the sink has it.
    Pass,
    /// Once it is synced to a file in this folder.
    Group(&'a Path),
}

struct Floor {
    sink: SocketAddr,
    links: Mutex<Vec<Link>>,
    /// Free for handing over: a sink's accept queue must not overflow.
    free: Semaphore,
    segment: Option<Segment>,
}

/// Serves until the process is ended.
pub async fn serve(address: SocketAddr, sink: SocketAddr, mode: Mode<'_>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await.context("floor")?;
    let segment = match mode {
        Mode::Pass => None,
        Mode::Group(folder) => Some(Segment::create(folder)?),
    };
    let free = Semaphore::new(LINKS_MAX);
    let floor = Arc::new(Floor { sink, links: Mutex::default(), free, segment });
    loop {
        let (stream, _) = listener.accept().await?;
        // A session that breaks off shows as a message that was not accepted.
        tokio::spawn(session(floor.clone(), stream));
    }
}

async fn session(floor: Arc<Floor>, mut stream: TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let (mut inbox, mut out) = (Inbox::default(), b"220 floor.example\r\n".to_vec());
    let mut envelope = Vec::new();
    loop {
        while let Some(event) = inbox.take() {
            match event {
                Event::Content(content) => {
                    envelope.extend_from_slice(b"DATA\r\n");
                    match &floor.segment {
                        None => hand_over(&floor, &envelope, content, &mut out).await?,
                        Some(segment) => {
                            let content: Arc<[u8]> = content.into();
                            segment.append(content.clone()).await?;
                            out.extend_from_slice(b"250 2.0.0 stored\r\n");
                            tokio::spawn(later(floor.clone(), envelope.clone(), content));
                        }
                    }
                    envelope.clear();
                }
                Event::Line(line) => match line.first_chunk() {
                    Some(b"EHLO") => out.extend_from_slice(HELLO),
                    Some(b"MAIL" | b"RCPT") => {
                        envelope.extend_from_slice(line);
                        envelope.extend_from_slice(b"\r\n");
                        out.extend_from_slice(b"250 2.1.0 fine\r\n");
                    }
                    Some(b"DATA") => {
                        out.extend_from_slice(b"354 go\r\n");
                        inbox.expect_content();
                    }
                    _ => {
                        out.extend_from_slice(b"221 2.0.0 bye\r\n");
                        return Ok(stream.write_all(&out).await?);
                    }
                },
            }
        }
        stream.write_all(&out).await?;
        out.clear();
        if !inbox.fill(&mut stream).await? {
            return Ok(());
        }
    }
}

/// A kept connection to the sink.
struct Link {
    stream: TcpStream,
    inbox: Inbox,
}

async fn hand_over(
    floor: &Floor,
    envelope: &[u8],
    content: &[u8],
    answer: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let _permit = floor.free.acquire().await?;
    let kept = floor.links.lock().pop();
    let mut link = match kept {
        Some(link) => link,
        None => Link::open(floor.sink).await?,
    };
    link.stream.write_all(envelope).await?;
    link.replies(3).await?;
    link.stream.write_all(content).await?;
    answer.extend_from_slice(&link.replies(1).await?);
    answer.extend_from_slice(b"\r\n");
    floor.links.lock().push(link);
    Ok(())
}

/// A message that was answered already; whoever measures misses it when it does not arrive.
async fn later(floor: Arc<Floor>, envelope: Vec<u8>, content: Arc<[u8]>) {
    if let Err(error) = hand_over(&floor, &envelope, &content, &mut Vec::new()).await {
        eprintln!("floor: not handed over: {error:#}");
    }
}

impl Link {
    async fn open(sink: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(sink).await?;
        stream.set_nodelay(true)?;
        let mut link = Self { stream, inbox: Inbox::default() };
        link.replies(1).await?;
        link.stream.write_all(b"EHLO floor.example\r\n").await?;
        link.replies(4).await?;
        Ok(link)
    }

    /// Waits for so many lines; the last one.
    async fn replies(&mut self, mut lines: usize) -> anyhow::Result<Vec<u8>> {
        loop {
            while let Some(Event::Line(line)) = self.inbox.take() {
                lines -= 1;
                if lines == 0 {
                    return Ok(line.to_vec());
                }
            }
            if !self.inbox.fill(&mut self.stream).await? {
                bail!("the sink has gone");
            }
        }
    }
}

const LINKS_MAX: usize = 100;

const HELLO: &[u8] = b"250-floor.example\r\n250-PIPELINING\r\n250 SIZE 104857600\r\n";
