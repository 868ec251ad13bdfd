//! One connection to an upstream: moves octets between a stream and the session of `postern-wire`.
//!
//! Knows no server list and no health. Each wait ends at the session's deadline.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use postern_mail::{Content, Reply};
use postern_wire::client::{Answer, Message, Security, Session, Settings, Stage, Step, Verdict};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::alarm::Alarm;
use super::dial::Stream;
use super::trouble::{Failure, Trouble};

/// An open connection.
pub(super) struct Link {
    stream: Box<dyn Stream>,
    session: Session,
    /// Read, but not taken by the session.
    input: Vec<u8>,
    pub(super) peer: SocketAddr,
    /// Messages begun on it.
    pub(super) messages: u32,
    epoch: Instant,
    alarm: Alarm,
}

impl Link {
    /// Times count from `epoch`, one for all links.
    pub(super) fn new(
        stream: Box<dyn Stream>,
        peer: SocketAddr,
        settings: &Arc<Settings>,
        epoch: Instant,
    ) -> Self {
        let session = Session::new(Arc::clone(settings), epoch.elapsed());
        let alarm = Alarm::new(epoch + session.deadline());
        Self { stream, session, input: Vec::new(), peer, messages: 0, epoch, alarm }
    }

    /// Waits for greeting and EHLO.
    pub(super) async fn greet(&mut self) -> Result<(), Trouble> {
        self.expect_ready().await
    }

    /// Whether STARTTLS is offered.
    pub(super) fn offers_tls(&self) -> bool {
        self.session.offers().starttls
    }

    /// How far it is protected.
    pub(super) fn security(&self) -> Security {
        self.session.security()
    }

    /// STARTTLS, handshake, EHLO. Comes back in clear when the server refuses after all.
    pub(super) async fn secure(
        mut self,
        connector: &TlsConnector,
        name: ServerName<'static>,
        security: Security,
        limit: Duration,
    ) -> Result<Self, Trouble> {
        self.session.start_tls(self.now());
        match self.run().await.map_err(|failure| failure.trouble)? {
            Step::StartTls => {}
            _ => return Ok(self),
        }
        let handshake = connector.connect(name, self.stream);
        let stream = match timeout(limit, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Trouble::Handshake(error)),
            Err(elapsed) => return Err(Trouble::Handshake(elapsed.into())),
        };
        self.stream = Box::new(stream);
        self.session.secured(security, self.epoch.elapsed());
        self.expect_ready().await?;
        Ok(self)
    }

    /// Why this server cannot take the message as it is.
    pub(super) fn lacks(&self, message: &Message) -> Option<Reply> {
        self.session.lacks(message)
    }

    /// One whole transaction.
    pub(super) async fn transact(
        &mut self,
        message: &Message,
        content: &dyn Content,
    ) -> Result<Verdict, Failure> {
        self.messages += 1;
        self.session.begin(message, self.now());
        let ended = self.dialogue(content).await;
        ended.map_err(|failure| {
            let verdict = failure.verdict.or_else(|| self.session.abandon());
            Failure { verdict, ..failure }
        })
    }

    async fn dialogue(&mut self, content: &dyn Content) -> Result<Verdict, Failure> {
        loop {
            match self.run().await? {
                Step::Done(verdict) => return Ok(verdict),
                Step::Content => self.send(content).await?,
                // The session says `Ready` and `StartTls` only when asked for.
                _ => return Err(Trouble::Closed(self.session.stage()).into()),
            }
        }
    }

    /// Whether another message can follow: the last one ended well and nothing came unasked.
    pub(super) fn is_reusable(&self) -> bool {
        self.session.is_ready() && self.input.is_empty()
    }

    /// Whether it is still silent and open, as a connection at rest has to be. Costs no system call
    /// while nothing has come.
    pub(super) fn is_alive(&mut self) -> bool {
        let mut octets = [0; 64];
        let mut buf = ReadBuf::new(&mut octets);
        let context = &mut Context::from_waker(Waker::noop());
        Pin::new(&mut self.stream).poll_read(context, &mut buf).is_pending()
    }

    /// Says QUIT and waits a moment for the end, so that the answer does not meet a closed port.
    pub(super) async fn close(mut self) {
        self.session.quit();
        let goodbye = async {
            if self.write().await.is_ok() {
                while matches!(self.stream.read_buf(&mut self.input).await, Ok(n) if n > 0) {
                    self.input.clear();
                }
            }
        };
        // Whether it answers is its own affair.
        let _ = timeout(GOODBYE, goodbye).await;
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    async fn expect_ready(&mut self) -> Result<(), Trouble> {
        match self.run().await {
            Ok(Step::Ready) => Ok(()),
            Ok(_) => Err(Trouble::Closed(self.session.stage())),
            Err(failure) => Err(failure.trouble),
        }
    }

    /// Writes and reads until the session wants something else.
    async fn run(&mut self) -> Result<Step, Failure> {
        loop {
            match self.digest()? {
                Step::NeedMore => {}
                step => return Ok(step),
            }
            self.write().await?;
            self.read().await?;
        }
    }

    /// Gives the session what was read.
    fn digest(&mut self) -> Result<Step, Failure> {
        if self.input.is_empty() {
            return Ok(Step::NeedMore);
        }
        let committed = self.session.is_committed();
        let (used, step) = self.session.step(&self.input, self.epoch.elapsed());
        self.input.drain(..used);
        match step {
            Step::Broken(trouble) => Err(Failure { committed, ..Trouble::from(trouble).into() }),
            step => Ok(step),
        }
    }

    async fn read(&mut self) -> Result<(), Failure> {
        let stage = self.session.stage();
        let deadline = self.epoch + self.session.deadline();
        self.input.reserve(READ_OCTETS);
        let reading = self.stream.read_buf(&mut self.input);
        let trouble = match self.alarm.until(deadline, reading).await {
            Some(Ok(1..)) => return Ok(()),
            Some(Ok(0)) => Trouble::Closed(stage),
            Some(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Trouble::Closed(stage)
            }
            Some(Err(error)) => Trouble::Broke(stage, error),
            None => Trouble::Silent(stage),
        };
        // Here all output is written: if the end of data was in it, it is out.
        Err(Failure { committed: self.session.is_committed(), ..trouble.into() })
    }

    /// Sends the content: one write for a small one, else piece by piece.
    async fn send(&mut self, content: &dyn Content) -> Result<(), Failure> {
        let (head, size) = (content.head(), content.size());
        let mut place = 0_u64;
        let mut buf = Vec::new();
        while place < size {
            let at = usize::try_from(place).unwrap_or(usize::MAX);
            let in_memory = head.get(at..).unwrap_or_default();
            let piece = if in_memory.is_empty() {
                buf.resize(PIECE_OCTETS, 0);
                let n = content.read_at(place, &mut buf).map_err(Trouble::Content)?;
                buf.get(..n).unwrap_or_default()
            } else {
                in_memory.get(..PIECE_OCTETS).unwrap_or(in_memory)
            };
            if piece.is_empty() {
                // Half a message must never get its dot.
                return Err(Trouble::Content(io::ErrorKind::UnexpectedEof.into()).into());
            }
            place += piece.len() as u64;
            self.session.content(piece, self.epoch.elapsed());
            if place < size {
                self.write().await?;
            }
        }
        if !self.session.end_content(self.epoch.elapsed()) {
            return Err(Trouble::BareNewline.into());
        }
        self.write().await
    }

    /// Writes all output. While the upstream does not read, it may have something to say.
    async fn write(&mut self) -> Result<(), Failure> {
        if self.session.output().is_empty() {
            return Ok(());
        }
        let mut done = 0;
        let mut out = std::mem::take(self.session.output());
        while done < out.len() {
            // The answer to the content has its own deadline, but getting it out has not.
            let deadline = self.epoch + self.session.deadline();
            let rest = out.get(done..).unwrap_or_default();
            let writing = put(&mut self.stream, &mut self.input, rest);
            match self.alarm.until(deadline, writing).await {
                Some(Ok(Put::Written(n))) => done += n,
                Some(Ok(Put::Heard)) => self.interrupted()?,
                Some(Err(error)) => return Err(self.broken_pipe(error).await),
                None => return Err(Trouble::Silent(self.session.stage()).into()),
            }
        }
        // The buffer goes back, for the next one to need no allocation.
        out.clear();
        out.shrink_to(PIECE_OCTETS);
        *self.session.output() = out;
        let deadline = self.epoch + self.session.deadline();
        match self.alarm.until(deadline, self.stream.flush()).await {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(self.broken_pipe(error).await),
            None => Err(Trouble::Silent(self.session.stage()).into()),
        }
    }

    /// Something came while the content is on its way out: mostly a refusal.
    fn interrupted(&mut self) -> Result<(), Failure> {
        let stage = self.session.stage();
        if stage == Stage::Content {
            self.digest().map_err(|failure| Failure { committed: false, ..failure })?;
        } else if self.input.len() > READ_OCTETS * 16 {
            return Err(Trouble::Closed(stage).into());
        }
        Ok(())
    }

    /// A write failed: the upstream's last words may say why. Never committed: the end of data,
    /// if it was in this write, is not out.
    async fn broken_pipe(&mut self, error: io::Error) -> Failure {
        let stage = self.session.stage();
        // Ends at once: a broken connection has something to read, or an error to tell.
        let _ = timeout(GOODBYE, self.stream.read_buf(&mut self.input)).await;
        let broke = Trouble::Broke(stage, error);
        match self.digest() {
            Err(failure) => Failure { committed: false, ..failure },
            // A refusal counts. A "yes" to a message that it cannot have whole does not.
            Ok(Step::Done(verdict)) if !verdict.answers.contains(&Answer::Accepted) => {
                Failure { verdict: Some(verdict), ..broke.into() }
            }
            Ok(_) => broke.into(),
        }
    }
}

/// How long to wait for the answer to QUIT, or for last words.
const GOODBYE: Duration = Duration::from_secs(1);

/// Room for one read.
const READ_OCTETS: usize = 2048;

/// Content is written in pieces of this.
const PIECE_OCTETS: usize = 64 * 1024;

/// What a write came to.
enum Put {
    Written(usize),
    /// Nothing written, but read.
    Heard,
}

/// Writes some of `octets`; as long as that cannot be done, reads.
async fn put(stream: &mut Box<dyn Stream>, input: &mut Vec<u8>, octets: &[u8]) -> io::Result<Put> {
    poll_fn(|context| {
        match Pin::new(&mut *stream).poll_write(context, octets) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(written) => return Poll::Ready(written.map(Put::Written)),
            Poll::Pending => {}
        }
        let mut heard = [0; 512];
        let mut buf = ReadBuf::new(&mut heard);
        match Pin::new(&mut *stream).poll_read(context, &mut buf) {
            Poll::Ready(Ok(())) if buf.filled().is_empty() => {
                Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
            }
            Poll::Ready(Ok(())) => {
                input.extend_from_slice(buf.filled());
                Poll::Ready(Ok(Put::Heard))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
