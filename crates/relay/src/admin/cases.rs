//! GET cases: the causes under review, newest first.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Json;
use postern_api::CaseRow;

use super::rows;
use crate::relay::Relay;

pub(super) async fn cases(State(relay): State<Arc<Relay>>) -> Json<Vec<CaseRow>> {
    let mut cases = relay.engine.lock().cases();
    cases.sort_by(|a, b| (b.opened_at, &b.id).cmp(&(a.opened_at, &a.id)));
    Json(cases.iter().map(rows::case).collect())
}
