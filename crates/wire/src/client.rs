//! A session towards an upstream, without I/O (RFC 5321 §3, RFC 2920, RFC 3207, RFC 3030).
//!
//! Octets of the upstream go in by `step`, ours come out by `output`. "Accepted" is said of a
//! recipient only after a 2xx to the end of data: an error path has no way to that word, since the
//! only one who writes it is `Transaction::finish`. Everything else leaves the recipient with the
//! reply that turned it away, or unanswered.
//!
//! Where PIPELINING is offered, MAIL, all RCPT and DATA leave in one piece; the content waits for
//! 354. BDAT is used for BINARYMIME only: with it envelope and content would leave in one piece, and
//! a connection that turns out dead would leave open whether the message was taken.

mod commands;
mod offers;
mod transaction;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use postern_mail::{BodyKind, Envelope, Reply};

pub use self::offers::Offers;
pub use self::transaction::{Answer, Verdict};
use self::transaction::{Next, Transaction, Way};
pub use self::trouble::{Stage, Trouble};
use crate::codec::Encoder;
use crate::reply::Parser;

/// What a session needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it says in EHLO.
    pub ehlo_name: String,
    /// For each reply but the one to the end of data.
    pub reply_timeout: Duration,
    /// For the reply to the end of data (RFC 5321 §4.5.3.2.6).
    pub data_reply_timeout: Duration,
}

/// How far the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    Plain,
    /// Encrypted, towards whomever.
    Encrypted,
    /// Encrypted, and certificate and name were verified.
    Verified,
}

/// One message to hand over.
#[derive(Debug, Clone)]
pub struct Message {
    /// From whom to whom.
    pub envelope: Arc<Envelope>,
    /// Octets of the content.
    pub size: u64,
    /// Whether its header holds octets beyond ASCII.
    pub utf8_header: bool,
}

/// What the owner does next. In each case `output` is written first.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Read, at most until `deadline`.
    NeedMore,
    /// The session stands: `start_tls`, `begin` or `quit`.
    Ready,
    /// Make the TLS handshake now, then `secured`.
    StartTls,
    /// Send the content: `content` as often as needed, then `end_content`.
    Content,
    /// The transaction is over and the session `Ready` again.
    Done(Verdict),
    /// The session is of no more use; `abandon` tells what was answered until then.
    Broken(Trouble),
}

enum Phase {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Handshake,
    Ready,
    /// MAIL, RCPT, DATA.
    Envelope(Transaction),
    Content(Transaction, Body),
    /// All of the content is out.
    End(Transaction),
    /// Nobody is left to send to, but DATA got a 354: the lone dot is out.
    Void(Transaction),
    Broken(Option<Transaction>),
}

/// How the content is written.
enum Body {
    Dots(Encoder),
    /// As it is, after `BDAT n LAST`.
    Octets,
}

/// A session, from the greeting on.
pub struct Session {
    settings: Arc<Settings>,
    phase: Phase,
    parser: Parser,
    offers: Offers,
    security: Security,
    /// The upstream may still know a MAIL of ours: RSET goes before the next one.
    open: bool,
    out: Vec<u8>,
    deadline: Duration,
}

impl Session {
    /// Of a connection that was just made. All times count from one fixed moment.
    pub fn new(settings: Arc<Settings>, now: Duration) -> Self {
        let deadline = now + settings.reply_timeout;
        Self {
            settings,
            phase: Phase::Greeting,
            parser: Parser::new(),
            offers: Offers::default(),
            security: Security::Plain,
            open: false,
            out: Vec::new(),
            deadline,
        }
    }

    /// Takes what was read. All that was read goes in; what is left over after `Done` nobody asked
    /// for, and the session had better not be used again.
    pub fn step(&mut self, input: &[u8], now: Duration) -> (usize, Step) {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            let (taken, got) = self.parser.feed(rest);
            used += taken;
            let code = match got {
                Ok(Some(code)) => code,
                Ok(None) => return (used, Step::NeedMore),
                Err(malformed) => {
                    let stage = self.stage();
                    return (used, self.broken(Trouble::Malformed { stage, malformed }));
                }
            };
            self.deadline = now + self.settings.reply_timeout;
            match self.answered(code, now) {
                Step::NeedMore => {}
                Step::StartTls if used < input.len() => {
                    return (used, self.broken(Trouble::Injected));
                }
                // A reply that came with the 354 is one to a content not yet sent.
                Step::Content if used < input.len() => {}
                step => return (used, step),
            }
        }
    }

    /// What is to be written; the owner empties it.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Until when the upstream has time for its next reply.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// What the upstream's EHLO offers.
    pub fn offers(&self) -> &Offers {
        &self.offers
    }

    /// How far the connection is protected.
    pub fn security(&self) -> Security {
        self.security
    }

    /// Whether the last octet of a content is in `output` or beyond, and its answer is missing.
    /// From then on nobody but the upstream knows whether the message was taken.
    pub fn is_committed(&self) -> bool {
        matches!(self.phase, Phase::End(_))
    }

    /// Which reply it waits for.
    pub fn stage(&self) -> Stage {
        match &self.phase {
            Phase::Greeting => Stage::Greeting,
            Phase::Ehlo | Phase::Helo => Stage::Hello,
            Phase::StartTls | Phase::Handshake => Stage::StartTls,
            Phase::Ready | Phase::Broken(_) => Stage::Idle,
            Phase::Envelope(transaction) => transaction.stage(),
            Phase::Content(..) => Stage::Content,
            Phase::End(_) | Phase::Void(_) => Stage::End,
        }
    }

    /// Asks for TLS; only when `Ready`. When the upstream does not want to after all, the session is
    /// `Ready` again and no longer offers it.
    pub fn start_tls(&mut self, now: Duration) {
        self.out.extend_from_slice(b"STARTTLS\r\n");
        self.wait(Phase::StartTls, now);
    }

    /// The handshake is made. All that was known from before is forgotten (RFC 3207 §4.2).
    pub fn secured(&mut self, security: Security, now: Duration) {
        self.security = security;
        self.hello(now);
    }

    /// Why this upstream cannot take the message as it is. A relay does not convert.
    ///
    /// Octets beyond ASCII towards an upstream without 8BITMIME are no reason: RFC 6152 §3 would
    /// have us convert or bounce, but converting breaks signatures, and all software in use passes
    /// eight bits whatever it offers.
    pub fn lacks(&self, message: &Message) -> Option<Reply> {
        let (envelope, offers) = (&message.envelope, &self.offers);
        let utf8_address = commands::has_utf8_address(envelope);
        let utf8_header = envelope.smtputf8 && message.utf8_header;
        if envelope.require_tls && !(offers.require_tls && self.security == Security::Verified) {
            Some(Reply::new(550, 7, 30, "the next host does not support REQUIRETLS"))
        } else if utf8_address && !offers.smtputf8 {
            Some(Reply::new(550, 6, 7, "the next host does not take addresses beyond ASCII"))
        } else if utf8_header && !offers.smtputf8 {
            Some(Reply::new(550, 6, 9, "the next host does not take headers beyond ASCII"))
        } else if envelope.body == BodyKind::Binary && !offers.takes_binary() {
            Some(Reply::new(554, 6, 3, "the next host does not take BINARYMIME"))
        } else {
            None
        }
    }

    /// Starts a transaction; only when `Ready`, and when the message `lacks` nothing.
    pub fn begin(&mut self, message: &Message, now: Duration) {
        let way = match message.envelope.body {
            BodyKind::Binary => Way::Bdat,
            _ => Way::Data,
        };
        let mut transaction = Transaction::new(message, way, self.open);
        self.open = false;
        transaction.send(&self.offers, &mut self.out);
        self.wait(Phase::Envelope(transaction), now);
    }

    /// Appends a piece of the content to `output`; each has the time of a reply to get out.
    pub fn content(&mut self, octets: &[u8], now: Duration) {
        self.deadline = now + self.settings.reply_timeout;
        match &mut self.phase {
            Phase::Content(_, Body::Dots(encoder)) => encoder.encode(octets, &mut self.out),
            Phase::Content(_, Body::Octets) => self.out.extend_from_slice(octets),
            _ => {}
        }
    }

    /// Appends the end of data. False when the content holds a bare CR or LF, which must not leave
    /// by DATA: then no end is written, and all that is left is to drop the connection.
    pub fn end_content(&mut self, now: Duration) -> bool {
        let phase = std::mem::replace(&mut self.phase, Phase::Broken(None));
        let Phase::Content(transaction, body) = phase else {
            self.phase = phase;
            return false;
        };
        if let Body::Dots(mut encoder) = body {
            let before = self.out.len();
            encoder.finish(&mut self.out);
            if encoder.defects().bare_cr || encoder.defects().bare_lf {
                self.out.truncate(before);
                self.phase = Phase::Broken(Some(transaction));
                return false;
            }
        }
        self.phase = Phase::End(transaction);
        self.deadline = now + self.settings.data_reply_timeout;
        true
    }

    /// Says goodbye. Nobody needs to wait for the answer.
    pub fn quit(&mut self) {
        self.out.extend_from_slice(b"QUIT\r\n");
        self.phase = Phase::Broken(None);
    }

    /// Gives the transaction up: what was answered until now, if there was one.
    pub fn abandon(&mut self) -> Option<Verdict> {
        match std::mem::replace(&mut self.phase, Phase::Broken(None)) {
            Phase::Envelope(transaction)
            | Phase::Content(transaction, _)
            | Phase::End(transaction)
            | Phase::Void(transaction)
            | Phase::Broken(Some(transaction)) => Some(transaction.verdict(None)),
            _ => None,
        }
    }

    fn wait(&mut self, phase: Phase, now: Duration) {
        self.phase = phase;
        self.deadline = now + self.settings.reply_timeout;
    }

    fn hello(&mut self, now: Duration) {
        self.offers = Offers::default();
        commands::ehlo(&self.settings.ehlo_name, &mut self.out);
        self.wait(Phase::Ehlo, now);
    }

    /// The parser has a reply of `code`. `NeedMore` says that more are waited for.
    fn answered(&mut self, code: u16, now: Duration) -> Step {
        let stage = self.stage();
        if code == 421 {
            return self.closing(stage);
        }
        match std::mem::replace(&mut self.phase, Phase::Broken(None)) {
            Phase::Greeting if code / 100 == 2 => {
                self.hello(now);
                Step::NeedMore
            }
            Phase::Ehlo if code / 100 == 2 => {
                self.offers = Offers::read(self.parser.texts());
                self.ready()
            }
            // An old or broken server; without extensions it may still take mail (RFC 5321 §3.2).
            Phase::Ehlo if code / 100 == 5 => {
                commands::helo(&self.settings.ehlo_name, &mut self.out);
                self.wait(Phase::Helo, now);
                Step::NeedMore
            }
            Phase::Helo if code / 100 == 2 => self.ready(),
            Phase::StartTls if code == 220 => {
                self.phase = Phase::Handshake;
                Step::StartTls
            }
            Phase::StartTls if code >= 400 => {
                self.offers.starttls = false;
                self.ready()
            }
            Phase::Greeting | Phase::Ehlo | Phase::Helo if code >= 400 => {
                let reply = self.parser.reply();
                self.broken(Trouble::Unwilling { stage, reply })
            }
            Phase::Envelope(transaction) => self.envelope_answered(transaction, code, stage, now),
            Phase::Content(transaction, _) => self.content_answered(transaction, code),
            Phase::End(transaction) if code / 100 != 3 => {
                self.phase = Phase::Ready;
                Step::Done(transaction.finish(self.parser.reply()))
            }
            // Whatever it thinks of an empty message to nobody: the recipients are answered.
            Phase::Void(transaction) if code / 100 != 3 => {
                self.phase = Phase::Ready;
                Step::Done(transaction.verdict(None))
            }
            phase => {
                self.phase = phase;
                let reply = self.parser.reply();
                self.broken(Trouble::Unexpected { stage, reply })
            }
        }
    }

    fn ready(&mut self) -> Step {
        self.phase = Phase::Ready;
        Step::Ready
    }

    fn envelope_answered(
        &mut self,
        mut transaction: Transaction,
        code: u16,
        stage: Stage,
        now: Duration,
    ) -> Step {
        match transaction.answered(code, &self.parser) {
            Next::Wait => {
                transaction.send(&self.offers, &mut self.out);
                self.phase = Phase::Envelope(transaction);
                Step::NeedMore
            }
            Next::Content => {
                let body = match transaction.way() {
                    Way::Data => Body::Dots(Encoder::new()),
                    Way::Bdat => {
                        commands::bdat(transaction.size(), &mut self.out);
                        Body::Octets
                    }
                };
                self.phase = Phase::Content(transaction, body);
                Step::Content
            }
            Next::Void => {
                self.out.extend_from_slice(b".\r\n");
                self.wait(Phase::Void(transaction), now);
                Step::NeedMore
            }
            Next::Over { open } => {
                self.open = open;
                self.phase = Phase::Ready;
                Step::Done(transaction.verdict(None))
            }
            Next::Broken => {
                self.phase = Phase::Broken(Some(transaction));
                Step::Broken(Trouble::Unexpected { stage, reply: self.parser.reply() })
            }
        }
    }

    /// A reply before the end of data. One that refuses holds; there is no way to stop the content
    /// but to drop the connection, and a "yes" to half of it means nothing.
    fn content_answered(&mut self, mut transaction: Transaction, code: u16) -> Step {
        let reply = self.parser.reply();
        if code >= 400 {
            transaction.turn_away(&reply);
        }
        self.phase = Phase::Broken(Some(transaction));
        Step::Broken(Trouble::Early { reply })
    }

    /// 421 may come as answer to anything (RFC 5321 §3.8) and ends the session.
    fn closing(&mut self, stage: Stage) -> Step {
        let reply = self.parser.reply();
        let phase = std::mem::replace(&mut self.phase, Phase::Broken(None));
        if let Phase::End(transaction) = phase {
            // An answer to the end of data all the same: the message was not taken.
            self.phase = Phase::Broken(None);
            return Step::Done(transaction.finish(reply));
        }
        self.phase = phase;
        self.broken(Trouble::Closing { stage, reply })
    }

    fn broken(&mut self, trouble: Trouble) -> Step {
        let phase = std::mem::replace(&mut self.phase, Phase::Broken(None));
        self.phase = Phase::Broken(match phase {
            Phase::Envelope(transaction)
            | Phase::Content(transaction, _)
            | Phase::End(transaction)
            | Phase::Void(transaction) => Some(transaction),
            Phase::Broken(transaction) => transaction,
            _ => None,
        });
        Step::Broken(trouble)
    }

    /// Whether another `begin` can follow.
    pub fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready)
    }
}

#[cfg(test)]
mod tests;
