//! POST retry: what waits for its next try is tried now.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::response::Json;
use postern_api::Done;
use postern_queue::State as Kept;
use tracing::info;

use super::decide::{asked, done};
use super::{Answer, Caller};
use crate::relay::Relay;

pub(super) async fn retry(
    State(relay): State<Arc<Relay>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    body: Bytes,
) -> Answer<Done> {
    let (selector, act) = asked(&relay, caller, &body, &[Kept::Ready])?;
    let ids = relay.queue.retry_now(&selector, &act).await?;
    if !act.dry_run {
        info!(event = "retry", by = %act.by, messages = ids.len(), reason = %act.reason);
    }
    Ok(Json(done(&selector, &ids, act.dry_run)))
}
