//! The load generator: parallel SMTP sessions, each with some messages, again and again.
//!
//! A closed loop on one thread. MAIL, RCPT and DATA go in one write, the content in another. Senders
//! are [`SENDERS`] customers, each from an address of its own, to people
//! at 50 domains.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::customers::{self, SENDERS};
use crate::inbox::{Event, Inbox};
use crate::mail::{Kind, message};
use crate::statistics::percentile;

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Size of a message.
    pub octets: usize,
    /// Messages over one connection.
    pub per_connection: usize,
    /// Sessions at the same time.
    pub sessions: usize,
}

impl Load {
    /// From `4k/10/100`.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let parts: Vec<_> = text.split('/').collect();
        let [size, per_connection, sessions] = parts[..] else {
            bail!("a load is size/messages a connection/sessions, like 4k/10/10, not {text:?}");
        };
        let octets = size.strip_suffix('k').context("a load's size ends in k")?.parse::<usize>()?;
        Ok(Self {
            octets: octets << 10,
            per_connection: per_connection.parse()?,
            sessions: sessions.parse()?,
        })
    }
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After so many messages.
    Messages(u64),
    /// After so much time.
    Elapsed(Duration),
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sent {
    /// Messages that were answered 250.
    pub accepted: u64,
    /// Those that were not.
    pub refused: u64,
    /// From the first connection to the last answer.
    pub elapsed: Duration,
    /// MAIL to the final answer, median, in µs.
    pub p50_micros: u64,
    /// The same, 99 of 100.
    pub p99_micros: u64,
}

impl Sent {
    /// Accepted messages a second.
    pub fn rate(&self) -> f64 {
        self.accepted as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// Sends; must run on a current-thread runtime.
pub async fn send(relay: SocketAddr, load: Load, until: Until) -> anyhow::Result<Sent> {
    let state = Rc::new(RefCell::new(State::default()));
    let contents: Rc<[Vec<u8>]> = (0..SENDERS * CONTENTS)
        .map(|n| {
            let (customer, seed) = (n % SENDERS, n as u64);
            let mut content =
                message(Kind::of(seed + seed / SENDERS as u64), load.octets, customer, seed);
            content.extend_from_slice(b".\r\n");
            content
        })
        .collect();
    let since = Instant::now();
    let tasks = tokio::task::LocalSet::new();
    for _ in 0..load.sessions {
        let (state, contents) = (state.clone(), contents.clone());
        tasks.spawn_local(async move {
            let client = Client { relay, state, contents };
            while !client.is_done(until, since) {
                if let Err(error) = client.session(load.per_connection, until, since).await {
                    client.state.borrow_mut().trouble.get_or_insert(error);
                    return;
                }
            }
        });
    }
    tasks.await;
    let mut state = state.borrow_mut();
    if let Some(error) = state.trouble.take() {
        return Err(error.context("a session of the load generator broke off"));
    }
    Ok(Sent {
        accepted: state.micros.len() as u64,
        refused: state.refused,
        elapsed: since.elapsed(),
        p50_micros: percentile(&mut state.micros, 0.5),
        p99_micros: percentile(&mut state.micros, 0.99),
    })
}

/// Different contents of each customer, whose own domain stands in `From`.
const CONTENTS: usize = 3;

#[derive(Default)]
struct State {
    /// Transactions begun.
    begun: u64,
    refused: u64,
    micros: Vec<u64>,
    trouble: Option<anyhow::Error>,
}

struct Client {
    relay: SocketAddr,
    state: Rc<RefCell<State>>,
    contents: Rc<[Vec<u8>]>,
}

impl Client {
    fn is_done(&self, until: Until, since: Instant) -> bool {
        match until {
            Until::Messages(count) => self.state.borrow().begun >= count,
            Until::Elapsed(time) => since.elapsed() >= time,
        }
    }

    async fn session(&self, messages: usize, until: Until, since: Instant) -> anyhow::Result<()> {
        // A step that shares no factor with SENDERS, so that all customers have their turn.
        let customer = self.state.borrow().begun as usize * 7 % SENDERS;
        let (mut stream, mut inbox) = connect(self.relay, customer).await?;
        for _ in 0..messages {
            if self.is_done(until, since) {
                break;
            }
            let n = {
                let mut state = self.state.borrow_mut();
                state.begun += 1;
                state.begun as usize
            };
            let start = Instant::now();
            let envelope = envelope(customer, n);
            stream.write_all(envelope.as_bytes()).await?;
            let mut fine = true;
            for expect in [b'2', b'2', b'3'] {
                fine &= reply(&mut stream, &mut inbox).await? == expect;
            }
            if fine {
                stream.write_all(&self.contents[customer + SENDERS * (n % CONTENTS)]).await?;
                fine = reply(&mut stream, &mut inbox).await? == b'2';
            }
            let mut state = self.state.borrow_mut();
            match fine {
                true => state.micros.push(start.elapsed().as_micros() as u64),
                false => state.refused += 1,
            }
        }
        stream.write_all(b"QUIT\r\n").await?;
        reply(&mut stream, &mut inbox).await?;
        Ok(())
    }
}

fn envelope(customer: usize, n: usize) -> String {
    let (person, domain) = (n % 1000, n % 50);
    format!(
        "MAIL FROM:<info@shop{customer}.example>\r\nRCPT TO:<p{person}@d{domain}.example>\r\nDATA\r\n"
    )
}

/// A session of customer `n` that has said EHLO.
pub async fn connect(relay: SocketAddr, n: usize) -> anyhow::Result<(TcpStream, Inbox)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(customers::address(n)), 0))?;
    let mut stream = socket.connect(relay).await.context("the relay does not accept")?;
    stream.set_nodelay(true)?;
    let mut inbox = Inbox::default();
    ensure!(reply(&mut stream, &mut inbox).await? == b'2', "the relay does not greet with 220");
    stream.write_all(b"EHLO client.example\r\n").await?;
    ensure!(reply(&mut stream, &mut inbox).await? == b'2', "EHLO is refused");
    Ok((stream, inbox))
}

/// The first digit of the next reply.
pub async fn reply(stream: &mut TcpStream, inbox: &mut Inbox) -> anyhow::Result<u8> {
    loop {
        while let Some(Event::Line(line)) = inbox.take() {
            if line.get(3) != Some(&b'-') {
                return line.first().copied().context("an empty reply");
            }
        }
        ensure!(inbox.fill(stream).await?, "the relay closed the connection");
    }
}
