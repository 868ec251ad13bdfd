//! What an answer to a question leads to.

use postern_mail::Reply;

use super::{Phase, Question, Session, Transaction};
use crate::replies;

impl Session {
    /// The effect of an answer.
    pub(super) fn decided(&mut self, question: Question, reply: Option<Reply>) {
        match (question, reply) {
            (Question::Hello { esmtp, .. }, None) => {
                self.phase = Phase::Idle;
                if esmtp {
                    self.ehlo()
                } else {
                    self.helo()
                }
                self.count_idle();
            }
            (Question::Hello { .. }, Some(reply)) => self.refused(Phase::Connected, &reply),
            (Question::Login(_) | Question::Known(_), None) => {
                self.authenticated = true;
                self.phase = Phase::Idle;
                self.say(replies::AUTHENTICATED);
            }
            // A salt and a proof are answered otherwise, so that nobody gets in by a mere "yes".
            (
                Question::Login(_) | Question::Salt(_) | Question::Prove(_) | Question::Known(_),
                reply,
            ) => self.login_refused(reply),
            (Question::Xclient { .. }, None) => {
                self.authenticated = false;
                self.phase = Phase::Connected;
                self.banner();
            }
            (Question::Xclient { greeted, .. }, Some(reply)) => {
                self.refused(if greeted { Phase::Idle } else { Phase::Connected }, &reply);
            }
            (Question::Mail(transaction), None) => {
                self.phase = Phase::Envelope(transaction);
                self.say(replies::SENDER);
            }
            (Question::Mail(_), Some(reply)) => self.refused(Phase::Idle, &reply),
            (Question::Rcpt(mut transaction, recipient), None) => {
                transaction.envelope.recipients.push(recipient);
                self.phase = Phase::Envelope(transaction);
                self.say(replies::RECIPIENT);
            }
            (Question::Rcpt(transaction, _), Some(reply)) => {
                self.refused(Phase::Envelope(transaction), &reply);
            }
            (Question::Message(transaction), reply) => self.message_decided(*transaction, reply),
        }
    }

    /// A refused message is no error of the dialogue: only what is well said and badly meant.
    fn message_decided(&mut self, transaction: Transaction, reply: Option<Reply>) {
        self.phase = Phase::Idle;
        self.messages += 1;
        match transaction.failed.or(reply) {
            Some(reply) => {
                reply.write(&mut self.output);
                if reply.is_positive() {
                    self.forgive();
                }
            }
            None => {
                self.forgive();
                self.say(replies::MESSAGE);
            }
        }
    }

    fn forgive(&mut self) {
        (self.errors, self.idle_commands) = (0, 0);
    }

    pub(super) fn refused(&mut self, phase: Phase, reply: &Reply) {
        self.phase = phase;
        reply.write(&mut self.output);
        match reply.is_permanent() {
            true => self.count_error(),
            false => self.count_idle(),
        }
    }
}
