//! Rows of kept messages: what a row holds, how it is written and read.

use std::sync::Arc;

use postern_mail::{Decision, MessageId, Submission, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::effects::Effects;
use super::segments::{Pin, Place, Usage};
use super::select::{Condition, number};
use crate::schedule::LineKey;
use crate::{Item, Progress, State};

/// A row to be written. Texts are made outside the writer thread.
pub(crate) struct NewRow {
    id: MessageId,
    state: State,
    due: Timestamp,
    now: Timestamp,
    received: Timestamp,
    line: LineKey,
    origin: String,
    marks: Marks,
    submission: String,
    decision: String,
    instance: i64,
}

/// What of a decision is searched for.
pub(crate) struct Marks {
    campaign: Option<String>,
    case: Option<String>,
    batch: Option<String>,
    /// A line feed before and after each rule.
    rules: String,
}

impl Marks {
    pub(crate) fn of(decision: &Decision) -> Self {
        let mut rules = String::from("\n");
        for hit in &decision.hits {
            rules.push_str(&hit.rule);
            rules.push('\n');
        }
        Self {
            campaign: decision.campaign.as_ref().map(ToString::to_string),
            case: decision.case.as_ref().map(ToString::to_string),
            batch: decision.batch.as_ref().map(ToString::to_string),
            rules,
        }
    }

    pub(crate) fn case_and_rules(self) -> (Option<String>, String) {
        (self.case, self.rules)
    }
}

impl NewRow {
    pub(crate) fn new(
        submission: &Submission,
        decision: &Decision,
        pool: &str,
        (state, due): (State, Timestamp),
        now: Timestamp,
        instance: i64,
    ) -> serde_json::Result<Self> {
        Ok(Self {
            id: submission.id,
            state,
            due,
            now,
            received: submission.received_at,
            line: line_of(submission, pool),
            origin: submission.identity.origin.to_string(),
            marks: Marks::of(decision),
            submission: serde_json::to_string(submission)?,
            decision: serde_json::to_string(decision)?,
            instance,
        })
    }

    /// Which message it is of, if that is still being handed on in session.
    pub(crate) fn in_flight(&self) -> Option<(MessageId, &LineKey)> {
        (self.state == State::InFlight).then_some((self.id, &self.line))
    }

    /// Writes it; its message lies synced at `place`.
    pub(crate) fn insert(
        &self,
        connection: &Connection,
        effects: &mut Effects,
        place: Place,
        pin: Pin,
    ) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO queue (id, state, due, since, received, pool, customer, origin,
                    campaign, case_id, batch, rules, instance, segment, place, length, crc)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            )?
            .execute(params![
                self.id.as_str(),
                self.state.number(),
                number(self.due.millis()),
                number(self.now.millis()),
                number(self.received.millis()),
                &*self.line.pool,
                &*self.line.customer,
                self.origin,
                self.marks.campaign,
                self.marks.case,
                self.marks.batch,
                self.marks.rules,
                self.instance,
                number(place.segment),
                number(place.offset),
                number(place.length),
                place.crc,
            ])?;
        connection
            .prepare_cached("INSERT INTO details (row, submission, decision) VALUES (?1, ?2, ?3)")?
            .execute(params![connection.last_insert_rowid(), self.submission, self.decision])?;
        effects.came(self.state, pin);
        if is_sendable(self.state) {
            effects.note(self.line.clone(), self.due);
        }
        Ok(())
    }
}

/// Whose turn a message waits for.
pub(crate) fn line_of(submission: &Submission, pool: &str) -> LineKey {
    let customer = submission.identity.customer.as_ref().map_or("", |c| c.as_str());
    LineKey { pool: pool.into(), customer: customer.into() }
}

/// Whether it leaves when it is due.
pub(crate) fn is_sendable(state: State) -> bool {
    matches!(state, State::Ready | State::Paced)
}

/// A row as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) row: i64,
    /// Since when its age counts: its arrival, or its release.
    pub(crate) since: Timestamp,
    pub(crate) place: Place,
    pub(crate) item: Item,
}

/// A row whose texts do not read back.
#[derive(Debug, Clone)]
pub(crate) struct BadRow {
    pub(crate) row: i64,
    pub(crate) id: String,
    pub(crate) what: String,
}

impl Record {
    pub(crate) fn id(&self) -> MessageId {
        self.item.submission.id
    }
}

/// To be read by [`read`].
const COLUMNS: &str =
    "queue.row, queue.id, queue.state, queue.due, queue.since, queue.pool, queue.attempts,
        queue.segment, queue.place, queue.length, queue.crc,
        details.submission, details.decision, details.progress, details.last_answer";

fn select(table: &str, condition: &str) -> String {
    format!(
        "SELECT {COLUMNS} FROM {table} CROSS JOIN details ON details.row = queue.row
         WHERE {condition}"
    )
}

/// Reads a row of [`select`].
pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Result<Record, BadRow>> {
    let number = row.get(0)?;
    let id: String = row.get(1)?;
    let texts = [row.get::<_, String>(11)?, row.get::<_, String>(12)?];
    let progress: Option<String> = row.get(13)?;
    let item = match parse(&texts, progress.as_deref()) {
        Ok(item) => item,
        Err(error) => {
            return Ok(Err(BadRow { row: number, id, what: error.to_string() }));
        }
    };
    let (submission, decision, progress) = item;
    let Some(state) = State::from_number(row.get(2)?) else {
        return Ok(Err(BadRow { row: number, id, what: "its state has no meaning".to_owned() }));
    };
    Ok(Ok(Record {
        row: number,
        since: time(row, 4)?,
        place: Place {
            segment: unsigned(row, 7)?,
            offset: unsigned(row, 8)?,
            length: unsigned(row, 9)?,
            crc: row.get(10)?,
        },
        item: Item {
            submission: Arc::new(submission),
            decision,
            state,
            due: time(row, 3)?,
            pool: row.get(5)?,
            attempts: row.get(6)?,
            last_answer: row.get(14)?,
            progress,
        },
    }))
}

type Texts = (Submission, Decision, Vec<Progress>);

fn parse(texts: &[String; 2], progress: Option<&str>) -> serde_json::Result<Texts> {
    let [submission, decision] = texts;
    let submission: Submission = serde_json::from_str(submission)?;
    let recipients = submission.envelope.recipients.len();
    let mut progress: Vec<Progress> = match progress {
        Some(text) => serde_json::from_str(text)?,
        None => Vec::new(),
    };
    progress.resize(recipients, Progress::Pending(None));
    Ok((submission, serde_json::from_str(decision)?, progress))
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|value| value.max(0).cast_unsigned())
}

pub(crate) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    unsigned(row, column).map(Timestamp::from_millis)
}

/// All rows that fit, oldest first.
pub(crate) fn list(
    connection: &Connection,
    condition: &Condition,
    limit: usize,
) -> rusqlite::Result<Vec<Result<Record, BadRow>>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let order = format!("{} ORDER BY {} LIMIT {limit}", condition.sql, condition.order);
    let sql = select(condition.table, &order);
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(condition.parameters().as_slice(), read)?;
    rows.collect()
}

/// One row.
pub(crate) fn by_row(
    connection: &Connection,
    row: i64,
) -> rusqlite::Result<Option<Result<Record, BadRow>>> {
    let mut statement = connection.prepare_cached(&select("queue", "queue.row = ?1"))?;
    statement.query_row([row], read).optional()
}

/// How many fit.
pub(crate) fn count(connection: &Connection, condition: &Condition) -> rusqlite::Result<u64> {
    let sql = format!("SELECT count(*) FROM {} WHERE {}", condition.table, condition.sql);
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_row(condition.parameters().as_slice(), |row| unsigned(row, 0))
}

/// The last row there is.
pub(crate) fn newest(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT coalesce(max(row), 0) FROM queue", [], |row| row.get(0))
}

/// The ids of those that fit, oldest first.
pub(crate) fn ids(
    connection: &Connection,
    condition: &Condition,
    limit: usize,
) -> rusqlite::Result<Vec<MessageId>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = format!(
        "SELECT id FROM {} WHERE {} ORDER BY {} LIMIT {limit}",
        condition.table, condition.sql, condition.order
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(condition.parameters().as_slice())?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        ids.extend(MessageId::parse(row.get_ref(0)?.as_str().unwrap_or_default()));
    }
    Ok(ids)
}

/// A new number for this process.
pub(crate) fn new_instance(connection: &Connection, now: Timestamp) -> rusqlite::Result<i64> {
    connection.execute("INSERT INTO instances (at) VALUES (?1)", [number(now.millis())])?;
    let instance = connection.last_insert_rowid();
    connection.execute("DELETE FROM instances WHERE instance < ?1", [instance])?;
    Ok(instance)
}

/// What was in flight with the processes before this one is tried again.
pub(crate) fn land(
    connection: &Connection,
    effects: &mut Effects,
    instance: i64,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "UPDATE queue SET state = 0, due = ?1 WHERE state = 1 AND instance <> ?2
         RETURNING pool, customer",
    )?;
    let mut rows = statement.query(params![number(now.millis()), instance])?;
    while let Some(row) = rows.next()? {
        let (pool, customer): (String, String) = (row.get(0)?, row.get(1)?);
        effects.moved(State::InFlight, State::Ready);
        effects.note(LineKey { pool: pool.into(), customer: customer.into() }, now);
    }
    Ok(())
}

/// Takes over the rows of all processes before this one: counts everything anew and says which
/// segments are used. Reads only: what waits must be found on a full disk, too.
pub(crate) fn adopt(
    connection: &Connection,
    effects: &mut Effects,
) -> rusqlite::Result<Vec<Usage>> {
    effects.anew();
    let mut states = connection.prepare("SELECT state, count(*) FROM queue GROUP BY state")?;
    let mut rows = states.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(state) = State::from_number(row.get(0)?) {
            effects.counted(state, row.get(1)?);
        }
    }
    let mut lines = connection.prepare(
        "SELECT pool, customer, min(due) FROM queue INDEXED BY lines WHERE state IN (0, 2)
         GROUP BY pool, customer",
    )?;
    let mut rows = lines.query([])?;
    while let Some(row) = rows.next()? {
        let (pool, customer): (String, String) = (row.get(0)?, row.get(1)?);
        effects.note(LineKey { pool: pool.into(), customer: customer.into() }, time(row, 2)?);
    }
    let mut segments = connection
        .prepare("SELECT segment, count(*), max(place + length) FROM queue GROUP BY segment")?;
    let usages = segments.query_map([], |row| {
        let end = super::record::record_octets(unsigned(row, 2)?);
        Ok(Usage { segment: unsigned(row, 0)?, messages: unsigned(row, 1)?, end })
    })?;
    usages.collect()
}
