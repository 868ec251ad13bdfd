//! The way of a message, from its last octet to the reply: identify, examine, judge, then hand on,
//! keep or refuse. This is the whole of it; what a step does stands in the step's own module.

use std::sync::Arc;

use postern_config::{HandoffMode, Mode};
use postern_mail::{Content, Envelope, Pieces, Reply, Submission, Verb};
use postern_queue::KeepState;

use crate::forward::{forward, keep};
use crate::identify::{Found, identify};
use crate::judging::{Judged, judge};
use crate::record::{self, turned_away};
use crate::relay::Relay;
use crate::visitor::Visitor;
use crate::{replies, trace};

/// Answers the end of data.
pub(crate) async fn message(
    relay: &Arc<Relay>,
    visitor: &Visitor,
    envelope: Envelope,
    content: Arc<dyn Content>,
) -> Reply {
    let live = relay.live.load_full();
    let now = relay.clock.now();
    let id = relay.ids.next(now);
    let head = content.head();
    if !trace::is_header_whole(head, content.size()) {
        return turned_away(relay, visitor, replies::endless_header(id, head.len()));
    }
    if trace::hops(head) > trace::HOPS_MAX {
        return turned_away(relay, visitor, replies::loops(id, trace::HOPS_MAX));
    }
    let Found { identity, cut, forged } = identify(&live.identify(), &visitor.evidence(), head);
    if identity.customer.is_none() && live.refuses_unknown() {
        return turned_away(relay, visitor, replies::nobody(visitor.client_ip()));
    }
    let submission = Submission {
        id,
        received_at: now,
        client: visitor.client(identity.method),
        identity,
        envelope,
        size: content.size(),
    };
    let Judged { decision, facts, keeping } = judge(relay, &live, &submission, head, forged).await;

    relay.counters.decided.count(decision.verb);

    let top = trace::received(&submission, &live.config.hostname, visitor.is_authenticated());
    let leaving: Arc<dyn Content> = Arc::new(Pieces::new(top, content, &cut));
    let step = match live.config.mode {
        Mode::Observe => Verb::Forward,
        Mode::Enforce => decision.verb,
    };
    let reply = match step {
        Verb::Forward if live.config.handoff == HandoffMode::Session => {
            drop(keeping);
            forward(relay, &live, &submission, &decision, leaving).await
        }
        Verb::Forward => keep(relay, &submission, &decision, KeepState::Ready, leaving).await,
        Verb::Pace => {
            let state = KeepState::Paced { until: decision.until.unwrap_or(now) };
            keep(relay, &submission, &decision, state, leaving).await
        }
        Verb::Hold => {
            let state = KeepState::Held { until: decision.until.unwrap_or(now) };
            keep(relay, &submission, &decision, state, leaving).await
        }
        Verb::Quarantine => {
            keep(relay, &submission, &decision, KeepState::Quarantined, leaving).await
        }
        Verb::Refuse => replies::refused(id, &decision),
        Verb::Defer => replies::deferred(id, &decision),
    };
    relay.counters.answered(&reply);
    record::answered(relay, &submission, &decision, facts.as_ref(), &reply);
    reply
}
