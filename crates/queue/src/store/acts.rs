//! What lets mail go, keeps it, or hurries it, and the record of it. In portions, so that an act on
//! a hundred thousand messages does not make new mail wait.

use std::time::Duration;

use postern_mail::{CaseId, Decision, Hit, MessageId, Timestamp, Verb};
use rusqlite::{Connection, params};

use super::effects::Effects;
use super::rows::{Marks, time};
use super::select::{Condition, number};
use crate::schedule::LineKey;
use crate::{AuditEntry, State};

/// Who lets held or quarantined mail go, and why. Without one nothing leaves these states; a row of
/// it is written for each message, in the transaction that lets it go.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) by: String,
    pub(crate) reason: String,
    pub(crate) at: Timestamp,
    /// The first may leave then, …
    pub(crate) from: Timestamp,
    /// … each next one so much later.
    pub(crate) gap: Duration,
    /// Of a person.
    pub(crate) audit: Option<AuditEntry>,
}

/// How far an act in portions has come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SoFar {
    /// Messages.
    pub(crate) done: usize,
    /// What is written down of it.
    pub(crate) entry: Option<i64>,
}

/// Rows touched by one transaction at most.
pub(crate) const PORTION: usize = 1000;

struct Found {
    row: i64,
    id: String,
    state: State,
    line: LineKey,
}

fn find(
    connection: &Connection,
    condition: &Condition,
    limit: usize,
) -> rusqlite::Result<Vec<Found>> {
    let sql = format!(
        "SELECT row, id, state, pool, customer FROM {} WHERE {} ORDER BY {} LIMIT {}",
        condition.table,
        condition.sql,
        condition.order,
        limit.min(PORTION)
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(condition.parameters().as_slice(), |row| {
        let (pool, customer): (String, String) = (row.get(3)?, row.get(4)?);
        Ok(Found {
            row: row.get(0)?,
            id: row.get(1)?,
            state: State::from_number(row.get(2)?).unwrap_or(State::Damaged),
            line: LineKey { pool: pool.into(), customer: customer.into() },
        })
    })?;
    rows.collect()
}

/// A message that was let go.
pub(crate) struct Released {
    pub(crate) id: MessageId,
    /// As its row has it.
    pub(crate) submission: String,
    /// When it may leave.
    pub(crate) from: Timestamp,
}

/// Lets held and quarantined rows go that fit, up to `limit` (and [`PORTION`]), with a release
/// record each; the spread goes on from portion to portion. Says which.
pub(crate) fn release(
    connection: &Connection,
    effects: &mut Effects,
    condition: &Condition,
    release: &Release,
    (so_far, limit): (SoFar, usize),
) -> rusqlite::Result<(Vec<Released>, Option<i64>)> {
    let found = find(connection, condition, limit)?;
    let entry = match &release.audit {
        Some(entry) => audit_more(connection, entry, so_far.entry, found.len())?,
        None => None,
    };
    let mut released = Vec::new();
    for (nth, found) in found.into_iter().enumerate() {
        connection
            .prepare_cached(
                "INSERT INTO releases (message, at, by, reason) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![found.id, number(release.at.millis()), release.by, release.reason])?;
        let record = connection.last_insert_rowid();
        let place = u32::try_from(so_far.done + nth).unwrap_or(u32::MAX);
        let due = release.from.plus(release.gap.saturating_mul(place));
        connection
            .prepare_cached(
                "UPDATE queue SET state = 2, due = ?2, since = ?3, released = ?4 WHERE row = ?1",
            )?
            .execute(params![
                found.row,
                number(due.millis()),
                number(release.at.max(release.from).millis()),
                record
            ])?;
        effects.moved(found.state, State::Paced);
        effects.note(found.line, due);
        let submission = connection
            .prepare_cached("SELECT submission FROM details WHERE row = ?1")?
            .query_row([found.row], |row| row.get(0))?;
        let id = MessageId::parse(&found.id);
        released.extend(id.map(|id| Released { id, submission, from: due }));
    }
    Ok((released, entry))
}

/// Quarantines rows that fit and wait, up to [`PORTION`]; says how many.
pub(crate) fn quarantine(
    connection: &Connection,
    effects: &mut Effects,
    condition: &Condition,
    (case, hits): (Option<&CaseId>, &[Hit]),
    expires: Timestamp,
) -> rusqlite::Result<usize> {
    let found = find(connection, condition, PORTION)?;
    for found in &found {
        let text: String = connection
            .prepare_cached("SELECT decision FROM details WHERE row = ?1")?
            .query_row([found.row], |row| row.get(0))?;
        // One that does not read back keeps its text; it is stopped all the same.
        if let Ok(mut decision) = serde_json::from_str::<Decision>(&text) {
            decision.verb = Verb::Quarantine;
            decision.case = case.cloned().or(decision.case);
            let new = hits.iter().filter(|hit| decision.hits.iter().all(|h| h.rule != hit.rule));
            let new: Vec<Hit> = new.cloned().collect();
            decision.hits.extend(new);
            write_decision(connection, found.row, &decision)?;
        }
        connection
            .prepare_cached("UPDATE queue SET state = 4, due = ?2, released = NULL WHERE row = ?1")?
            .execute(params![found.row, number(expires.millis())])?;
        effects.moved(found.state, State::Quarantined);
    }
    Ok(found.len())
}

fn write_decision(connection: &Connection, row: i64, decision: &Decision) -> rusqlite::Result<()> {
    let Ok(text) = serde_json::to_string(decision) else { return Ok(()) };
    let (case, rules) = Marks::of(decision).case_and_rules();
    connection
        .prepare_cached("UPDATE details SET decision = ?2 WHERE row = ?1")?
        .execute(params![row, text])?;
    connection
        .prepare_cached("UPDATE queue SET case_id = ?2, rules = ?3 WHERE row = ?1")?
        .execute(params![row, case, rules])?;
    Ok(())
}

/// Makes rows due that fit and are ready, up to `limit` (and [`PORTION`]); says which.
pub(crate) fn hurry(
    connection: &Connection,
    effects: &mut Effects,
    condition: &Condition,
    act: &AuditEntry,
    (so_far, limit): (SoFar, usize),
) -> rusqlite::Result<(Vec<MessageId>, Option<i64>)> {
    let found = find(connection, condition, limit)?;
    let entry = audit_more(connection, act, so_far.entry, found.len())?;
    let mut hurried = Vec::new();
    for found in found {
        connection
            .prepare_cached("UPDATE queue SET due = ?2 WHERE row = ?1")?
            .execute(params![found.row, number(act.at.millis())])?;
        effects.note(found.line, act.at);
        hurried.extend(MessageId::parse(&found.id));
    }
    Ok((hurried, entry))
}

/// Writes a person's act down; says as which entry.
pub(crate) fn audit(connection: &Connection, entry: &AuditEntry) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "INSERT INTO audit (at, by, act, target, reason, messages)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            number(entry.at.millis()),
            entry.by,
            entry.act,
            entry.target,
            entry.reason,
            number(entry.messages)
        ])?;
    Ok(connection.last_insert_rowid())
}

/// An act that is written down as `entry` has touched so many messages more.
pub(crate) fn audit_count(
    connection: &Connection,
    entry: i64,
    messages: usize,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE audit SET messages = messages + ?2 WHERE entry = ?1")?
        .execute(params![entry, number(messages as u64)])?;
    Ok(())
}

/// One entry an act, however many portions it has, and none where nothing fitted.
fn audit_more(
    connection: &Connection,
    act: &AuditEntry,
    written: Option<i64>,
    messages: usize,
) -> rusqlite::Result<Option<i64>> {
    match written {
        None if messages == 0 => Ok(None),
        None => {
            audit(connection, &AuditEntry { messages: messages as u64, ..act.clone() }).map(Some)
        }
        Some(entry) => audit_count(connection, entry, messages).map(|()| Some(entry)),
    }
}

/// The latest acts, newest first.
pub(crate) fn audit_log(
    connection: &Connection,
    limit: usize,
) -> rusqlite::Result<Vec<AuditEntry>> {
    let mut statement = connection.prepare_cached(
        "SELECT at, by, act, target, reason, messages FROM audit ORDER BY entry DESC LIMIT ?1",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map([limit], |row| {
        Ok(AuditEntry {
            at: time(row, 0)?,
            by: row.get(1)?,
            act: row.get(2)?,
            target: row.get(3)?,
            reason: row.get(4)?,
            messages: row.get::<_, i64>(5)?.max(0).cast_unsigned(),
        })
    })?;
    rows.collect()
}

/// Forgets release records older than `oldest` of mail that has left.
pub(crate) fn forget_releases(
    connection: &Connection,
    oldest: Timestamp,
) -> rusqlite::Result<usize> {
    connection.execute(
        "DELETE FROM releases WHERE at < ?1
            AND NOT EXISTS (SELECT 1 FROM queue WHERE queue.id = releases.message)",
        [number(oldest.millis())],
    )
}
