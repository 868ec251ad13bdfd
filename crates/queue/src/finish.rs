//! Writing down what became of a message, with the notice that its sender gets in the same
//! transaction; then telling the relay.

use std::sync::Arc;
use std::time::Duration;

use postern_mail::{Address, Content, Decision, Envelope, Lane, Recipient, Submission};
use tracing::warn;

use crate::bounce::{self, Bounce, Failure};
use crate::outcome::{Ended, addresses};
use crate::queue::Inner;
use crate::store::{Claim, Conclusion, NewMessage};
use crate::{KeepError, Notices, QueueEvent, State, What};

/// A notice, or why there is none.
enum Telling {
    Nobody,
    Silent(&'static str, Vec<Failure>),
    Notice(Box<Notice>),
}

struct Notice {
    submission: Submission,
    to: Address,
    octets: Arc<dyn Content>,
    failures: Vec<Failure>,
}

/// What is to be written down; it is tried again as a whole until the store takes it.
pub(crate) struct Finish {
    claim: Claim,
    conclusion: Arc<Conclusion>,
    telling: Telling,
    events: Vec<What>,
}

impl Inner {
    /// Prepares the end of `claim`. `original` is returned with the notice.
    pub(crate) fn finish(
        &self,
        claim: Claim,
        original: Option<&dyn Content>,
        ended: Ended,
        audit: Option<i64>,
        notices: &dyn Notices,
    ) -> Finish {
        let telling = self.telling(&claim, original, &ended.failures, notices);
        let conclusion = Arc::new(Conclusion {
            progress: ended.progress,
            last_answer: ended.last_answer,
            attempted: ended.attempted,
            next_at: ended.next_at,
            audit,
        });
        Finish { claim, conclusion, telling, events: ended.events }
    }

    /// Who is told of these failures, and how.
    fn telling(
        &self,
        claim: &Claim,
        original: Option<&dyn Content>,
        failures: &[Failure],
        notices: &dyn Notices,
    ) -> Telling {
        let about = &*claim.record.item.submission;
        if failures.is_empty() {
            return Telling::Nobody;
        }
        if about.envelope.mail_from.is_none() {
            return Telling::Silent("it is a notice itself", failures.to_vec());
        }
        let wanted = bounce::wanted(about, failures);
        if wanted.is_empty() {
            return Telling::Silent("the sender wants none", failures.to_vec());
        }
        let Some(to) = notices.bounce_to(about) else {
            return Telling::Silent("no address provably is the customer's", wanted);
        };
        let now = self.clock.now();
        let id = self.ids.next(now);
        let hostname = notices.hostname();
        let octets = Bounce {
            id,
            at: now,
            to: &to,
            hostname: &hostname,
            about,
            failures: &wanted,
            original,
        }
        .write();
        let submission = Submission {
            id,
            received_at: now,
            identity: about.identity.clone(),
            client: about.client.clone(),
            envelope: Envelope {
                recipients: vec![Recipient::new(to.clone())],
                smtputf8: to.is_utf8(),
                require_tls: about.envelope.require_tls,
                ..Envelope::default()
            },
            size: octets.len() as u64,
        };
        Telling::Notice(Box::new(Notice {
            submission,
            to,
            octets: Arc::new(octets),
            failures: wanted,
        }))
    }

    /// Writes it down and tells the relay. On error nothing was written.
    pub(crate) async fn write_down(
        &self,
        finish: &Finish,
        notices: &dyn Notices,
    ) -> Result<(), KeepError> {
        let now = self.clock.now();
        let decision = Decision::forward(Lane::Notice);
        let notice = match &finish.telling {
            Telling::Notice(notice) => Some(NewMessage {
                submission: &notice.submission,
                decision: &decision,
                pool: &finish.claim.record.item.pool,
                state: State::Ready,
                due: now,
                content: notice.octets.clone(),
            }),
            Telling::Nobody | Telling::Silent(..) => None,
        };
        self.store.conclude(&finish.claim, finish.conclusion.clone(), notice, now).await?;
        self.tell(finish, notices);
        Ok(())
    }

    /// Until the store takes it: what an upstream has said must not be forgotten for a full disk.
    pub(crate) async fn write_down_for_sure(&self, finish: &Finish, notices: &dyn Notices) {
        let mut wait = WAIT_FIRST;
        while let Err(error) = self.write_down(finish, notices).await {
            let id = finish.claim.record.id();
            warn!(%id, %error, "an outcome could not be written down; it is tried again");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(WAIT_MAX);
        }
    }

    fn tell(&self, finish: &Finish, notices: &dyn Notices) {
        let submission = &finish.claim.record.item.submission;
        let places = |failures: &[Failure]| -> Vec<Address> {
            let places: Vec<usize> = failures.iter().map(|failure| failure.recipient).collect();
            addresses(submission, &places)
        };
        let told = match &finish.telling {
            Telling::Nobody => None,
            Telling::Silent(why, failures) => {
                Some(What::Unnotified { recipients: places(failures), why })
            }
            Telling::Notice(notice) => Some(What::Bounced {
                notice: notice.submission.id,
                to: notice.to.clone(),
                recipients: places(&notice.failures),
            }),
        };
        for what in finish.events.iter().cloned().chain(told) {
            notices.event(QueueEvent { submission: submission.clone(), what });
        }
    }
}

pub(crate) const WAIT_FIRST: Duration = Duration::from_secs(1);
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(30);
