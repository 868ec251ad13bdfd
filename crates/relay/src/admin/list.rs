//! POST a selector: the kept messages that fit, oldest first.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Json;
use postern_api::{MessageRow, ROWS_DEFAULT, Selector};

use super::{Answer, read, rows};
use crate::relay::Relay;

pub(super) async fn list(State(relay): State<Arc<Relay>>, body: Bytes) -> Answer<Vec<MessageRow>> {
    let asked: Selector = read(&body)?;
    let states = rows::states(asked.kept);
    let mut selector = rows::selector(asked, states)?;
    selector.limit = Some(selector.limit.unwrap_or(ROWS_DEFAULT));
    let items = relay.queue.list(&selector).await?;
    Ok(Json(items.iter().map(rows::message).collect()))
}
