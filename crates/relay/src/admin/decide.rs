//! POST release, POST refuse: a person decides about held and quarantined mail.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::response::Json;
use postern_api::{Act, Done};
use postern_mail::MessageId;
use postern_queue::{PersonAct, Selector, State as Kept};
use postern_scoring::Lesson;
use tracing::info;

use super::{Answer, Caller, Refused, read, reason, rows};
use crate::relay::Relay;

/// Lets messages go; the engine learns that they were innocent.
pub(super) async fn release(
    State(relay): State<Arc<Relay>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    body: Bytes,
) -> Answer<Done> {
    let (selector, act) = asked(&relay, caller, &body, &[Kept::Held, Kept::Quarantined])?;
    let ids = relay.queue.release(&selector, &act).await?;
    if !act.dry_run {
        let released = ids.iter().map(|id| Lesson::Released { message: *id });
        relay.learn(&released.collect::<Vec<_>>());
        info!(event = "released", by = %act.by, messages = ids.len(), reason = %act.reason);
    }
    Ok(Json(done(&selector, &ids, act.dry_run)))
}

/// Gives messages back to their sender.
pub(super) async fn refuse(
    State(relay): State<Arc<Relay>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    body: Bytes,
) -> Answer<Done> {
    let states = [Kept::Held, Kept::Quarantined, Kept::Damaged];
    let (selector, act) = asked(&relay, caller, &body, &states)?;
    let ids = relay.queue.refuse(&selector, &act).await?;
    if !act.dry_run {
        info!(event = "refused", by = %act.by, messages = ids.len(), reason = %act.reason);
    }
    Ok(Json(done(&selector, &ids, act.dry_run)))
}

/// What is asked for, limited to messages in these states.
pub(super) fn asked(
    relay: &Relay,
    caller: Caller,
    body: &Bytes,
    states: &[Kept],
) -> Result<(Selector, PersonAct), Refused> {
    let act: Act = read(body)?;
    let selector = rows::selector(act.selector, states)?;
    let act = PersonAct {
        by: caller.name(act.behalf.as_deref()),
        reason: reason(&act.reason)?,
        at: relay.clock.now(),
        dry_run: act.dry_run,
    };
    Ok((selector, act))
}

/// What was done, and which of those that were named it was not done to.
pub(super) fn done(selector: &Selector, ids: &[MessageId], dry_run: bool) -> Done {
    let touched: HashSet<_> = ids.iter().collect();
    let missing = selector.ids.iter().filter(|id| !touched.contains(id));
    Done {
        ids: ids.iter().map(ToString::to_string).collect(),
        messages: ids.len() as u64,
        missing: missing.map(ToString::to_string).collect(),
        dry_run,
    }
}
