//! AUTH within the session: when it may be said, and how often it may fail.

use std::io::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postern_mail::Reply;

use super::{Phase, Question, Session};
use crate::auth::{self, Exchange, Next, Salt, scram};
use crate::replies::{self, Line};

impl Session {
    pub(super) fn auth(&mut self, mechanism: &str, initial: Option<&str>) {
        let against = match self.phase {
            _ if self.settings.auth && self.link.starttls && !self.link.encrypted => {
                replies::AUTH_NEEDS_TLS
            }
            _ if !self.offers_auth() => replies::NOT_OFFERED,
            Phase::Connected => replies::HELLO_FIRST,
            Phase::Idle if self.authenticated => replies::ALREADY_KNOWN,
            Phase::Idle => return self.exchanged(auth::begin(mechanism, initial, self.link.scram)),
            _ => replies::IN_TRANSACTION,
        };
        self.refuse(against);
    }

    pub(super) fn exchanged(&mut self, next: Result<Next, Line>) {
        match next {
            Ok(Next::Challenge(line, exchange)) => {
                self.say(line);
                self.phase = Phase::Exchange(exchange);
            }
            Ok(Next::Check(credentials)) => {
                self.phase = Phase::Asking(Question::Login(credentials));
            }
            Ok(Next::Salt(first)) => self.phase = Phase::Asking(Question::Salt(first)),
            Ok(Next::Prove(proof)) => self.phase = Phase::Asking(Question::Prove(proof)),
            Ok(Next::Known(login)) => self.phase = Phase::Asking(Question::Known(login)),
            Err(reply) => {
                self.refuse(reply);
                if reply == replies::AUTH_FAILED {
                    self.count_failed_login();
                }
            }
        }
    }

    /// Answers [`Asked::Salt`](super::Asked::Salt).
    pub fn salted(&mut self, salt: &Salt, now: Duration) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Asking(Question::Salt(first)) => {
                let (text, challenged) = first.challenge(salt);
                self.since = now;
                self.challenge(&text);
                self.phase = Phase::Exchange(Exchange::Challenged(Box::new(challenged)));
            }
            other => self.phase = other,
        }
    }

    /// Answers [`Asked::Prove`](super::Asked::Prove): it does, and this is our own proof.
    pub fn signed(&mut self, signature: &[u8; 32], now: Duration) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Asking(Question::Prove(proof)) => {
                self.since = now;
                self.challenge(&scram::signed(signature));
                self.phase = Phase::Exchange(Exchange::Signed(proof.login));
            }
            other => self.phase = other,
        }
    }

    fn challenge(&mut self, text: &str) {
        // A Vec takes every write.
        let _ = write!(self.output, "334 {}\r\n", STANDARD.encode(text));
    }

    /// The login that was asked about has proved nothing.
    pub(super) fn login_refused(&mut self, reply: Option<Reply>) {
        let reply = reply.unwrap_or_else(|| Reply::new(535, 7, 8, "Authentication failed"));
        self.refused(Phase::Idle, &reply);
        if reply.is_permanent() {
            self.count_failed_login();
        }
    }

    pub(super) fn count_failed_login(&mut self) {
        self.failed_logins += 1;
        let too_many = self.failed_logins >= self.settings.failed_logins_per_session;
        if too_many && !matches!(self.phase, Phase::Closed) {
            self.close(replies::TOO_MANY_LOGINS);
        }
    }
}
