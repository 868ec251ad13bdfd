//! POST retry: what waits for its next try is tried now.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::response::Json;
use postern_api::{Act, Done};
use postern_mail::MessageId;
use postern_queue::{AuditEntry, State as Kept};
use tracing::info;

use super::decide::done;
use super::{Answer, Caller, read, reason, rows};
use crate::relay::Relay;

pub(super) async fn retry(
    State(relay): State<Arc<Relay>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    body: Bytes,
) -> Answer<Done> {
    let act: Act = read(&body)?;
    let why = reason(&act.reason)?;
    let target = serde_json::to_string(&act.selector).unwrap_or_default();
    let selector = rows::selector(act.selector, &[Kept::Ready])?;
    let ids: Vec<MessageId> =
        relay.queue.list(&selector).await?.iter().map(|item| item.submission.id).collect();
    if !act.dry_run && !ids.is_empty() {
        let entry = AuditEntry {
            at: relay.clock.now(),
            by: caller.name(act.behalf.as_deref()),
            act: "retry".into(),
            target,
            reason: why,
            messages: ids.len() as u64,
        };
        info!(event = "retry", by = %entry.by, messages = entry.messages, reason = %entry.reason);
        relay.queue.audit(entry).await?;
        relay.queue.retry_now(&selector).await?;
    }
    Ok(Json(done(&selector, &ids, act.dry_run)))
}
