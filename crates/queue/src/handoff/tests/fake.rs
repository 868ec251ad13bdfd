//! Upstreams in memory that misbehave by script, reached by a [`Dial`] of their own. With tokio's
//! paused clock the longest timeout passes at once.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::super::dial::{Dial, Dialled, Stream};

/// What an upstream does at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Says this (`|` between lines) and goes on.
    Say(&'static str),
    /// Says this and closes.
    SayClose(&'static str),
    /// Closes.
    Close,
    /// Never says anything again.
    Hang,
    /// One octet a second, without an end.
    Drip,
    /// Says "250 ok" after this many seconds.
    After(u64),
}

/// At `place` (`connect`, `greeting`, `EHLO`, `MAIL`, …, `content`, `end`, `rest`) do `act`, that
/// many times.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) server: &'static str,
    pub(super) place: &'static str,
    pub(super) act: Act,
    pub(super) times: usize,
}

/// All upstreams of a test and what they saw.
#[derive(Default)]
pub(super) struct Fake {
    state: Mutex<State>,
    offers: Mutex<String>,
    acceptor: Mutex<Option<TlsAcceptor>>,
    /// Connections it takes at a time; none is any number.
    most: Mutex<Option<usize>>,
}

#[derive(Default)]
struct State {
    rules: VecDeque<Rule>,
    dials: HashMap<String, usize>,
    open: HashMap<String, usize>,
    most: usize,
    taken: Vec<Taken>,
    commands: Vec<String>,
}

/// A message that arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) server: String,
    pub(super) recipients: Vec<String>,
    pub(super) content: Vec<u8>,
    pub(super) tls: bool,
}

impl Fake {
    pub(super) fn new(rules: Vec<Rule>) -> Arc<Self> {
        let fake = Self::default();
        fake.state.lock().rules = rules.into();
        *fake.offers.lock() = "PIPELINING|SIZE 1000".to_owned();
        Arc::new(fake)
    }

    /// Keywords of the EHLO reply, `|` between them.
    pub(super) fn offers(&self, offers: &str) {
        *self.offers.lock() = offers.to_owned();
    }

    /// Greets more than so many connections with 421.
    pub(super) fn take_at_most(&self, connections: usize) {
        *self.most.lock() = Some(connections);
    }

    pub(super) fn accept_tls(&self, acceptor: TlsAcceptor) {
        *self.acceptor.lock() = Some(acceptor);
    }

    pub(super) fn rules(&self, rules: Vec<Rule>) {
        self.state.lock().rules = rules.into();
    }

    pub(super) fn dials(&self, server: &str) -> usize {
        self.state.lock().dials.get(server).copied().unwrap_or(0)
    }

    /// Connections open now.
    pub(super) fn open(&self, server: &str) -> usize {
        self.state.lock().open.get(server).copied().unwrap_or(0)
    }

    /// The most connections open at a time.
    pub(super) fn most(&self) -> usize {
        self.state.lock().most
    }

    pub(super) fn taken(&self) -> Vec<Taken> {
        self.state.lock().taken.clone()
    }

    /// All command verbs so far, in order.
    pub(super) fn commands(&self) -> String {
        self.state.lock().commands.join(" ")
    }

    fn act(&self, server: &str, place: &str) -> Option<Act> {
        let rules = &mut self.state.lock().rules;
        let rule = rules
            .iter_mut()
            .find(|rule| rule.server == server && rule.place == place && rule.times > 0)?;
        rule.times -= 1;
        Some(rule.act)
    }
}

/// A handle to give away.
pub(super) struct FakeDial(pub(super) Arc<Fake>);

impl Dial for FakeDial {
    fn dial<'a>(
        &'a self,
        server: &'a str,
        _limit: Duration,
    ) -> Pin<Box<dyn Future<Output = Dialled> + Send + 'a>> {
        Box::pin(async move {
            *self.0.state.lock().dials.entry(server.to_owned()).or_default() += 1;
            match self.0.act(server, "connect") {
                None => {}
                Some(Act::Hang) => std::future::pending().await,
                Some(_) => return Err(io::ErrorKind::ConnectionRefused.into()),
            }
            let (near, far) = tokio::io::duplex(8192);
            let (fake, name) = (Arc::clone(&self.0), server.to_owned());
            tokio::spawn(async move {
                {
                    let mut state = fake.state.lock();
                    *state.open.entry(name.clone()).or_default() += 1;
                    state.most = state.most.max(state.open.values().sum());
                }
                let visit = Visit::new(Arc::clone(&fake), name.clone(), Box::new(far));
                // A visit ends with an error when its script says so.
                let _ = visit.serve().await;
                *fake.state.lock().open.entry(name).or_default() -= 1;
            });
            let peer = SocketAddr::from(([192, 0, 2, 1], 25));
            Ok((Box::new(near) as Box<dyn Stream>, peer))
        })
    }
}

/// One connection, seen from the upstream.
struct Visit {
    fake: Arc<Fake>,
    server: String,
    stream: Box<dyn Stream>,
    input: Vec<u8>,
    mail: bool,
    recipients: Vec<String>,
    tls: bool,
}

impl Visit {
    fn new(fake: Arc<Fake>, server: String, stream: Box<dyn Stream>) -> Self {
        let (input, recipients) = (Vec::new(), Vec::new());
        Self { fake, server, stream, input, mail: false, recipients, tls: false }
    }

    async fn serve(mut self) -> io::Result<()> {
        let most = *self.fake.most.lock();
        if most.is_some_and(|most| self.fake.open(&self.server) > most) {
            return self.say("421 4.7.0 too many connections").await;
        }
        self.at("greeting", "220 up.example").await?;
        loop {
            let line = self.line().await?;
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_owned();
            self.fake.state.lock().commands.push(verb.clone());
            match verb.as_str() {
                "EHLO" => {
                    let offers = self.fake.offers.lock().clone();
                    let offers = if self.tls { offers.replace("|STARTTLS", "") } else { offers };
                    let mut lines: Vec<_> =
                        ["up.example"].into_iter().chain(offers.split('|')).collect();
                    let last = lines.pop().unwrap_or_default();
                    let mut reply: String =
                        lines.iter().map(|line| format!("250-{line}|")).collect();
                    reply.push_str(&format!("250 {last}"));
                    self.at("EHLO", &reply).await?;
                }
                "HELO" => {
                    self.at("HELO", "250 up.example").await?;
                }
                "STARTTLS" => self.start_tls().await?,
                "MAIL" => self.mail = self.at("MAIL", "250 sender").await?,
                "RCPT" if !self.mail => drop(self.at("RCPT without MAIL", "503 no sender").await?),
                "RCPT" => {
                    if self.at("RCPT", "250 recipient").await? {
                        self.recipients.push(line.clone());
                    }
                }
                "DATA" if self.recipients.is_empty() => self.say("503 no recipient").await?,
                "DATA" => {
                    if self.at("DATA", "354 go").await? {
                        self.content().await?;
                    }
                }
                "RSET" => {
                    self.reset();
                    self.at("RSET", "250 reset").await?;
                }
                "QUIT" => return self.say("221 bye").await,
                _ => self.say("500 what").await?,
            }
        }
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        let acceptor = self.fake.acceptor.lock().clone();
        if !self.at("STARTTLS", "220 go").await? {
            return Ok(());
        }
        let Some(acceptor) = acceptor else { return Ok(()) };
        let (empty, _) = tokio::io::duplex(1);
        let stream = std::mem::replace(&mut self.stream, Box::new(empty));
        self.stream = Box::new(acceptor.accept(stream).await?);
        self.tls = true;
        Ok(())
    }

    async fn content(&mut self) -> io::Result<()> {
        if let Some(act) = self.fake.act(&self.server, "content") {
            while self.input.is_empty() {
                self.fill().await?;
            }
            self.play(act).await?;
        }
        let end = loop {
            let found = self.input.windows(5).position(|octets| octets == b"\r\n.\r\n");
            match found {
                Some(at) => break at + 5,
                None => self.fill().await?,
            }
        };
        let content: Vec<u8> = self.input.drain(..end).collect();
        let taken = Taken {
            server: self.server.clone(),
            recipients: self.recipients.clone(),
            content: content[..end - 3].to_vec(),
            tls: self.tls,
        };
        let act = self.fake.act(&self.server, "end");
        let refused = matches!(act, Some(Act::Say(text)) if !text.starts_with('2'));
        if !refused {
            self.fake.state.lock().taken.push(taken);
        }
        self.reset();
        match act {
            Some(act) => self.play(act).await?,
            None => self.say("250 2.0.0 id").await?,
        }
        match self.fake.act(&self.server, "rest") {
            Some(act) => self.play(act).await,
            None => Ok(()),
        }
    }

    fn reset(&mut self) {
        self.mail = false;
        self.recipients.clear();
    }

    /// Whether it went the usual way.
    async fn at(&mut self, place: &str, usual: &str) -> io::Result<bool> {
        match self.fake.act(&self.server, place) {
            Some(act) => {
                self.play(act).await?;
                let same = |text: &str| text.as_bytes().first() == usual.as_bytes().first();
                Ok(matches!(act, Act::After(_)) || matches!(act, Act::Say(text) if same(text)))
            }
            None => self.say(usual).await.map(|()| true),
        }
    }

    async fn play(&mut self, act: Act) -> io::Result<()> {
        match act {
            Act::Say(text) => self.say(text).await,
            Act::SayClose(text) => {
                self.say(text).await?;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Act::Close => Err(io::ErrorKind::ConnectionReset.into()),
            Act::Hang => loop {
                // Hangs until the other side leaves.
                sleep(Duration::from_secs(3600)).await;
                self.stream.write_all(b"").await?;
                self.fill().await?;
            },
            Act::Drip => loop {
                self.stream.write_all(b"2").await?;
                sleep(Duration::from_secs(1)).await;
            },
            Act::After(seconds) => {
                sleep(Duration::from_secs(seconds)).await;
                self.say("250 ok").await
            }
        }
    }

    async fn say(&mut self, text: &str) -> io::Result<()> {
        let octets = text.replace('|', "\r\n") + "\r\n";
        self.stream.write_all(octets.as_bytes()).await?;
        self.stream.flush().await
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.input.windows(2).position(|octets| octets == b"\r\n") {
                let line: Vec<u8> = self.input.drain(..end + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
