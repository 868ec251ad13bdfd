//! GET a message: why it is kept, its header, its text.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Json;
use postern_api::MessageView;
use postern_mail::Content;
use postern_scoring::ReadOut;

use super::{Answer, Refused, missing, rows};
use crate::relay::Relay;

pub(super) async fn show(
    State(relay): State<Arc<Relay>>,
    Path(id): Path<String>,
) -> Answer<MessageView> {
    let id = rows::id(&id)?;
    let found = relay.queue.find(id).await?;
    let (item, content) = found.ok_or_else(|| {
        missing(format!("message {id} is not kept (any more): it was handed on, or given back"))
    })?;
    let budget = relay.live.load().config.scoring.budget.clone();
    // Reading may touch the disk, and what is read is hostile and costs time.
    let read = tokio::task::spawn_blocking(move || {
        let octets = beginning(&*content, budget.octets)?;
        Ok::<_, std::io::Error>(postern_scoring::read_out(&octets, &budget))
    });
    let readable = match read.await {
        Ok(Ok(readable)) => readable,
        Ok(Err(error)) => return Err(unreadable(&error)),
        Err(panic) => return Err(unreadable(&panic)),
    };
    let ReadOut { fields, text, parts } = readable;
    let client = &item.submission.client;
    Ok(Json(MessageView {
        row: rows::message(&item),
        method: format!("{:?}", item.submission.identity.method).to_lowercase(),
        client: client.ip.to_string(),
        helo: client.helo.clone(),
        progress: rows::progress(&item),
        header: fields,
        text,
        parts,
    }))
}

fn unreadable(error: &dyn std::fmt::Display) -> Refused {
    let what = format!("the message cannot be read: {error}");
    Refused(axum::http::StatusCode::INTERNAL_SERVER_ERROR, what)
}

/// The first octets, as many as examining a message may look at.
fn beginning(content: &dyn Content, limit: usize) -> std::io::Result<Vec<u8>> {
    let mut octets = vec![0; usize::try_from(content.size()).unwrap_or(limit).min(limit)];
    let mut filled = 0;
    while let Some(rest) = octets.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match content.read_at(filled as u64, rest)? {
            0 => break,
            n => filled += n,
        }
    }
    octets.truncate(filled);
    Ok(octets)
}
