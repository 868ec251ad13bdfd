//! The server's side of a session (RFC 5321), as a state machine.
//!
//! [`Session::step`] takes octets and says what happened; replies pile up in the output until the
//! driver takes them, so that pipelined commands are answered in one write. Where somebody else has
//! to decide, the step is [`Step::Ask`]: the machine stands still, octets behind it stay unread,
//! until [`Session::answer`]. How the octets are cut changes nothing.
//!
//! What a phase knows lives in it, so RSET, EHLO, STARTTLS and XCLIENT forget by dropping it.
//! Over-long lines, over-size content and refused chunks are read over in state: the dialogue stays
//! in step, and nothing of them is ever taken for a command.

mod commands;
mod content;
mod greeting;

use std::sync::Arc;
use std::time::Duration;

use memchr::memchr_iter;
use postern_mail::{Envelope, Recipient, Reply};

use crate::auth::{Credentials, Exchange};
use crate::codec::{Decoder, Watcher};
use crate::command::Xclient;
use crate::replies::{self, Line};

/// What a server says of itself, and its limits.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name in the banner and in EHLO's answer.
    pub hostname: String,
    /// Offer AUTH once encrypted.
    pub auth: bool,
    /// Largest message in octets.
    pub message_bytes: u64,
    /// Recipients of one message.
    pub recipients_per_message: usize,
    /// Messages in one session.
    pub messages_per_session: u32,
    /// Replies 5xx in one session; a message that is accepted forgives those before it.
    pub errors_per_session: u32,
    /// Failed logins in one session.
    pub failed_logins_per_session: u32,
    /// Octets of a command line with its CR LF.
    pub command_line_bytes: usize,
    /// Wait for a whole command.
    pub command_timeout: Duration,
    /// Wait for more octets of a message.
    pub data_timeout: Duration,
    /// Octets of a message a second, averaged, after the first [`RATE_GRACE`].
    pub data_bytes_per_second_min: u64,
}

/// What one connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Link {
    /// Encrypted already.
    pub encrypted: bool,
    /// STARTTLS is offered.
    pub starttls: bool,
    /// No MAIL without encryption.
    pub tls_required: bool,
    /// XCLIENT and XFORWARD are offered and obeyed.
    pub xclient: bool,
}

/// What the driver has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Send the output, then read more.
    NeedMore,
    /// Send the output, then go on with the same input.
    Flush,
    /// See [`Session::asked`], then [`Session::answer`].
    Ask,
    /// Octets of a message, to be kept in order.
    Body(&'a [u8]),
    /// The octets kept so far are of no use: the message was dropped or will be refused.
    Discard,
    /// Send the output, shake hands, then [`Session::secured`]. All input was taken: what came
    /// behind STARTTLS in the clear was thrown away (RFC 3207 §4.2).
    StartTls,
    /// Send the output and close.
    Close,
}

/// What is asked; see [`Step::Ask`].
#[derive(Debug)]
pub enum Asked<'s> {
    /// EHLO or HELO.
    Hello {
        /// Its name.
        name: &'s str,
        /// EHLO.
        esmtp: bool,
    },
    /// AUTH.
    Login(&'s Credentials),
    /// XCLIENT.
    Xclient(&'s Xclient),
    /// MAIL; no recipients yet.
    Mail(&'s Envelope),
    /// RCPT, after those in the envelope.
    Rcpt(&'s Envelope, &'s Recipient),
    /// The message is complete: its octets came as `Body`, its envelope is taken with
    /// [`Session::take_envelope`].
    Message,
}

/// One session.
#[derive(Debug)]
pub struct Session {
    settings: Arc<Settings>,
    link: Link,
    phase: Phase,
    authenticated: bool,
    /// The line that is being read was found too long and is skipped to its end.
    overlong: bool,
    /// The driver holds octets of a message.
    held: bool,
    /// Octets of a refused chunk that are still to come.
    skip: u64,
    errors: u32,
    failed_logins: u32,
    messages: u32,
    /// When the last thing was completed that a deadline counts from.
    since: Duration,
    pace: Pace,
    drain: Option<Drain>,
    output: Vec<u8>,
}

/// Where the dialogue stands.
#[derive(Debug)]
enum Phase {
    /// Nothing said, or all forgotten.
    Connected,
    /// Greeted, no transaction.
    Idle,
    /// AUTH waits for a line.
    Exchange(Exchange),
    /// MAIL was accepted.
    Envelope(Box<Transaction>),
    /// After DATA.
    Data(Box<Transaction>, Decoder),
    /// Within a chunk.
    Chunk(Box<Transaction>, Chunk),
    /// Between chunks.
    Chunks(Box<Transaction>),
    /// Waits for an answer.
    Asking(Question),
    /// Over.
    Closed,
}

#[derive(Debug)]
struct Chunk {
    left: u64,
    last: bool,
}

#[derive(Debug)]
enum Question {
    Hello { name: String, esmtp: bool },
    Login(Credentials),
    Xclient { attributes: Box<Xclient>, greeted: bool },
    Mail(Box<Transaction>),
    Rcpt(Box<Transaction>, Recipient),
    Message(Box<Transaction>),
}

/// From MAIL to the message's end.
#[derive(Debug, Default)]
struct Transaction {
    envelope: Envelope,
    /// Octets of the message so far.
    octets: u64,
    /// For chunks; DATA's decoder has its own.
    watcher: Watcher,
    /// The message will be refused with this once it is complete.
    refusal: Option<Refusal>,
}

#[derive(Debug)]
enum Refusal {
    Line(Line),
    Reply(Reply),
}

/// How fast content comes.
#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    started: Duration,
    octets: u64,
}

/// The server wants to stop; see [`Session::drain`].
#[derive(Debug, Clone, Copy)]
struct Drain {
    quiet: Duration,
    busy_until: Duration,
    end: Duration,
}

/// For this long the minimum rate is not asked for: a slow start is no attack.
pub const RATE_GRACE: Duration = Duration::from_secs(60);

/// Content up to this many times the size limit is read over, so that the refusal arrives where
/// the client waits for it; past it the session ends.
const ENDLESS_FACTOR: u64 = 8;

/// Replies that may wait in memory, so that a flood of commands cannot make a flood of answers.
const OUTPUT_OCTETS_MAX: usize = 16 * 1024;

impl Session {
    /// A new session; its banner waits in the output.
    pub fn new(settings: Arc<Settings>, link: Link, now: Duration) -> Self {
        let mut session = Self {
            settings,
            link,
            phase: Phase::Connected,
            authenticated: false,
            overlong: false,
            held: false,
            skip: 0,
            errors: 0,
            failed_logins: 0,
            messages: 0,
            since: now,
            pace: Pace::default(),
            drain: None,
            output: Vec::new(),
        };
        session.banner();
        session
    }

    /// Takes octets from the front of `input`: how many, and what came of them.
    pub fn step<'a>(&mut self, input: &'a [u8], now: Duration) -> (usize, Step<'a>) {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            let (taken, step) = match &self.phase {
                Phase::Closed => (0, Some(Step::Close)),
                Phase::Asking(_) => (0, Some(Step::Ask)),
                _ if self.skip > 0 => self.skipped(rest, now),
                Phase::Data(..) => self.data(rest, now),
                Phase::Chunk(..) => self.chunk(rest, now),
                _ => self.line(rest, now),
            };
            used += taken;
            match step {
                Some(Step::StartTls) => return (input.len(), Step::StartTls),
                Some(step) => return (used, step),
                None => {}
            }
        }
    }

    /// What [`Step::Ask`] asks.
    pub fn asked(&self) -> Option<Asked<'_>> {
        let Phase::Asking(question) = &self.phase else { return None };
        Some(match question {
            Question::Hello { name, esmtp } => Asked::Hello { name, esmtp: *esmtp },
            Question::Login(credentials) => Asked::Login(credentials),
            Question::Xclient { attributes, .. } => Asked::Xclient(attributes),
            Question::Mail(transaction) => Asked::Mail(&transaction.envelope),
            Question::Rcpt(transaction, recipient) => Asked::Rcpt(&transaction.envelope, recipient),
            Question::Message(_) => Asked::Message,
        })
    }

    /// The envelope of the complete message; empty at any other time.
    pub fn take_envelope(&mut self) -> Envelope {
        match &mut self.phase {
            Phase::Asking(Question::Message(transaction)) => {
                std::mem::take(&mut transaction.envelope)
            }
            _ => Envelope::default(),
        }
    }

    /// Answers what was asked: `None` grants it in the usual words. A reply 421 ends the session.
    pub fn answer(&mut self, reply: Option<Reply>, now: Duration) {
        let question = match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Asking(question) => question,
            other => {
                self.phase = other;
                return;
            }
        };
        self.since = now;
        let closing = reply.as_ref().is_some_and(|reply| reply.code == 421);
        self.decided(question, reply);
        if closing {
            self.phase = Phase::Closed;
        }
    }

    /// The octets of the current message cannot be kept: the rest is read over and the message
    /// answered with `reply`.
    pub fn fail_content(&mut self, reply: Reply) {
        match &mut self.phase {
            Phase::Data(transaction, _)
            | Phase::Chunk(transaction, _)
            | Phase::Chunks(transaction) => {
                transaction.refusal.get_or_insert(Refusal::Reply(reply));
                self.held = false;
            }
            Phase::Asking(Question::Message(transaction)) => {
                transaction.refusal = Some(Refusal::Reply(reply));
            }
            _ => {}
        }
    }

    /// The TLS handshake after [`Step::StartTls`] is done: all that was said before is forgotten.
    pub fn secured(&mut self, now: Duration) {
        self.link.encrypted = true;
        self.phase = Phase::Connected;
        self.authenticated = false;
        self.since = now;
    }

    /// The server is about to stop: a session without transaction ends `quiet` after its last
    /// command, or with its next command after `busy_until`; any session ends at `end`.
    pub fn drain(&mut self, quiet: Duration, busy_until: Duration, end: Duration) {
        self.drain = Some(Drain { quiet, busy_until, end });
    }

    /// When [`Self::expire`] has something to do; `None` while an answer is awaited.
    pub fn deadline(&self) -> Option<Duration> {
        let settings = &self.settings;
        let deadline = match &self.phase {
            Phase::Asking(_) | Phase::Closed => return None,
            _ if self.in_content() => {
                let rate = settings.data_bytes_per_second_min.max(1);
                let allowed = RATE_GRACE.max(Duration::from_secs(self.pace.octets / rate));
                (self.since + settings.data_timeout).min(self.pace.started + allowed)
            }
            Phase::Connected | Phase::Idle | Phase::Exchange(_) => {
                let quiet = self.drain.map_or(settings.command_timeout, |drain| drain.quiet);
                self.since + quiet.min(settings.command_timeout)
            }
            _ => self.since + settings.command_timeout,
        };
        Some(self.drain.map_or(deadline, |drain| drain.end.min(deadline)))
    }

    /// Ends the session with 421 if its deadline is over; whether it was.
    pub fn expire(&mut self, now: Duration) -> bool {
        let over = self.deadline().is_some_and(|deadline| now >= deadline);
        if over {
            let in_content = self.in_content();
            self.close(match self.drain {
                Some(_) => replies::SHUTDOWN,
                None if in_content => replies::SLOW,
                None => replies::IDLE,
            });
        }
        over
    }

    /// The replies that wait to be sent.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Whether replies wait to be sent.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    fn in_content(&self) -> bool {
        self.skip > 0 || matches!(self.phase, Phase::Data(..) | Phase::Chunk(..))
    }

    /// One command line, if it is complete.
    fn line(&mut self, input: &[u8], now: Duration) -> (usize, Option<Step<'static>>) {
        if self.held && !matches!(self.phase, Phase::Chunks(_)) {
            self.held = false;
            return (0, Some(Step::Discard));
        }
        if self.output.len() > OUTPUT_OCTETS_MAX {
            return (0, Some(Step::Flush));
        }
        let max = self.settings.command_line_bytes;
        let Some(end) = line_end(input) else {
            return self.unfinished(input, max);
        };
        let used = end + 2;
        self.since = now;
        if std::mem::take(&mut self.overlong) || used > max {
            if matches!(self.phase, Phase::Exchange(_)) {
                self.phase = Phase::Idle;
            }
            self.refuse(replies::LINE_TOO_LONG);
            return (used, None);
        }
        let between = matches!(self.phase, Phase::Connected | Phase::Idle);
        if between && self.drain.is_some_and(|drain| now >= drain.busy_until) {
            self.close(replies::SHUTDOWN);
            return (used, None);
        }
        (used, self.command(input.get(..end).unwrap_or_default(), now))
    }

    /// A line without an end: waited for, or, once it is too long, thrown away up to a CR that
    /// may begin its end.
    fn unfinished(&mut self, input: &[u8], max: usize) -> (usize, Option<Step<'static>>) {
        self.overlong |= input.len() >= max;
        let used = match (self.overlong, input.last()) {
            (true, Some(b'\r')) => input.len() - 1,
            (true, _) => input.len(),
            (false, _) => 0,
        };
        (used, Some(Step::NeedMore))
    }

    fn skipped(&mut self, input: &[u8], now: Duration) -> (usize, Option<Step<'static>>) {
        let taken = usize::try_from(self.skip).unwrap_or(usize::MAX).min(input.len());
        if taken == 0 {
            return (0, Some(Step::NeedMore));
        }
        self.skip -= taken as u64;
        self.progress(taken, now);
        (taken, None)
    }

    /// Octets of content came.
    fn progress(&mut self, octets: usize, now: Duration) {
        self.since = now;
        self.pace.octets += octets as u64;
    }

    fn say(&mut self, line: Line) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Says no, and ends the session when it was said too often. The phase must be set before.
    fn refuse(&mut self, line: Line) {
        self.say(line);
        if replies::code(line) >= 500 {
            self.count_error();
        }
    }

    fn count_error(&mut self) {
        self.errors += 1;
        if self.errors >= self.settings.errors_per_session {
            self.close(replies::TOO_MANY_ERRORS);
        }
    }

    fn close(&mut self, line: Line) {
        self.say(line);
        self.phase = Phase::Closed;
    }
}

/// Where the first CR LF is. A CR or LF alone ends no line (RFC 5321 §2.3.8); it stays in it, and
/// the parser refuses the whole.
fn line_end(input: &[u8]) -> Option<usize> {
    memchr_iter(b'\n', input)
        .find(|lf| lf.checked_sub(1).and_then(|cr| input.get(cr)) == Some(&b'\r'))
        .map(|lf| lf - 1)
}

#[cfg(test)]
mod tests;
