//! What each command does in each phase, and what an answer leads to.
//!
//! The order in each: check, then ask, then effect. The table of all of it is
//! `tests/server-transitions.txt`.

use std::time::Duration;

use postern_mail::{BodyKind, Envelope, Recipient};

use super::{Chunk, ENDLESS_FACTOR, Pace, Phase, Question, Session, Step, Transaction};
use crate::auth::Exchange;
use crate::codec::Decoder;
use crate::command::{self, Command, Mail, Xclient};
use crate::replies::{self, Line};

impl Session {
    /// One line, without its CR LF.
    pub(super) fn command(&mut self, line: &[u8], now: Duration) -> Option<Step<'static>> {
        if let Phase::Exchange(exchange) = &mut self.phase {
            let exchange = std::mem::replace(exchange, Exchange::Plain);
            self.phase = Phase::Idle;
            self.exchanged(exchange.advance(line));
            return None;
        }
        match command::parse(line) {
            Err(reply) => self.refuse(reply),
            Ok(Command::Helo(name)) => self.hello(name, false),
            Ok(Command::Ehlo(name)) => self.hello(name, true),
            Ok(Command::Mail(mail)) => self.mail(mail),
            Ok(Command::Rcpt(recipient)) => self.rcpt(recipient),
            Ok(Command::Data) => self.data_begins(now),
            Ok(Command::Bdat { octets, last }) => self.chunk_begins(octets, last, now),
            Ok(Command::Rset) => self.reset(),
            Ok(Command::Noop) => self.idle(replies::NOTHING),
            Ok(Command::Quit) => self.close(replies::BYE),
            Ok(Command::Help) => self.idle(replies::HELP),
            Ok(Command::Vrfy) => self.idle(replies::NOT_VERIFIED),
            Ok(Command::StartTls) => return self.start_tls(),
            Ok(Command::Auth { mechanism, initial }) => self.auth(mechanism, initial),
            Ok(Command::Xclient(attributes)) => self.xclient(attributes),
            Ok(Command::Xforward) => match self.link.xclient {
                true => self.idle(replies::FORWARDED),
                false => self.refuse(replies::NOT_OFFERED),
            },
            Ok(Command::Refused) => self.refuse(replies::NOT_OFFERED),
            Ok(Command::Foreign) => self.close(replies::FOREIGN),
        }
        None
    }

    /// EHLO and HELO drop a transaction (RFC 5321 §4.1.4).
    fn hello(&mut self, name: &str, esmtp: bool) {
        self.phase = Phase::Asking(Question::Hello { name: name.to_owned(), esmtp });
    }

    fn reset(&mut self) {
        if !matches!(self.phase, Phase::Connected) {
            self.phase = Phase::Idle;
        }
        self.idle(replies::RESET);
    }

    fn idle(&mut self, line: Line) {
        self.say(line);
        self.count_idle();
    }

    fn mail(&mut self, mail: Mail) {
        if let Some(reply) = self.against_mail(&mail) {
            return self.refuse(reply);
        }
        if self.messages >= self.settings.messages_per_session {
            return self.close(replies::TOO_MANY_MESSAGES);
        }
        let envelope = Envelope {
            mail_from: mail.from,
            recipients: Vec::new(),
            body: mail.body.unwrap_or_default(),
            smtputf8: mail.smtputf8,
            require_tls: mail.require_tls,
            dsn_return: mail.dsn_return,
            dsn_envid: mail.dsn_envid,
        };
        let transaction = Box::new(Transaction { envelope, ..Transaction::default() });
        self.phase = Phase::Asking(Question::Mail(transaction));
    }

    fn against_mail(&self, mail: &Mail) -> Option<Line> {
        match self.phase {
            Phase::Connected => return Some(replies::HELLO_FIRST),
            Phase::Chunks(_) => return Some(replies::CHUNKS_BEGUN),
            Phase::Idle => {}
            _ => return Some(replies::NESTED),
        }
        if self.link.tls_required && !self.link.encrypted {
            return Some(replies::TLS_FIRST);
        }
        if self.link.submission && !self.authenticated {
            return Some(replies::AUTH_FIRST);
        }
        // Parameters of what EHLO did not offer to this client now.
        if mail.auth && !self.offers_auth() || mail.require_tls && !self.link.encrypted {
            return Some(replies::UNKNOWN_PARAMETER);
        }
        if mail.size.is_some_and(|size| size > self.settings.message_bytes) {
            return Some(replies::TOO_BIG);
        }
        let utf8 = mail.from.as_ref().is_some_and(|from| from.is_utf8());
        (utf8 && !mail.smtputf8).then_some(replies::UTF8_SENDER)
    }

    /// The transaction between MAIL and its content, out of its phase; where there is none, that is
    /// answered and the phase stays.
    fn take_open_envelope(&mut self) -> Option<Box<Transaction>> {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Envelope(transaction) => Some(transaction),
            other => {
                let chunks = matches!(other, Phase::Chunks(_));
                self.phase = other;
                self.refuse(if chunks { replies::CHUNKS_BEGUN } else { replies::MAIL_FIRST });
                None
            }
        }
    }

    fn rcpt(&mut self, recipient: Recipient) {
        let Some(transaction) = self.take_open_envelope() else { return };
        let envelope = &transaction.envelope;
        let orcpt_utf8 = recipient.dsn_orcpt.as_ref().is_some_and(|orcpt| !orcpt.is_ascii());
        let against = match () {
            () if envelope.smtputf8 => None,
            () if recipient.address.is_utf8() => Some(replies::UTF8_RECIPIENT),
            () if orcpt_utf8 => Some(replies::BAD_PARAMETER),
            () => None,
        };
        let full = envelope.recipients.len() >= self.settings.recipients_per_message;
        match against.or(full.then_some(replies::TOO_MANY_RECIPIENTS)) {
            None => self.phase = Phase::Asking(Question::Rcpt(transaction, recipient)),
            Some(reply) => {
                self.phase = Phase::Envelope(transaction);
                self.refuse(reply);
            }
        }
    }

    fn data_begins(&mut self, now: Duration) {
        let Some(transaction) = self.take_open_envelope() else { return };
        let against = match &transaction.envelope {
            envelope if envelope.recipients.is_empty() => Some(replies::NO_RECIPIENTS),
            envelope if envelope.body == BodyKind::Binary => Some(replies::BINARY_BY_DATA),
            _ => None,
        };
        match against {
            None => {
                self.pace = Pace { started: now, octets: 0 };
                self.phase = Phase::Data(transaction, Decoder::new());
                self.say(replies::GO_AHEAD);
            }
            Some(reply) => {
                self.phase = Phase::Envelope(transaction);
                self.refuse(reply);
            }
        }
    }

    /// A chunk follows the command at once, wanted or not (RFC 3030 §2): one that is refused is
    /// read over, or its octets would be taken for commands.
    fn chunk_begins(&mut self, octets: u64, last: bool, now: Duration) {
        self.pace = Pace { started: now, octets: 0 };
        if octets == 0 && !last {
            self.count_idle();
        }
        let limit = self.settings.message_bytes;
        let endless = octets > limit.saturating_mul(ENDLESS_FACTOR);
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Closed => self.phase = Phase::Closed,
            _ if endless => self.close(replies::ENDLESS),
            Phase::Envelope(transaction) | Phase::Chunks(transaction)
                if !transaction.envelope.recipients.is_empty() =>
            {
                self.phase = Phase::Chunk(transaction, Chunk { left: octets, last });
            }
            other => {
                self.skip = octets;
                let reply = match &other {
                    Phase::Envelope(_) => replies::NO_RECIPIENTS,
                    _ => replies::MAIL_FIRST,
                };
                self.phase = other;
                self.refuse(reply);
            }
        }
    }

    fn start_tls(&mut self) -> Option<Step<'static>> {
        let against = match self.phase {
            _ if self.link.encrypted => replies::ALREADY_ENCRYPTED,
            _ if !self.link.starttls => replies::NOT_OFFERED,
            Phase::Connected | Phase::Idle => {
                self.say(replies::START_TLS);
                // Until `secured` nothing can be said.
                self.phase = Phase::Closed;
                return Some(Step::StartTls);
            }
            _ => replies::IN_TRANSACTION,
        };
        self.refuse(against);
        None
    }

    fn xclient(&mut self, attributes: Box<Xclient>) {
        let greeted = matches!(self.phase, Phase::Idle);
        let against = match self.phase {
            _ if !self.link.xclient => replies::NOT_OFFERED,
            Phase::Connected | Phase::Idle => {
                self.phase = Phase::Asking(Question::Xclient { attributes, greeted });
                return;
            }
            _ => replies::IN_TRANSACTION,
        };
        self.refuse(against);
    }
}
