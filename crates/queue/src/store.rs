//! The store: messages' octets in segment files, their rows in a database, each with a thread of
//! its own. What is written here outlives a power cut once the answer says so, in this order: the
//! octets are synced, then the row is, then the answer is given.

mod acts;
mod appender;
mod database;
mod disk;
mod effects;
mod folders;
mod record;
mod rows;
mod schema;
mod segments;
mod select;
mod work;

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use postern_mail::{Content, Decision, MessageId, Submission, Timestamp};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::acts::{PORTION, Release, Released, SoFar, audit, audit_log};
pub(crate) use self::acts::{forget_releases, hurry, quarantine, release};
use self::appender::{Append, Appender, Placed};
use self::database::Database;
#[cfg(test)]
pub(crate) use self::disk::DiskFile;
pub(crate) use self::disk::{Disk, RealDisk};
pub(crate) use self::effects::{Effects, Hold, Shared};
pub(crate) use self::folders::{Folders, folder};
use self::folders::{is_ours, unusable};
use self::record::Stored;
use self::rows::NewRow;
pub(crate) use self::rows::{BadRow, Record, count, ids, line_of, list, newest};
use self::segments::Segments;
pub(crate) use self::select::{Condition, number};
use self::work::Notice;
pub(crate) use self::work::conclude;
pub(crate) use self::work::{Claim, Claimed, Conclusion, Sendable, claim, claim_due};
pub(crate) use self::work::{claim_after, set_aside, unsettled};
use crate::schedule::Schedule;
use crate::{KeepError, OpenError, Settings, State, StoreError};

/// Segment files and database.
pub(crate) struct Store {
    pub(crate) shared: Arc<Shared>,
    /// `None` while it is being dropped.
    ways: Option<Ways>,
    instance: i64,
    lock: File,
    /// Whether what earlier processes left is ours.
    owns: AtomicBool,
    /// Some of that was in flight, and a full disk did not take that it is not any more.
    unlanded: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Ways to the threads; they end when these are gone.
struct Ways {
    database: Database,
    appends: mpsc::Sender<Append>,
}

/// A message that is to be written, as row and octets.
pub(crate) struct NewMessage<'a> {
    pub(crate) submission: &'a Submission,
    pub(crate) decision: &'a Decision,
    pub(crate) pool: &'a str,
    pub(crate) state: State,
    pub(crate) due: Timestamp,
    pub(crate) content: Arc<dyn Content>,
}

impl Store {
    /// Opens `settings.dir`. What earlier processes left is taken over at once, or, when one of
    /// them still runs, by [`Self::take_over`].
    pub(crate) fn open(
        settings: &Settings,
        disk: Arc<dyn Disk>,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let dir = &settings.dir;
        let lock = File::create(dir.join("lock")).map_err(|error| folder(dir, error))?;
        let headroom = settings.headroom_bytes;
        let segments = Segments::new(disk, settings.segment_bytes, headroom)
            .map_err(|error| folder(dir, error))?;
        let segments = Arc::new(segments);
        let schedule = Schedule::new(settings.concurrency);
        let shared = Arc::new(Shared::new(segments.clone(), schedule));
        let path = dir.join("queue.db");
        let (database, writer) =
            Database::open(&path, shared.clone()).map_err(|error| unusable(&path, &error))?;
        let unusable = |error| unusable(&path, &error);
        let instance = writer.first(|connection| rows::new_instance(connection, now));
        // Numbers that are counted never come near the time.
        let instance = unless_full(instance).map_err(unusable)?;
        let instance = instance.unwrap_or_else(|| number(now.millis()));
        let owns = is_ours(&lock).map_err(|error| folder(dir, error))?;
        let mut landed = true;
        if owns {
            writer.first_with(|c, effects| adopt(c, effects, &segments)).map_err(unusable)?;
            let landing = writer.first_with(|c, effects| rows::land(c, effects, instance, now));
            landed = unless_full(landing).map_err(unusable)?.is_some();
        }
        let (appends, to_append) = mpsc::channel(APPENDS_MAX);
        let (prepare, wanted) = sync_channel(1);
        let appender = Appender::new(segments.clone(), headroom, prepare);
        let threads = vec![
            thread("queue-prepare", move || appender::prepare(&segments, &wanted))?,
            thread("queue-segments", move || appender.run(to_append))?,
            thread("queue-database", move || writer.run())?,
        ];
        Ok(Self {
            shared,
            ways: Some(Ways { database, appends }),
            instance,
            lock,
            owns: owns.into(),
            unlanded: (!landed).into(),
            threads: Mutex::new(threads),
        })
    }

    /// Whether this process is the one that hands mail on; the answer turns to yes when the
    /// process before it has ended.
    pub(crate) async fn take_over(&self, now: Timestamp) -> Result<bool, StoreError> {
        if self.owns() {
            return Ok(true);
        }
        if !is_ours(&self.lock)? {
            return Ok(false);
        }
        let (segments, instance) = (self.shared.segments.clone(), self.instance);
        self.write(move |connection, effects| {
            adopt(connection, effects, &segments)?;
            rows::land(connection, effects, instance, now)
        })
        .await?;
        self.owns.store(true, Ordering::Relaxed);
        Ok(true)
    }

    /// Has what was in flight with an earlier process tried again, as soon as the disk takes that.
    pub(crate) async fn land(&self, now: Timestamp) -> Result<(), StoreError> {
        if !self.unlanded.load(Ordering::Relaxed) {
            return Ok(());
        }
        let instance = self.instance;
        match self.write(move |c, effects| rows::land(c, effects, instance, now)).await {
            Ok(()) => self.unlanded.store(false, Ordering::Relaxed),
            Err(KeepError::Full(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Whether this process hands on what waits.
    pub(crate) fn owns(&self) -> bool {
        self.owns.load(Ordering::Relaxed)
    }

    /// Octets synced, then the row synced, then `Ok`.
    pub(crate) async fn keep(
        &self,
        message: NewMessage<'_>,
        now: Timestamp,
    ) -> Result<(), KeepError> {
        let ways = self.ways()?;
        let row = self.row(&message, now)?;
        let (jobs, shared) = (ways.database.jobs(), self.shared.clone());
        let (answer, answered) = oneshot::channel();
        let then = move |placed: Result<Placed, KeepError>| match placed {
            Ok(Placed { place, pin }) => jobs.write_then(
                move |connection, effects| {
                    row.insert(connection, effects, place, pin)?;
                    take_off(&row, effects, &shared, now);
                    Ok(())
                },
                // Whoever asked may have gone.
                move |done| drop(answer.send(done)),
            ),
            Err(error) => drop(answer.send(Err(error))),
        };
        let append = Append {
            id: message.submission.id,
            content: message.content,
            now,
            needs_headroom: true,
            then: Box::new(then),
        };
        ways.appends.send(append).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    fn row(&self, message: &NewMessage<'_>, now: Timestamp) -> Result<NewRow, KeepError> {
        let when = (message.state, message.due);
        NewRow::new(message.submission, message.decision, message.pool, when, now, self.instance)
            .map_err(|error| KeepError::Failed(format!("writing its row: {error}")))
    }

    /// Writes down what became of a claimed row, and queues a notice with it, whole or not at all.
    pub(crate) async fn conclude(
        &self,
        claim: &Claim,
        conclusion: Arc<Conclusion>,
        notice: Option<NewMessage<'_>>,
        now: Timestamp,
    ) -> Result<(), KeepError> {
        let notice = match notice {
            Some(message) => {
                let row = self.row(&message, now)?;
                let Placed { place, pin } =
                    self.append(message.submission.id, message.content, now).await?;
                Some(Notice { row, place, pin })
            }
            None => None,
        };
        let item = &claim.record.item;
        let whose = (claim.record.row, line_of(&item.submission, &item.pool), claim.hold());
        self.write(move |connection, effects| {
            conclude(connection, effects, whose, &conclusion, notice)
        })
        .await
    }

    async fn append(
        &self,
        id: MessageId,
        content: Arc<dyn Content>,
        now: Timestamp,
    ) -> Result<Placed, KeepError> {
        let (answer, answered) = oneshot::channel();
        let then = Box::new(move |placed| drop(answer.send(placed)));
        let append = Append { id, content, now, needs_headroom: false, then };
        self.ways()?.appends.send(append).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// A message's octets, checked. `InvalidData`, `UnexpectedEof` and `NotFound` say that they
    /// are lost.
    pub(crate) async fn load(&self, record: &Record) -> io::Result<Arc<dyn Content>> {
        let (segments, id, place) = (self.shared.segments.clone(), record.id(), record.place);
        let loading = tokio::task::spawn_blocking(move || {
            let file = segments.file(place.segment)?;
            Stored::load(file, id, place)
        });
        Ok(Arc::new(loading.await.map_err(io::Error::other)??))
    }

    /// Does `work` in a transaction; `Ok` once it is synced.
    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T, KeepError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection, &mut Effects) -> rusqlite::Result<T> + Send + 'static,
    {
        self.ways()?.database.write(work).await
    }

    /// Reads what was committed.
    pub(crate) async fn read<T, R>(&self, read: R) -> Result<T, StoreError>
    where
        T: Send + 'static,
        R: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.ways()?.database.read(read).await
    }

    fn ways(&self) -> Result<&Ways, KeepError> {
        self.ways.as_ref().ok_or_else(closed)
    }
}

/// Waits for the threads: what they have begun, they end.
impl Drop for Store {
    fn drop(&mut self) {
        self.ways = None;
        self.shared.close();
        for thread in self.threads.get_mut().drain(..) {
            // A panic in there was printed by then; nothing is left to be told.
            let _ = thread.join();
        }
    }
}

/// Nobody works on what is being handed on in session, until that has ended.
fn take_off(row: &NewRow, effects: &mut Effects, shared: &Arc<Shared>, now: Timestamp) {
    if let Some((id, line)) = row.in_flight()
        && let Some(hold) = shared.take(id, line.clone(), now.plus(work::AGAIN))
    {
        effects.took_off(now, hold);
    }
}

fn adopt(
    connection: &Connection,
    effects: &mut Effects,
    segments: &Segments,
) -> rusqlite::Result<()> {
    let usage = rows::adopt(connection, effects)?;
    if let Err(error) = segments.adopt(&usage) {
        tracing::error!(%error, "segment files of an earlier process stay as they are");
    }
    Ok(())
}

/// On a full disk nothing new is kept, and what waits must leave all the same.
fn unless_full<T>(done: rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) => {
            tracing::error!("the disk is full: what waits is handed on, and nothing new is kept");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(OpenError::Thread)
}

fn closed() -> KeepError {
    KeepError::Failed("the store gave no answer".to_owned())
}

impl From<KeepError> for StoreError {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Full(text) => Self::Full(text),
            KeepError::Failed(text) => Self::Database(text),
        }
    }
}

/// Messages that may wait for the segment thread; past it, whoever brings one waits too.
const APPENDS_MAX: usize = 1024;

#[cfg(test)]
mod tests;
