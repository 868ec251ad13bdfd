//! The database's tables.

use rusqlite::Connection;

/// Creates what is not there. The version stands in `user_version`.
pub(crate) fn create(connection: &Connection) -> rusqlite::Result<()> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version < VERSION {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"
        ))?;
    }
    Ok(())
}

/// Counts up when something is added; older databases are brought up step by step.
const VERSION: i64 = 2;

/// `queue` is narrow, since it is searched and changes; `details` is wide and rarely does.
/// States: 0 ready, 1 in flight, 2 paced, 3 held, 4 quarantined, 5 damaged.
/// The trigger holds what the code's types promise: nothing leaves hold or quarantine without a
/// release record of its own. `INSERT OR REPLACE` and the like are used nowhere.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS queue (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state INTEGER NOT NULL,
    due INTEGER NOT NULL,
    since INTEGER NOT NULL,
    received INTEGER NOT NULL,
    pool TEXT NOT NULL,
    customer TEXT NOT NULL,
    origin TEXT NOT NULL,
    campaign TEXT,
    case_id TEXT,
    batch TEXT,
    rules TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    instance INTEGER NOT NULL,
    released INTEGER,
    segment INTEGER NOT NULL,
    place INTEGER NOT NULL,
    length INTEGER NOT NULL,
    crc INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS lines ON queue (pool, customer, due) WHERE state IN (0, 2);
CREATE INDEX IF NOT EXISTS ages ON queue (since) WHERE state IN (0, 2);
CREATE INDEX IF NOT EXISTS holds ON queue (state, due) WHERE state IN (3, 4);
CREATE INDEX IF NOT EXISTS damaged ON queue (due) WHERE state = 5;
CREATE INDEX IF NOT EXISTS batches ON queue (batch) WHERE batch IS NOT NULL;
CREATE TABLE IF NOT EXISTS details (
    row INTEGER PRIMARY KEY,
    submission TEXT NOT NULL,
    decision TEXT NOT NULL,
    progress TEXT,
    last_answer TEXT
);
CREATE TABLE IF NOT EXISTS releases (
    release INTEGER PRIMARY KEY,
    message TEXT NOT NULL,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS audit (
    entry INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    act TEXT NOT NULL,
    target TEXT NOT NULL,
    reason TEXT NOT NULL,
    messages INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS instances (instance INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL);
CREATE TRIGGER IF NOT EXISTS no_exit_without_release BEFORE UPDATE OF state ON queue
WHEN OLD.state IN (3, 4) AND NEW.state NOT IN (3, 4, 5)
    AND NOT EXISTS (
        SELECT 1 FROM releases WHERE release = NEW.released AND message = NEW.id
    )
BEGIN
    SELECT RAISE(ABORT, 'held or quarantined mail cannot leave without a release record');
END;
";
