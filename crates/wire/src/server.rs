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

mod answers;
mod commands;
mod content;
mod greeting;
mod lines;
mod login;
mod phase;
mod time;

use std::sync::Arc;
use std::time::Duration;

use postern_mail::{Envelope, Recipient, Reply};

use self::phase::{Chunk, Phase, Question, Transaction};
use self::time::{Drain, Pace};
use crate::auth::{Credentials, Proof};
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
    /// Commands that move no mail in one session; a message that is accepted forgives them.
    pub idle_commands_per_session: u32,
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
    /// No MAIL without authentication (RFC 6409 §4.3).
    pub submission: bool,
    /// XCLIENT and XFORWARD are offered and obeyed.
    pub xclient: bool,
    /// SCRAM-SHA-256 is offered with the other mechanisms.
    pub scram: bool,
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
    /// What the password of a login is salted with: [`Session::salted`]. A login that does not
    /// exist has a salt, too, or all could learn which do.
    Salt {
        /// Whose.
        login: &'s str,
    },
    /// Whether a proof is right: [`Session::signed`], or [`Session::answer`] with a refusal.
    Prove(&'s Proof),
    /// The proof was right, and the client takes ours: the login is known from here.
    Known {
        /// Who.
        login: &'s str,
    },
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
    idle_commands: u32,
    failed_logins: u32,
    messages: u32,
    /// When the last thing was completed that a deadline counts from.
    since: Duration,
    pace: Pace,
    drain: Option<Drain>,
    output: Vec<u8>,
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
            idle_commands: 0,
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
            Question::Salt(first) => Asked::Salt { login: &first.login },
            Question::Prove(proof) => Asked::Prove(proof),
            Question::Known(login) => Asked::Known { login },
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
                transaction.failed = Some(reply);
                self.held = false;
            }
            Phase::Asking(Question::Message(transaction)) => {
                transaction.failed = Some(reply);
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

    /// The replies that wait to be sent.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Whether replies wait to be sent.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    fn say(&mut self, line: Line) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Says no, and ends the session when it was said too often. The phase must be set before.
    fn refuse(&mut self, line: Line) {
        self.say(line);
        match replies::code(line) {
            500.. => self.count_error(),
            _ => self.count_idle(),
        }
    }

    fn count_error(&mut self) {
        self.errors += 1;
        if self.errors >= self.settings.errors_per_session {
            self.close(replies::TOO_MANY_ERRORS);
        }
    }

    /// A command that moves no mail: well said, but an endless session of them is not for mail.
    fn count_idle(&mut self) {
        self.idle_commands += 1;
        if self.idle_commands >= self.settings.idle_commands_per_session {
            self.close(replies::TOO_MANY_IDLE);
        }
    }

    fn close(&mut self, line: Line) {
        self.say(line);
        self.phase = Phase::Closed;
    }
}

#[cfg(test)]
mod tests;
