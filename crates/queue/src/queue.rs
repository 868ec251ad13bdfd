//! The queue's door.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use postern_mail::{Clock, Content, IdSource, MessageId, Timestamp};
use tokio::sync::SetOnce;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::runner::{Deliver, Runner};
use crate::store::{self, Condition, Disk, Folders, NewMessage, RealDisk, Store, folder};
use crate::{
    AuditEntry, Counts, Handoff, Item, Journal, Keep, KeepError, KeepState, Notices, OpenError,
    Selector, Settings, State, StoreError,
};

/// All kept mail. A clone is another handle to the same queue.
#[derive(Clone)]
pub struct Queue(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    settings: RwLock<Arc<Settings>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: IdSource,
    pub(crate) random: Mutex<fastrand::Rng>,
    journal: Journal,
    /// From [`Queue::run`] on.
    pub(crate) notices: SetOnce<Arc<dyn Notices>>,
    /// What is still to be written down; [`Queue::run`] waits for it at its end.
    pub(crate) late: TaskTracker,
}

impl Queue {
    /// Opens the folder and finds again what an earlier process kept. While that process still
    /// runs, new mail is kept beside it; its mail is taken over once it has ended.
    pub fn open(settings: Settings, clock: Arc<dyn Clock>, seed: u64) -> Result<Self, OpenError> {
        std::fs::create_dir_all(&settings.dir).map_err(|e| folder(&settings.dir, e))?;
        let folders = Folders::create(&settings.dir)?;
        let disk = Arc::new(RealDisk::new(folders.segments.clone()));
        Self::open_on(disk, &folders, settings, clock, seed)
    }

    /// The same, with the segment files on `disk`.
    pub(crate) fn open_on(
        disk: Arc<dyn Disk>,
        folders: &Folders,
        settings: Settings,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> Result<Self, OpenError> {
        let store = Store::open(&settings, disk, clock.now())?;
        let journal = Journal::start(folders.journal.clone(), settings.journal_max_age)
            .map_err(|error| folder(&folders.journal, error))?;
        Ok(Self(Arc::new(Inner {
            store,
            settings: RwLock::new(Arc::new(settings)),
            clock,
            ids: IdSource::new(seed),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            journal,
            notices: SetOnce::new(),
            late: TaskTracker::new(),
        })))
    }

    /// Other waits, ages and concurrency from now on. Folder, sizes and the journal's age stay as
    /// they are until the next start.
    pub fn reload(&self, settings: Settings) {
        self.0.store.shared.schedule.lock().allow(settings.concurrency);
        *self.0.settings.write() = Arc::new(settings);
        self.0.store.shared.wake.notify_one();
    }

    /// Whether an earlier process still hands on what waits; ours does when that one has ended.
    pub fn is_standby(&self) -> bool {
        !self.0.store.owns()
    }

    /// `Ok` only once octets and row are synced, in this order. Many at once share the syncs.
    pub async fn keep(&self, keep: Keep) -> Result<(), KeepError> {
        let Keep { submission, decision, state, pool, content } = keep;
        let now = self.0.clock.now();
        let settings = self.0.settings();
        let last = now.plus(settings.max_age);
        let (state, due) = match state {
            KeepState::Ready => (State::Ready, now),
            KeepState::InFlight => (State::InFlight, now),
            KeepState::Paced { until } => (State::Paced, until.min(last)),
            KeepState::Held { until } => (State::Held, until.min(last)),
            KeepState::Quarantined => (State::Quarantined, now.plus(settings.quarantine_max_age)),
        };
        let message = NewMessage {
            submission: &submission,
            decision: &decision,
            pool: &pool,
            state,
            due,
            content,
        };
        self.0.store.keep(message, now).await
    }

    /// Retries, releases what is due, lets expire, bounces, until cancelled; then waits, bounded,
    /// for running handoffs.
    pub async fn run(
        &self,
        handoff: Handoff,
        notices: Arc<dyn Notices>,
        shutdown: CancellationToken,
    ) {
        self.run_with(handoff, notices, shutdown).await;
    }

    pub(crate) async fn run_with(
        &self,
        deliver: impl Deliver,
        notices: Arc<dyn Notices>,
        shutdown: CancellationToken,
    ) {
        self.tell(notices.clone());
        let oldest = self.0.clock.now().millis().saturating_sub(RELEASES_MAX_AGE_MILLIS);
        let oldest = Timestamp::from_millis(oldest);
        let forgotten = self.0.store.write(move |c, _| store::forget_releases(c, oldest)).await;
        if let Err(error) = forgotten {
            warn!(%error, "old release records stay");
        }
        Runner::new(self.0.clone(), deliver, notices).run(shutdown).await;
    }

    /// From now on it is known where notices go.
    pub(crate) fn tell(&self, notices: Arc<dyn Notices>) {
        if self.0.notices.set(notices).is_err() {
            warn!("the queue is run a second time; notices go where they went before");
        }
    }

    /// What waits and fits, oldest first.
    pub async fn list(&self, selector: &Selector) -> Result<Vec<Item>, StoreError> {
        let condition = Condition::new(selector, self.0.clock.now());
        let limit = selector.limit.unwrap_or(usize::MAX);
        let rows = self.0.store.read(move |c| store::list(c, &condition, limit)).await?;
        let readable = |row: Result<store::Record, store::BadRow>| match row {
            Ok(record) => Some(record.item),
            Err(bad) => {
                warn!(id = bad.id, what = bad.what, "a row cannot be read and is not listed");
                None
            }
        };
        Ok(rows.into_iter().filter_map(readable).collect())
    }

    /// How many wait and fit.
    pub async fn count(&self, selector: &Selector) -> Result<u64, StoreError> {
        let condition = Condition::new(selector, self.0.clock.now());
        self.0.store.read(move |c| store::count(c, &condition)).await
    }

    /// One message with its octets.
    pub async fn find(
        &self,
        id: MessageId,
    ) -> Result<Option<(Item, Arc<dyn Content>)>, StoreError> {
        let rows = self.0.store.read(move |c| store::list(c, &Condition::id(id), 1)).await?;
        let damaged = |what: String| StoreError::Damaged { id: id.to_string(), what };
        match rows.into_iter().next() {
            None => Ok(None),
            Some(Err(bad)) => Err(damaged(bad.what)),
            Some(Ok(record)) => {
                let content = self.0.store.load(&record).await;
                let content = content.map_err(|error| damaged(error.to_string()))?;
                Ok(Some((record.item, content)))
            }
        }
    }

    /// What waits now.
    pub fn counts(&self) -> Counts {
        self.0.store.shared.counts()
    }

    /// Writes a person's act down (suspend, resume, …).
    pub async fn audit(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.0.store.write(move |c, _| store::audit(c, &entry)).await?;
        Ok(())
    }

    /// The latest acts, newest first.
    pub async fn audit_log(&self, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        self.0.store.read(move |c| store::audit_log(c, limit)).await
    }

    /// The record of all mail.
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }
}

impl Inner {
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.read().clone()
    }
}

/// Release records outlive their messages by 180 days.
const RELEASES_MAX_AGE_MILLIS: u64 = 180 * 24 * 3600 * 1000;
