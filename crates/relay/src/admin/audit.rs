//! GET audit: what people did, newest first.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Json;
use postern_api::AuditRow;
use serde::Deserialize;
use serde_json::Value;

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
        target: target(&entry.target),
        reason: entry.reason,
        messages: entry.messages,
    };
    Ok(Json(entries.into_iter().map(row).collect()))
}

/// A selector is recorded whole; people see what it says: `customer c1001, states held`.
fn target(recorded: &str) -> String {
    let Ok(Value::Object(selector)) = serde_json::from_str(recorded) else {
        return recorded.to_owned();
    };
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let said: Vec<_> = selector
        .iter()
        .filter_map(|(name, value)| match value {
            Value::Null => None,
            Value::Array(all) if all.is_empty() => None,
            Value::Array(all) => {
                let more = if all.len() > WORDS_MAX { " …" } else { "" };
                let words: Vec<_> = all.iter().take(WORDS_MAX).map(word).collect();
                Some(format!("{name} {}{more}", words.join(" ")))
            }
            value => Some(format!("{name} {}", word(value))),
        })
        .collect();
    if said.is_empty() { "all".to_owned() } else { said.join(", ") }
}

/// Of a thousand ids nobody reads more.
const WORDS_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_for_people() {
        let rows = [
            ("c1001 script:/x.php", "c1001 script:/x.php"),
            (
                r#"{"ids":[],"customer":"c1","rule":null,"states":["held"]}"#,
                "customer c1, states held",
            ),
            (r#"{"ids":["1","2","3","4","5","6"]}"#, "ids 1 2 3 4 5 …"),
            (r#"{"ids":[],"rule":null}"#, "all"),
        ];
        for (recorded, expect) in rows {
            assert_eq!(target(recorded), expect);
        }
    }
}
