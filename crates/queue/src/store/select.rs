//! A selector as SQL.

use postern_mail::{MessageId, Timestamp};
use rusqlite::ToSql;
use rusqlite::types::Value;

use crate::{Selector, State};

/// Conditions on `queue`, and their values in order.
pub(crate) struct Condition {
    /// `queue`, with the index that must be used where it matters.
    pub(crate) table: &'static str,
    pub(crate) sql: String,
    /// In which order; that of the index, so that nothing is sorted for the first few.
    pub(crate) order: &'static str,
    pub(crate) values: Vec<Value>,
}

impl Condition {
    /// Everything that the selector gives must fit; `limit` is the caller's.
    pub(crate) fn new(selector: &Selector, now: Timestamp) -> Self {
        let mut all =
            Self { table: "queue", sql: "1".to_owned(), order: "queue.row", values: Vec::new() };
        if !selector.ids.is_empty() {
            let ids = serde_json::to_string(&selector.ids).unwrap_or_default();
            all.and("queue.id IN (SELECT value FROM json_each(?))", ids);
        }
        all.and_same("customer", selector.customer.as_ref().map(|c| c.as_str().to_owned()));
        all.and_same("origin", selector.origin.as_ref().map(ToString::to_string));
        all.and_same("campaign", selector.campaign.as_ref().map(|c| c.as_str().to_owned()));
        all.and_same("case_id", selector.case.as_ref().map(|c| c.as_str().to_owned()));
        all.and_same("batch", selector.batch.as_ref().map(|b| b.as_str().to_owned()));
        if let Some(rule) = &selector.rule {
            all.and("instr(queue.rules, ?) > 0", format!("\n{rule}\n"));
        }
        if !selector.states.is_empty() {
            all.and_states(&selector.states);
        }
        let ago = |span| {
            let millis = u64::try_from(std::time::Duration::as_millis(&span)).unwrap_or(u64::MAX);
            number(now.millis().saturating_sub(millis))
        };
        if let Some(span) = selector.older_than {
            all.and("queue.received <= ?", ago(span));
        }
        if let Some(span) = selector.younger_than {
            all.and("queue.received >= ?", ago(span));
        }
        all
    }

    /// What waits to be handed on since `time` or longer. (An index of some states is used only
    /// when exactly these states are named.)
    pub(crate) fn waiting_since(time: Timestamp) -> Self {
        Self {
            table: "queue INDEXED BY ages",
            sql: "queue.state IN (0, 2) AND queue.since <= ?".to_owned(),
            order: "queue.since",
            values: vec![number(time.millis()).into()],
        }
    }

    /// What is held (or quarantined) and due.
    pub(crate) fn kept_back_until(state: State, now: Timestamp) -> Self {
        let mut all = Self {
            table: "queue INDEXED BY holds",
            sql: "queue.state IN (3, 4) AND queue.due <= ?".to_owned(),
            order: "queue.due",
            values: vec![number(now.millis()).into()],
        };
        all.and_states(&[state]);
        all
    }

    /// What was set aside, and is due.
    pub(crate) fn damaged_until(now: Timestamp) -> Self {
        Self {
            table: "queue INDEXED BY damaged",
            sql: "queue.state = 5 AND queue.due <= ?".to_owned(),
            order: "queue.due",
            values: vec![number(now.millis()).into()],
        }
    }

    /// One message.
    pub(crate) fn id(id: MessageId) -> Self {
        let values = vec![id.as_str().to_owned().into()];
        Self { table: "queue", sql: "queue.id = ?".to_owned(), order: "queue.row", values }
    }

    /// Only rows in one of these states.
    pub(crate) fn and_states(&mut self, states: &[State]) {
        let numbers: Vec<String> = states.iter().map(|s| s.number().to_string()).collect();
        self.sql.push_str(&format!(" AND queue.state IN ({})", numbers.join(",")));
    }

    /// One more condition with one value.
    pub(crate) fn and(&mut self, sql: &str, value: impl Into<Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.values.push(value.into());
    }

    fn and_same(&mut self, column: &str, value: Option<String>) {
        if let Some(value) = value {
            self.and(&format!("queue.{column} = ?"), value);
        }
    }

    /// For rusqlite.
    pub(crate) fn parameters(&self) -> Vec<&dyn ToSql> {
        self.values.iter().map(|value| value as &dyn ToSql).collect()
    }
}

/// SQLite's numbers are signed; times and sizes here never come near their end.
pub(crate) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
