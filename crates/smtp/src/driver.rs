//! Moves octets between a stream and the machine, and asks the gate what the machine asks.
//!
//! An idle connection holds no buffer: reads go into one that all connections of a thread share,
//! and the machine looks at the octets there; only what it leaves behind (half a line, or commands
//! behind a question) is kept. Replies are sent when the machine needs more or the gate is slow.

mod closing;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use postern_mail::Reply;
use postern_wire::server::{Asked, Link, Session, Step};
use tokio::io::ReadBuf;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::body::Body;
use crate::live::Live;
use crate::server::Shared;
use crate::session::Stop;
use crate::stream::{Pipe, Stream};
use crate::{Connection, Gate};

/// What a dialogue begins with.
pub(crate) struct Setup<G> {
    pub(crate) shared: Arc<Shared<G>>,
    pub(crate) live: Arc<Live>,
    /// Of the listener.
    pub(crate) client_ca: Option<PathBuf>,
    pub(crate) link: Link,
    pub(crate) connection: Connection,
    pub(crate) stop: Stop,
}

/// One dialogue.
pub(crate) struct Driver<G: Gate, P> {
    shared: Arc<Shared<G>>,
    live: Arc<Live>,
    client_ca: Option<PathBuf>,
    connection: Connection,
    stream: Stream<P>,
    machine: Session,
    visitor: G::Session,
    /// Octets that were read; those up to `seen` are done with.
    input: Vec<u8>,
    seen: usize,
    /// Replies that wait to be sent.
    output: Vec<u8>,
    body: Option<Box<Body>>,
    /// The machine counts its time from here.
    started: Instant,
    /// Fires at the machine's deadline or before it.
    timer: Pin<Box<Sleep>>,
    stop: Stop,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
    /// The machine knows that the server stops.
    draining: bool,
}

/// What the machine waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Read,
    Flush,
    Ask,
    StartTls,
    Close,
}

impl<G: Gate, P: Pipe> Driver<G, P> {
    pub(crate) fn new(setup: Setup<G>, stream: Stream<P>, visitor: G::Session) -> Self {
        let Setup { shared, live, client_ca, link, connection, stop } = setup;
        let machine = Session::new(live.machine(shared.tally.open()), link, Duration::ZERO);
        let started = Instant::now();
        let first = machine.deadline().unwrap_or_default();
        Self {
            shared,
            live,
            client_ca,
            connection,
            stream,
            machine,
            visitor,
            input: Vec::new(),
            seen: 0,
            output: Vec::new(),
            body: None,
            started,
            timer: Box::pin(sleep_until(started + first)),
            stopped: Box::pin(stop.token.clone().cancelled_owned()),
            stop,
            draining: false,
        }
    }

    /// Until the session is over.
    pub(crate) async fn run(&mut self) {
        let ended = self.dialogue().await;
        if let Err(error) = ended {
            tracing::debug!(client = %self.connection.client, %error, "connection lost");
        }
    }

    async fn dialogue(&mut self) -> io::Result<()> {
        let mut wait = self.advance();
        loop {
            match wait {
                Wait::Ask => self.ask().await?,
                Wait::Flush => self.flush().await?,
                Wait::Read => {
                    self.flush().await?;
                    wait = poll_fn(|context| self.poll(context)).await?;
                    continue;
                }
                Wait::StartTls => {
                    self.flush().await?;
                    self.start_tls().await?;
                }
                Wait::Close => return self.close().await,
            }
            wait = self.advance();
        }
    }

    /// Runs the machine over what is left of the last read; keeps no memory for nothing.
    fn advance(&mut self) -> Wait {
        let input = std::mem::take(&mut self.input);
        let (used, wait) = self.look(input.get(self.seen..).unwrap_or_default());
        self.seen += used;
        if self.seen < input.len() {
            self.input = input;
        } else {
            self.seen = 0;
        }
        wait
    }

    /// Runs the machine over `input` until it waits for something; how much it took.
    fn look(&mut self, input: &[u8]) -> (usize, Wait) {
        let now = self.started.elapsed();
        let mut used = 0;
        loop {
            let (taken, step) = self.machine.step(input.get(used..).unwrap_or_default(), now);
            used += taken;
            let wait = match step {
                Step::Body(octets) => {
                    let tally = &self.shared.tally;
                    let body = self.body.get_or_insert_with(|| Box::new(Body::new(tally.clone())));
                    let settings = &self.live.settings;
                    let kept = body.push(octets, &settings.limits, &settings.spill_dir);
                    if let Err(error) = kept {
                        tracing::error!(%error, dir = %settings.spill_dir.display(), "cannot spill");
                        self.body = None;
                        self.machine.fail_content(no_room());
                    }
                    continue;
                }
                Step::Discard => {
                    self.body = None;
                    continue;
                }
                Step::NeedMore => Wait::Read,
                Step::Flush => Wait::Flush,
                Step::Ask => Wait::Ask,
                Step::StartTls => Wait::StartTls,
                Step::Close => Wait::Close,
            };
            return (used, wait);
        }
    }

    /// Reads, or learns that time is over or the server stops.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Wait>> {
        if let Poll::Ready(wait) = self.poll_read(context) {
            return Poll::Ready(wait);
        }
        if !self.draining && self.stopped.as_mut().poll(context).is_ready() {
            self.draining = true;
            let drain = self.stop.drain;
            let now = self.started.elapsed();
            let busy_until = now + BUSY_WHILE_STOPPING.min(drain / 2);
            self.machine.drain(QUIET_WHILE_STOPPING, busy_until, now + drain / 10 * 9);
        }
        self.poll_deadline(context)
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Wait>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buf = ReadBuf::new(scratch);
            std::task::ready!(self.stream.poll_read(context, &mut buf))?;
            let octets = buf.filled();
            if octets.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            if !self.input.is_empty() {
                self.input.drain(..std::mem::take(&mut self.seen));
                self.input.extend_from_slice(octets);
                return Poll::Ready(Ok(self.advance()));
            }
            let (used, wait) = self.look(octets);
            self.input.extend_from_slice(octets.get(used..).unwrap_or_default());
            Poll::Ready(Ok(wait))
        })
    }

    /// The timer is moved only when it would fire too late; when it fires too early, it is set to
    /// the deadline of then. So most commands cost no timer at all.
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Wait>> {
        loop {
            let Some(deadline) = self.machine.deadline().map(|d| self.started + d) else {
                return Poll::Pending;
            };
            if deadline < self.timer.deadline() {
                self.timer.as_mut().reset(deadline);
            }
            std::task::ready!(self.timer.as_mut().poll(context));
            if self.machine.expire(self.started.elapsed()) {
                if !self.draining {
                    self.shared.tally.timed_out.fetch_add(1, Ordering::Relaxed);
                }
                return Poll::Ready(Ok(Wait::Close));
            }
            let later = self.machine.deadline().map_or(self.timer.deadline(), |d| self.started + d);
            self.timer.as_mut().reset(later.max(Instant::now() + TICK));
        }
    }

    fn collect(&mut self) {
        if self.output.is_empty() {
            self.output = self.machine.take_output();
        } else if self.machine.has_output() {
            self.output.extend_from_slice(&self.machine.take_output());
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.collect();
        if self.output.is_empty() {
            return Ok(());
        }
        let output = std::mem::take(&mut self.output);
        self.stream.send(&output, self.live.settings.limits.command_timeout).await
    }

    /// Asks the gate. Its futures are boxed, so that an idle connection does not carry their size.
    async fn ask(&mut self) -> io::Result<()> {
        if matches!(self.machine.asked(), Some(Asked::Login(_) | Asked::Message)) {
            // These may take long: nobody has to wait for what was answered before.
            self.flush().await?;
        }
        let gate = self.shared.gate.clone();
        let visitor = &mut self.visitor;
        let reply = match self.machine.asked() {
            None => return Ok(()),
            Some(Asked::Hello { name, esmtp }) => {
                gate.hello(visitor, name, esmtp);
                None
            }
            Some(Asked::Xclient(attributes)) => gate.xclient(visitor, attributes).err(),
            Some(Asked::Salt { login }) => match gate.salt(visitor, login) {
                Ok(salt) => {
                    self.machine.salted(&salt, self.started.elapsed());
                    return Ok(());
                }
                Err(reply) => Some(reply),
            },
            Some(Asked::Prove(proof)) => match gate.prove(visitor, proof) {
                Ok(signature) => {
                    self.machine.signed(&signature, self.started.elapsed());
                    return Ok(());
                }
                Err(reply) => Some(reply),
            },
            Some(Asked::Known { login }) => {
                gate.known(visitor, login);
                None
            }
            Some(Asked::Login(c)) => {
                Box::pin(gate.auth(visitor, &c.login, &c.password)).await.err()
            }
            Some(Asked::Mail(envelope)) => Box::pin(gate.mail(visitor, envelope)).await.err(),
            Some(Asked::Rcpt(envelope, recipient)) => {
                Box::pin(gate.rcpt(visitor, envelope, recipient)).await.err()
            }
            Some(Asked::Message) => Some(self.message(&gate).await),
        };
        self.machine.answer(reply, self.started.elapsed());
        Ok(())
    }

    async fn message(&mut self, gate: &Arc<G>) -> Reply {
        let envelope = self.machine.take_envelope();
        let tally = &self.shared.tally;
        let body = self.body.take().unwrap_or_else(|| Box::new(Body::new(tally.clone())));
        match body.finish() {
            Ok(content) => Box::pin(gate.message(&mut self.visitor, envelope, content)).await,
            Err(error) => {
                tracing::error!(%error, "cannot spill");
                no_room()
            }
        }
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        // A certificate that was reloaded meanwhile is the one to show.
        let live = self.shared.live.load_full();
        let client_ca = self.client_ca.as_deref();
        let tls = live.tls(client_ca).or_else(|| self.live.tls(client_ca));
        let tls = tls.ok_or(io::ErrorKind::Unsupported)?;
        let handshake =
            self.stop.within(live.settings.limits.handshake_timeout, self.stream.secure(tls));
        let secured = Box::pin(handshake).await.inspect_err(|error| {
            self.shared.tally.handshake_failed(&self.connection, error);
        })?;
        self.machine.secured(self.started.elapsed());
        self.shared.gate.secured(&mut self.visitor, &secured);
        Ok(())
    }
}

fn no_room() -> Reply {
    Reply::new(452, 3, 1, "No room for the message now, try again later")
}

thread_local! {
    /// Where all connections of a thread read to.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_OCTETS]);
}

/// More than a socket gives at once as a rule, so that one read empties it.
const SCRATCH_OCTETS: usize = 64 * 1024;

/// A timer that fired a hair too early is not set to the past.
const TICK: Duration = Duration::from_millis(1);

/// While the server stops: a session without transaction that says nothing for this long ends,
const QUIET_WHILE_STOPPING: Duration = Duration::from_secs(2);
/// and for this long new transactions may begin in sessions that are busy, so that a stop does not
/// break a batch in the middle.
const BUSY_WHILE_STOPPING: Duration = Duration::from_secs(5);
