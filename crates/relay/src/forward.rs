//! Handing a clean message on while its client waits, and keeping it where that does not work.

use std::sync::Arc;

use postern_mail::{Content, Decision, MessageId, Reply, Submission};
use postern_queue::{Delivery, Keep, KeepState, Outcome};
use postern_scoring::Lesson;
use tracing::warn;

use crate::live::Live;
use crate::notices::refusals;
use crate::relay::Relay;
use crate::replies;

/// Where forwarded mail goes.
const POOL: &str = "main";

/// In session: the upstream's answer becomes ours. Slow or down: synced to the queue, then 250.
pub(crate) async fn forward(
    relay: &Arc<Relay>,
    live: &Live,
    submission: &Submission,
    decision: &Decision,
    content: Arc<dyn Content>,
) -> Reply {
    if relay.handoff.is_down(POOL) {
        relay.upstreams_are(false);
        return keep(relay, submission, decision, KeepState::Ready, content).await;
    }
    let envelope = Arc::new(submission.envelope.clone());
    let key = submission.identity.customer.as_ref().map_or("", |customer| customer.as_str());
    let mut handoff = Box::pin(relay.handoff.deliver(POOL, key, envelope, content.clone()));
    match tokio::time::timeout(live.config.handoff_budget, &mut handoff).await {
        Ok(delivery) => answer(relay, submission, decision, content, delivery).await,
        Err(_) => {
            let reply = keep(relay, submission, decision, KeepState::InFlight, content).await;
            if !reply.is_positive() {
                // It cannot be kept, but it may still go through: the client waits on.
                let delivery = handoff.await;
                return match whole(&delivery) {
                    Some(answer) => finished(relay, submission, &delivery, answer),
                    None => reply,
                };
            }
            let (relay_, id) = (relay.clone(), submission.id);
            relay.late.spawn(async move {
                let delivery = handoff.await;
                settle(&relay_, id, delivery).await;
            });
            reply
        }
    }
}

/// The handoff ended within the budget.
async fn answer(
    relay: &Arc<Relay>,
    submission: &Submission,
    decision: &Decision,
    content: Arc<dyn Content>,
    delivery: Delivery,
) -> Reply {
    if let Some(answer) = whole(&delivery) {
        return finished(relay, submission, &delivery, answer);
    }
    let reply = keep(relay, submission, decision, KeepState::InFlight, content).await;
    if reply.is_positive() {
        settle(relay, submission.id, delivery).await;
    }
    reply
}

/// What all recipients got alike, where that ends the matter.
enum Whole<'a> {
    Accepted(&'a Reply),
    Refused(&'a Reply),
}

fn whole(delivery: &Delivery) -> Option<Whole<'_>> {
    let all = |is: fn(&Outcome) -> bool| delivery.outcomes.iter().all(is);
    match (delivery.outcomes.first()?, &delivery.reply) {
        (Outcome::Refused(first), _) if all(|o| matches!(o, Outcome::Refused(_))) => {
            Some(Whole::Refused(first))
        }
        (Outcome::Accepted, Some(reply)) if all(|o| matches!(o, Outcome::Accepted)) => {
            Some(Whole::Accepted(reply))
        }
        _ => None,
    }
}

/// Nothing of it stays here.
fn finished(
    relay: &Arc<Relay>,
    submission: &Submission,
    delivery: &Delivery,
    answer: Whole<'_>,
) -> Reply {
    let message = submission.id;
    relay.upstreams_are(true);
    match answer {
        Whole::Accepted(upstream) => {
            relay.counters.forwarded.count();
            relay.learn(&[Lesson::Forwarded { message }]);
            replies::handed_on(message, upstream)
        }
        Whole::Refused(upstream) => {
            let outcomes = delivery.outcomes.iter().zip(&submission.envelope.recipients);
            let refused = outcomes.filter_map(|(outcome, to)| match outcome {
                Outcome::Refused(reply) => Some((&to.address, reply)),
                _ => None,
            });
            relay.learn(&refusals(message, refused));
            upstream.clone().with_enhanced()
        }
    }
}

/// 250 only when body and row are synced.
pub(crate) async fn keep(
    relay: &Relay,
    submission: &Submission,
    decision: &Decision,
    state: KeepState,
    content: Arc<dyn Content>,
) -> Reply {
    let kept = Keep {
        submission: submission.clone(),
        decision: decision.clone(),
        state,
        pool: POOL.to_owned(),
        content,
    };
    match relay.queue.keep(kept).await {
        Ok(()) => replies::queued(submission.id),
        Err(error) => {
            warn!(id = %submission.id, %error, "not accepted: it cannot be stored safely");
            replies::no_room(submission.id)
        }
    }
}

/// A kept message's handoff has ended after all. What cannot be written down now, the queue writes
/// down as soon as its store takes it.
async fn settle(relay: &Relay, id: MessageId, delivery: Delivery) {
    if let Err(error) = relay.queue.settle(id, delivery).await {
        warn!(%id, %error, "outcome not written down yet; the queue tries again");
    }
}
