//! One message's commands and their replies.
//!
//! The commands stand in one fixed order, RSET (when needed), MAIL, RCPT…, DATA; two numbers say
//! how many are sent and how many answered, and a reply always answers the oldest unanswered one.
//! Extra replies of a confused upstream cannot be taken for the answer to the content, since
//! nothing but a 354 leads there.

use std::sync::Arc;

use postern_mail::{Enhanced, Envelope, Reply};

use super::{Message, Offers, Stage, commands};
use crate::reply::Parser;

/// What an upstream said of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    None,
    /// Yes to RCPT, and nothing yet to the message.
    Taken,
    /// 2xx to the message.
    Accepted,
    /// 5xx.
    Refused(Reply),
    /// 4xx.
    Later(Reply),
}

/// What an upstream said of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// One for each recipient of the envelope.
    pub answers: Vec<Answer>,
    /// To the end of data.
    pub reply: Option<Reply>,
}

/// By which command the content goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Data,
    Bdat,
}

/// What follows from a reply.
pub(super) enum Next {
    Wait,
    Content,
    /// 354, but nobody to send to.
    Void,
    /// Nothing more to do; `open` when the upstream may still know our MAIL.
    Over {
        open: bool,
    },
    /// A reply without a meaning.
    Broken,
}

/// Commands in flight at a time. More than enough to fill a round trip; their replies fit into any
/// socket's buffer, so neither side can block the other (RFC 2920 §3.1).
const GROUP_MAX: usize = 100;

/// Places of commands: RSET, MAIL, then recipients, then DATA.
const RESET: usize = 0;
const MAIL: usize = 1;
const FIRST_RCPT: usize = 2;

pub(super) struct Transaction {
    envelope: Arc<Envelope>,
    size: u64,
    way: Way,
    answers: Vec<Answer>,
    /// MAIL was turned away; the answers to RCPT mean nothing then.
    void: bool,
    /// Recipients that RCPT said yes to.
    taken: usize,
    sent: usize,
    answered: usize,
}

impl Transaction {
    pub(super) fn new(message: &Message, way: Way, reset: bool) -> Self {
        let envelope = Arc::clone(&message.envelope);
        let answers = vec![Answer::None; envelope.recipients.len()];
        let first = if reset { RESET } else { MAIL };
        let size = message.size;
        Self { envelope, size, way, answers, void: false, taken: 0, sent: first, answered: first }
    }

    pub(super) fn way(&self) -> Way {
        self.way
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn stage(&self) -> Stage {
        match self.answered {
            RESET => Stage::Reset,
            MAIL => Stage::Mail,
            n if n < self.data() => Stage::Rcpt,
            _ => Stage::Data,
        }
    }

    /// The place of DATA: after the last recipient.
    fn data(&self) -> usize {
        FIRST_RCPT + self.envelope.recipients.len()
    }

    /// How many commands there are.
    fn total(&self) -> usize {
        match self.way {
            Way::Data => self.data() + 1,
            Way::Bdat => self.data(),
        }
    }

    /// Appends the next command, or the next group of them, when all before are answered.
    pub(super) fn send(&mut self, offers: &Offers, out: &mut Vec<u8>) {
        if self.answered < self.sent {
            return;
        }
        let group = if offers.pipelining { GROUP_MAX } else { 1 };
        let end = (self.sent + group).min(self.total());
        for place in self.sent..end {
            match place {
                RESET => out.extend_from_slice(b"RSET\r\n"),
                MAIL => commands::mail(&self.envelope, self.size, offers, out),
                n => match self.envelope.recipients.get(n - FIRST_RCPT) {
                    Some(recipient) => commands::rcpt(recipient, &self.envelope, offers, out),
                    None => out.extend_from_slice(b"DATA\r\n"),
                },
            }
        }
        self.sent = end;
    }

    /// Takes the reply to the oldest unanswered command.
    pub(super) fn answered(&mut self, code: u16, parser: &Parser) -> Next {
        let place = self.answered;
        self.answered += 1;
        if place == self.data() && self.way == Way::Data {
            return self.data_answered(code, parser);
        }
        match (place, code / 100) {
            (RESET, 2) | (MAIL, 2) => {}
            (RESET, _) | (_, 3) => return Next::Broken,
            (MAIL, _) => {
                self.turn_all_away(&parser.reply());
                self.void = true;
            }
            // Sender refused, recipient taken: a 354 could follow, and what then? Better hang up.
            (_, 2) if self.void => return Next::Broken,
            _ if self.void => {}
            (n, class) => self.rcpt_answered(n - FIRST_RCPT, class, parser),
        }
        self.next()
    }

    fn rcpt_answered(&mut self, index: usize, class: u16, parser: &Parser) {
        let answer = match class {
            2 => {
                self.taken += 1;
                Answer::Taken
            }
            4 => Answer::Later(parser.reply()),
            _ => match parser.reply() {
                reply if self.taken > 0 && is_too_many(&reply) => Answer::Later(reply),
                reply => Answer::Refused(reply),
            },
        };
        if let Some(place) = self.answers.get_mut(index) {
            *place = answer;
        }
    }

    fn data_answered(&mut self, code: u16, parser: &Parser) -> Next {
        match code {
            354 if self.taken > 0 => Next::Content,
            354 => Next::Void,
            200..400 => Next::Broken,
            _ => {
                if self.taken > 0 {
                    self.turn_away(&parser.reply());
                }
                Next::Over { open: !self.void }
            }
        }
    }

    /// After a reply to RSET, MAIL or RCPT.
    fn next(&self) -> Next {
        let heard = self.answered == self.sent;
        let hopeless = self.void || (self.answered >= self.data() && self.taken == 0);
        if heard && hopeless {
            Next::Over { open: !self.void }
        } else if self.way == Way::Bdat && self.answered == self.total() {
            Next::Content
        } else {
            Next::Wait
        }
    }

    /// The recipients that RCPT said yes to are turned away by a later reply.
    pub(super) fn turn_away(&mut self, reply: &Reply) {
        for answer in self.answers.iter_mut().filter(|answer| **answer == Answer::Taken) {
            *answer = negative(reply);
        }
    }

    fn turn_all_away(&mut self, reply: &Reply) {
        self.answers.fill(negative(reply));
    }

    /// The end of data was answered: the one place where a recipient becomes `Accepted`.
    pub(super) fn finish(mut self, reply: Reply) -> Verdict {
        if reply.is_positive() {
            for answer in self.answers.iter_mut().filter(|answer| **answer == Answer::Taken) {
                *answer = Answer::Accepted;
            }
        } else {
            self.turn_away(&reply);
        }
        self.verdict(Some(reply))
    }

    pub(super) fn verdict(self, reply: Option<Reply>) -> Verdict {
        Verdict { answers: self.answers, reply }
    }
}

fn negative(reply: &Reply) -> Answer {
    if reply.is_permanent() { Answer::Refused(reply.clone()) } else { Answer::Later(reply.clone()) }
}

/// 552 to RCPT after others were taken is an old way to say "no more in this message"
/// (RFC 5321 §4.5.3.1.10), unless its enhanced code says otherwise (a full mailbox is 5.2.2).
fn is_too_many(reply: &Reply) -> bool {
    reply.code == 552 && matches!(reply.enhanced, None | Some(Enhanced(_, 5, 3)))
}
