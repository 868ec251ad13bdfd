//! AUTH within the session: when it may be said, and how often it may fail.

use super::{Phase, Question, Session};
use crate::auth::{self, Next};
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
            Phase::Idle => return self.exchanged(auth::begin(mechanism, initial)),
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
            Err(reply) => {
                self.refuse(reply);
                if reply == replies::AUTH_FAILED {
                    self.count_failed_login();
                }
            }
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
