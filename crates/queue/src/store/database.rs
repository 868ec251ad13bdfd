//! The database and its writer thread: all jobs that arrived while it committed share the next
//! commit. What a job changes outside the database (counts, schedule, segments) happens after the
//! commit, or not at all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::effects::{Effects, Shared};
use super::schema;
use crate::{KeepError, StoreError};

/// Something to be done in a transaction.
trait Job: Send {
    /// Does it. On `Err` its changes are undone, the others' stay.
    fn run(&mut self, connection: &Connection, effects: &mut Effects) -> rusqlite::Result<()>;

    /// Tells whoever asked, after the commit.
    fn finish(self: Box<Self>, committed: Result<(), KeepError>);
}

/// A way to the writer thread.
#[derive(Clone)]
pub(crate) struct Jobs(mpsc::Sender<Box<dyn Job>>);

/// Handle to the writer thread, and a connection of its own for reading.
pub(crate) struct Database {
    jobs: Jobs,
    reader: Arc<Mutex<Connection>>,
}

/// The writer thread's state.
pub(crate) struct Writer {
    path: PathBuf,
    shared: Arc<Shared>,
    /// `None` after a failure of the disk, until it opens again.
    connection: Option<Connection>,
    jobs: mpsc::Receiver<Box<dyn Job>>,
}

impl Database {
    /// Opens or creates the file; the writer is to be run on a thread of its own.
    pub(crate) fn open(path: &Path, shared: Arc<Shared>) -> rusqlite::Result<(Self, Writer)> {
        let connection = connect(path)?;
        schema::create(&connection)?;
        let (sender, jobs) = mpsc::channel(JOBS_MAX);
        let reader = Arc::new(Mutex::new(connect(path)?));
        let writer = Writer { path: path.to_owned(), shared, connection: Some(connection), jobs };
        Ok((Self { jobs: Jobs(sender), reader }, writer))
    }

    /// Does `work` in a transaction that it shares with others; `Ok` once that is synced.
    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T, KeepError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection, &mut Effects) -> rusqlite::Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        // Whoever has asked may have gone.
        let then = move |done| drop(answer.send(done));
        let job = Work { work: Some(work), value: None, then };
        self.jobs.0.send(Box::new(job)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// For threads that have work done.
    pub(crate) fn jobs(&self) -> Jobs {
        self.jobs.clone()
    }

    /// Reads beside the writer, what was committed before.
    pub(crate) async fn read<T, R>(&self, read: R) -> Result<T, StoreError>
    where
        T: Send + 'static,
        R: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let reader = self.reader.clone();
        let reading = tokio::task::spawn_blocking(move || read(&reader.lock()));
        let done = reading.await.map_err(|_| StoreError::Closed)?;
        done.map_err(|error| trouble(&error).into())
    }
}

impl Jobs {
    /// From a thread: as [`Database::write`], with the answer given to `then`.
    pub(crate) fn write_then<T, W, F>(&self, work: W, then: F)
    where
        T: Send + 'static,
        W: FnOnce(&Connection, &mut Effects) -> rusqlite::Result<T> + Send + 'static,
        F: FnOnce(Result<T, KeepError>) + Send + 'static,
    {
        let job = Box::new(Work { work: Some(work), value: None, then });
        if let Err(mpsc::error::SendError(job)) = self.0.blocking_send(job) {
            job.finish(Err(closed()));
        }
    }
}

struct Work<T, W, F> {
    work: Option<W>,
    value: Option<T>,
    then: F,
}

impl<T, W, F> Job for Work<T, W, F>
where
    T: Send,
    W: FnOnce(&Connection, &mut Effects) -> rusqlite::Result<T> + Send,
    F: FnOnce(Result<T, KeepError>) + Send,
{
    fn run(&mut self, connection: &Connection, effects: &mut Effects) -> rusqlite::Result<()> {
        if let Some(work) = self.work.take() {
            self.value = Some(work(connection, effects)?);
        }
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), KeepError>) {
        let Self { value, then, .. } = *self;
        then(committed.and_then(|()| value.ok_or_else(closed)));
    }
}

impl Writer {
    /// Before its thread runs: does `work` at once.
    pub(crate) fn first<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        match &self.connection {
            Some(connection) => work(connection),
            None => Err(rusqlite::Error::InvalidQuery),
        }
    }

    /// The same, with what it changes in memory.
    pub(crate) fn first_with(
        &self,
        work: impl FnOnce(&Connection, &mut Effects) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut effects = Effects::default();
        self.first(|connection| work(connection, &mut effects))?;
        effects.apply(&self.shared);
        Ok(())
    }

    /// Ends when nobody can send any more.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.jobs.blocking_recv() {
            let connection = match self.connection.take() {
                Some(connection) => Ok(connection),
                None => connect(&self.path),
            };
            match connection {
                Ok(connection) => {
                    // A panic loses this transaction and its connection, not the store: whoever
                    // waits for it hears that there is no answer.
                    let committing = AssertUnwindSafe(|| self.commit_with(&connection, first));
                    let good = catch_unwind(committing).unwrap_or(false);
                    self.connection = good.then_some(connection);
                }
                Err(error) => {
                    error!(%error, "the queue's database cannot be opened");
                    first.finish(Err(trouble(&error)));
                }
            }
        }
    }

    /// Runs `first` and all that waits in one transaction. Whether the connection is still good.
    fn commit_with(&mut self, connection: &Connection, first: Box<dyn Job>) -> bool {
        let mut done = Vec::new();
        let mut effects = Effects::default();
        let ended = self
            .run_all(connection, first, &mut done, &mut effects)
            .and_then(|()| run(connection, "COMMIT"));
        match ended {
            Ok(()) => {
                effects.apply(&self.shared);
                done.into_iter().for_each(|job| job.finish(Ok(())));
                true
            }
            Err(error) => {
                let told = trouble(&error);
                error!(error = %told, jobs = done.len(), "the queue's database did not commit");
                let undone = connection.is_autocommit() || run(connection, "ROLLBACK").is_ok();
                drop(effects);
                done.into_iter().for_each(|job| job.finish(Err(told.clone())));
                undone && !is_disk(&error)
            }
        }
    }

    /// On error, nothing of `done` is.
    fn run_all(
        &mut self,
        connection: &Connection,
        first: Box<dyn Job>,
        done: &mut Vec<Box<dyn Job>>,
        effects: &mut Effects,
    ) -> rusqlite::Result<()> {
        if let Err(error) = run(connection, "BEGIN IMMEDIATE") {
            done.push(first);
            return Err(error);
        }
        let mut next = Some(first);
        while let Some(mut job) = next.take() {
            let mut own = Effects::default();
            match run_job(connection, &mut *job, &mut own) {
                Ok(()) => {
                    effects.add(own);
                    done.push(job);
                }
                // A failing disk, or SQLite gave the transaction up: then it is over for all.
                Err(error) if is_disk(&error) || connection.is_autocommit() => {
                    done.push(job);
                    return Err(error);
                }
                Err(error) => job.finish(Err(trouble(&error))),
            }
            if done.len() < BATCH_MAX {
                next = self.jobs.try_recv().ok();
            }
        }
        Ok(())
    }
}

/// Runs one job so that its failure undoes its own changes only.
fn run_job(
    connection: &Connection,
    job: &mut dyn Job,
    effects: &mut Effects,
) -> rusqlite::Result<()> {
    run(connection, "SAVEPOINT job")?;
    match job.run(connection, effects) {
        Ok(()) => run(connection, "RELEASE job"),
        Err(error) => {
            if !connection.is_autocommit() {
                run(connection, "ROLLBACK TO job")?;
                run(connection, "RELEASE job")?;
            }
            Err(error)
        }
    }
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

/// Opens a connection with what durability and speed need.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_MAX)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Each commit is synced before anybody is told.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_OCTETS_MAX)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIBIBYTES)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

/// What to tell whoever waits.
pub(crate) fn trouble(error: &rusqlite::Error) -> KeepError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => KeepError::Full(format!("database: {error}")),
        _ => KeepError::Failed(format!("database: {error}")),
    }
}

/// Whether the connection had better be opened anew.
fn is_disk(error: &rusqlite::Error) -> bool {
    use ErrorCode::{CannotOpen, DatabaseCorrupt, NotADatabase, SystemIoFailure};
    matches!(
        error.sqlite_error_code(),
        Some(SystemIoFailure | CannotOpen | DatabaseCorrupt | NotADatabase)
    )
}

fn closed() -> KeepError {
    KeepError::Failed("the store gave no answer".to_owned())
}

/// Jobs that may wait; past it, whoever asks waits too.
const JOBS_MAX: usize = 1024;
/// So many jobs share one commit at most: the first of them waits for all.
const BATCH_MAX: usize = 512;
/// Another process of ours, which is about to end, may hold the lock for a moment.
const BUSY_MAX: Duration = Duration::from_secs(10);
/// 8 MiB: then the log is written back into the file, and written from its start again.
const WAL_PAGES: i64 = 2048;
const WAL_OCTETS_MAX: i64 = 16 << 20;
const CACHE_KIBIBYTES: i64 = 16 * 1024;
const STATEMENTS_MAX: usize = 64;
