//! Rows in work: taken by one worker at a time, then concluded in one transaction.
//!
//! Only [`claim_due`] gives [`Sendable`]s, and only of rows that are ready or paced; held and
//! quarantined rows are claimed as [`Claim`]s, which can be refused but not sent.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use postern_mail::{MessageId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::acts::audit_count;
use super::effects::{Effects, Hold, Shared};
use super::rows::{self, BadRow, NewRow, Record, is_sendable, line_of};
use super::segments::{Pin, Place};
use super::select::{Condition, number};
use crate::schedule::LineKey;
use crate::{Progress, State};

/// A row that nobody else works on.
pub(crate) struct Claim {
    pub(crate) record: Record,
    hold: Arc<Hold>,
}

/// A claimed row that may be handed on.
pub(crate) struct Sendable(Claim);

impl Deref for Sendable {
    type Target = Claim;
    fn deref(&self) -> &Claim {
        &self.0
    }
}

impl Sendable {
    /// Once it was handed on, for the conclusion.
    pub(crate) fn into_claim(self) -> Claim {
        self.0
    }
}

/// Claimed rows, and rows that do not read back.
pub(crate) type Claimed<T> = Vec<Result<T, BadRow>>;

/// Claims up to `wanted` rows of a line that are due.
pub(crate) fn claim_due(
    connection: &Connection,
    effects: &mut Effects,
    shared: &Arc<Shared>,
    (line, wanted): (&LineKey, usize),
    now: Timestamp,
) -> rusqlite::Result<Claimed<Sendable>> {
    let mut claimed = Vec::new();
    let mut next_due = None;
    let mut statement = connection.prepare_cached(
        "SELECT row, due, id FROM queue INDEXED BY lines
         WHERE pool = ?1 AND customer = ?2 AND state IN (0, 2) ORDER BY due",
    )?;
    let mut rows = statement.query(params![&*line.pool, &*line.customer])?;
    while let Some(found) = rows.next()? {
        let (row, due) = (found.get(0)?, rows::time(found, 1)?);
        let id = MessageId::parse(found.get_ref(2)?.as_str().unwrap_or_default());
        if due <= now && id.is_some_and(|id| shared.is_in_work(id)) {
            // It may come free, and due, while this is not committed: then nobody else says so.
            next_due = Some(now.plus(LOOK_AGAIN));
            continue;
        }
        if claimed.len() == wanted || due > now {
            next_due = Some(next_due.map_or(due, |next: Timestamp| next.min(due)));
            break;
        }
        let Some(record) = rows::by_row(connection, row)? else { continue };
        claimed.push(match record {
            Ok(record) => match shared.take(record.id(), line.clone(), now.plus(AGAIN)) {
                Some(hold) => Ok(Sendable(Claim { record, hold: Arc::new(hold) })),
                None => continue,
            },
            Err(bad) => Err(bad),
        });
    }
    effects.line_left(line.clone(), next_due);
    Ok(claimed)
}

/// Claims rows that fit, oldest first, for anything but sending.
pub(crate) fn claim(
    connection: &Connection,
    shared: &Arc<Shared>,
    condition: &Condition,
    limit: usize,
    now: Timestamp,
) -> rusqlite::Result<Claimed<Claim>> {
    claim_after(connection, shared, condition, limit, now).map(|(claimed, _)| claimed)
}

/// The same; says the last row that was looked at, too, since those that others work on are left
/// out.
pub(crate) fn claim_after(
    connection: &Connection,
    shared: &Arc<Shared>,
    condition: &Condition,
    limit: usize,
    now: Timestamp,
) -> rusqlite::Result<(Claimed<Claim>, Option<i64>)> {
    let (mut claimed, mut last) = (Vec::new(), None);
    for found in rows::list(connection, condition, limit)? {
        last = Some(found.as_ref().map_or_else(|bad| bad.row, |record| record.row));
        let record = match found {
            Ok(record) => record,
            Err(bad) => {
                claimed.push(Err(bad));
                continue;
            }
        };
        let line = line_of(&record.item.submission, &record.item.pool);
        let taken = shared.take(record.id(), line, now.plus(AGAIN));
        claimed.extend(taken.map(|hold| Ok(Claim { record, hold: Arc::new(hold) })));
    }
    Ok((claimed, last))
}

/// After this, a row whose worker vanished is tried again.
pub(super) const AGAIN: Duration = Duration::from_secs(60);
/// After this, a line is looked at again whose message somebody works on.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What became of a claimed row.
pub(crate) struct Conclusion {
    /// Of each recipient.
    pub(crate) progress: Vec<Progress>,
    /// What was answered last.
    pub(crate) last_answer: Option<String>,
    /// Whether an upstream was asked.
    pub(crate) attempted: bool,
    /// When it is tried again; `None`: it is done.
    pub(crate) next_at: Option<Timestamp>,
    /// The record of the person's act that ends it.
    pub(crate) audit: Option<i64>,
}

/// A notice to be queued in the same transaction; its octets are synced.
pub(crate) struct Notice {
    pub(crate) row: NewRow,
    pub(crate) place: Place,
    pub(crate) pin: Pin,
}

impl Claim {
    /// Of a message that `hold` is for.
    pub(crate) fn new(record: Record, hold: Arc<Hold>) -> Self {
        Self { record, hold }
    }

    /// What keeps the row ours; goes with the conclusion.
    pub(crate) fn hold(&self) -> Arc<Hold> {
        self.hold.clone()
    }
}

/// Writes down what became of a row, and queues the notice about it.
pub(crate) fn conclude(
    connection: &Connection,
    effects: &mut Effects,
    (row, line, hold): (i64, LineKey, Arc<Hold>),
    conclusion: &Conclusion,
    notice: Option<Notice>,
) -> rusqlite::Result<()> {
    effects.ended(hold);
    let found = connection
        .prepare_cached("SELECT state, segment FROM queue WHERE row = ?1")?
        .query_row([row], |found| Ok((found.get(0)?, found.get(1)?)))
        .optional()?;
    let Some((state, segment)) = found else { return Ok(()) };
    let state = State::from_number(state).unwrap_or(State::Damaged);
    match conclusion.next_at {
        None => {
            delete(connection, row)?;
            effects.gone(state, i64::cast_unsigned(segment));
        }
        Some(next_at) => {
            defer(connection, row, conclusion)?;
            // Held or quarantined while it was being handed on: it stays so.
            if is_sendable(state) || state == State::InFlight {
                connection
                    .prepare_cached("UPDATE queue SET state = 0, due = ?2 WHERE row = ?1")?
                    .execute(params![row, number(next_at.millis())])?;
                effects.moved(state, State::Ready);
                effects.note(line, next_at);
            }
        }
    }
    if let Some(entry) = conclusion.audit {
        audit_count(connection, entry, 1)?;
    }
    match notice {
        Some(notice) => notice.row.insert(connection, effects, notice.place, notice.pin),
        None => Ok(()),
    }
}

fn delete(connection: &Connection, row: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM queue WHERE row = ?1")?.execute([row])?;
    connection.prepare_cached("DELETE FROM details WHERE row = ?1")?.execute([row])?;
    Ok(())
}

fn defer(connection: &Connection, row: i64, conclusion: &Conclusion) -> rusqlite::Result<()> {
    // These texts always serialise; where not, the old ones stay and a recipient is sent to twice
    // rather than never.
    let progress = serde_json::to_string(&conclusion.progress).ok();
    connection
        .prepare_cached(
            "UPDATE details SET progress = coalesce(?2, progress), last_answer = ?3 WHERE row = ?1",
        )?
        .execute(params![row, progress, conclusion.last_answer])?;
    connection
        .prepare_cached("UPDATE queue SET attempts = attempts + ?2 WHERE row = ?1")?
        .execute(params![row, i64::from(conclusion.attempted)])?;
    Ok(())
}

/// The handoff in session of this message ended untold: it is due.
pub(crate) fn unsettled(
    connection: &Connection,
    effects: &mut Effects,
    (id, hold): (MessageId, Arc<Hold>),
    now: Timestamp,
) -> rusqlite::Result<()> {
    let changed = connection
        .prepare_cached("UPDATE queue SET state = 0, due = ?2 WHERE id = ?1 AND state = 1")?
        .execute(params![id.as_str(), number(now.millis())])?;
    if changed > 0 {
        effects.moved(State::InFlight, State::Ready);
    }
    effects.note(hold.line().clone(), now);
    effects.ended(hold);
    Ok(())
}

/// Sets a row aside whose message or texts are damaged; at `until` it is given back.
pub(crate) fn set_aside(
    connection: &Connection,
    effects: &mut Effects,
    row: i64,
    (why, until): (&str, Timestamp),
) -> rusqlite::Result<()> {
    let state: Option<i64> = connection
        .prepare_cached("SELECT state FROM queue WHERE row = ?1")?
        .query_row([row], |found| found.get(0))
        .optional()?;
    let Some(state) = state else { return Ok(()) };
    connection.execute(
        "UPDATE queue SET state = 5, due = ?2 WHERE row = ?1",
        params![row, number(until.millis())],
    )?;
    connection.execute("UPDATE details SET last_answer = ?2 WHERE row = ?1", params![row, why])?;
    effects.moved(State::from_number(state).unwrap_or(State::Damaged), State::Damaged);
    Ok(())
}
