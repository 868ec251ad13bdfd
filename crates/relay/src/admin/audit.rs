//! GET audit: what people did, newest first.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Json;
use postern_api::AuditRow;
use serde::Deserialize;

use super::Answer;
use crate::relay::Relay;

/// `?limit=N`
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default = "hundred")]
    limit: usize,
}

fn hundred() -> usize {
    100
}

pub(super) async fn audit(
    State(relay): State<Arc<Relay>>,
    Query(asked): Query<Asked>,
) -> Answer<Vec<AuditRow>> {
    let entries = relay.queue.audit_log(asked.limit).await?;
    let row = |entry: postern_queue::AuditEntry| AuditRow {
        at: entry.at.to_string(),
        by: entry.by,
        act: entry.act,
        target: entry.target,
        reason: entry.reason,
        messages: entry.messages,
    };
    Ok(Json(entries.into_iter().map(row).collect()))
}
