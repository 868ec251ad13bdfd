//! The queue's door.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use postern_mail::{BatchId, CaseId, Clock, Content, Hit, IdSource, MessageId, Timestamp};
use tokio::sync::SetOnce;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::outcome::{self, of_delivery};
use crate::runner::{Deliver, Runner, pending, set_aside_row};
use crate::store::{
    self, Claim, Condition, Disk, Folders, NewMessage, RealDisk, Release, Released, Store, folder,
};
use crate::{
    AuditEntry, Counts, Delivery, Handoff, Item, Journal, Keep, KeepError, KeepState, Notices,
    OpenError, PersonAct, QueueEvent, Selector, Settings, State, StoreError, What,
};

/// All kept mail. A clone is another handle to the same queue.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: IdSource,
    pub(crate) random: Mutex<fastrand::Rng>,
    journal: Journal,
    /// From [`Queue::run`] on.
    notices: SetOnce<Arc<dyn Notices>>,
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
            settings,
            clock,
            ids: IdSource::new(seed),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            journal,
            notices: SetOnce::new(),
        })))
    }

    /// `Ok` only once octets and row are synced, in this order. Many at once share the syncs.
    pub async fn keep(&self, keep: Keep) -> Result<(), KeepError> {
        let Keep { submission, decision, state, pool, content } = keep;
        let now = self.0.clock.now();
        let last = now.plus(self.0.settings.max_age);
        let (state, due) = match state {
            KeepState::Ready => (State::Ready, now),
            KeepState::InFlight => (State::InFlight, now),
            KeepState::Paced { until } => (State::Paced, until.min(last)),
            KeepState::Held { until } => (State::Held, until.min(last)),
            KeepState::Quarantined => {
                (State::Quarantined, now.plus(self.0.settings.quarantine_max_age))
            }
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

    /// The in-session handoff of a message kept as `InFlight` has ended. On error the outcome is
    /// not on disk yet, but remembered, and written down as soon as the disk takes it.
    pub async fn settle(&self, id: MessageId, delivery: Delivery) -> Result<(), KeepError> {
        let now = self.0.clock.now();
        let shared = self.0.store.shared.clone();
        let claimed = self
            .0
            .store
            .write(move |connection, _| store::claim_in_flight(connection, &shared, id, now))
            .await?;
        let claim = match claimed {
            Some(Ok(claim)) => claim,
            Some(Err(bad)) => {
                set_aside_row(&self.0, bad).await;
                return Ok(());
            }
            None => return Ok(()),
        };
        // The relay runs the queue before it takes mail, or at the same moment.
        let notices = self.0.notices.wait().await.clone();
        let (asked, _) = pending(&claim.record);
        let ended = of_delivery(&claim.record, &asked, &delivery, now, &self.0.retry());
        let original = match ended.failures.is_empty() {
            true => None,
            false => self.0.store.load(&claim.record).await.ok(),
        };
        let finish = self.0.finish(claim, original.as_deref(), ended, None, &*notices);
        let Err(error) = self.0.write_down(&finish, &*notices).await else { return Ok(()) };
        let inner = self.0.clone();
        tokio::spawn(async move { inner.write_down_for_sure(&finish, &*notices).await });
        Err(error)
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

    /// A person lets held or quarantined mail go, spread over time; says which (or, on a dry run,
    /// which it would be).
    pub async fn release(
        &self,
        selector: &Selector,
        act: &PersonAct,
    ) -> Result<Vec<MessageId>, StoreError> {
        let condition = self.fitting(selector, KEPT_BACK);
        let limit = selector.limit.unwrap_or(usize::MAX);
        if act.dry_run {
            return self.ids(condition, limit).await;
        }
        let release = Release {
            by: act.by.clone(),
            reason: act.reason.clone(),
            at: act.at,
            from: self.0.clock.now(),
            gap: RELEASE_GAP,
        };
        let released = self.0.release_fitting(condition, release, limit).await?;
        self.audit(entry(act, "release", selector, released.len())).await?;
        Ok(released)
    }

    /// A person gives mail back with a notice; says which. Held and quarantined mail, or what is in
    /// the states that the selector names; what is being handed on right now is left out.
    pub async fn refuse(
        &self,
        selector: &Selector,
        act: &PersonAct,
    ) -> Result<Vec<MessageId>, StoreError> {
        let mut limit = selector.limit.unwrap_or(usize::MAX);
        let states = if selector.states.is_empty() { KEPT_BACK } else { WAITING };
        if act.dry_run {
            return self.ids(self.fitting(selector, states), limit).await;
        }
        let notices = self.0.notices.wait().await.clone();
        // The notices themselves come after it, and would fit.
        let newest = self.0.store.read(store::newest).await?;
        let (mut refused, mut last_row) = (Vec::new(), 0);
        while limit > 0 {
            let mut condition = self.fitting(selector, states);
            condition.and("queue.row > ?", last_row);
            condition.and("queue.row <= ?", newest);
            let (shared, now) = (self.0.store.shared.clone(), self.0.clock.now());
            let portion = limit.min(REFUSALS_AT_ONCE);
            let (claims, last) = self
                .0
                .store
                .write(move |c, _| store::claim_after(c, &shared, &condition, portion, now))
                .await?;
            let Some(last) = last else { break };
            last_row = last;
            limit -= claims.len().min(limit);
            refused.extend(self.refuse_claims(claims, act, &notices).await);
        }
        self.audit(entry(act, "refuse", selector, refused.len())).await?;
        Ok(refused)
    }

    async fn refuse_claims(
        &self,
        claims: store::Claimed<Claim>,
        act: &PersonAct,
        notices: &Arc<dyn Notices>,
    ) -> Vec<MessageId> {
        let mut tasks = tokio::task::JoinSet::new();
        for claim in claims {
            let claim = match claim {
                Ok(claim) => claim,
                Err(bad) => {
                    set_aside_row(&self.0, bad).await;
                    continue;
                }
            };
            let id = claim.record.id();
            let one = entry(act, "refuse", &Selector { ids: vec![id], ..Selector::default() }, 1);
            let (inner, notices) = (self.0.clone(), notices.clone());
            tasks.spawn(async move {
                let why = "refused after review";
                let ended = outcome::given_up(&claim.record, outcome::REFUSED, why, false);
                let original = inner.store.load(&claim.record).await.ok();
                let finish = inner.finish(claim, original.as_deref(), ended, Some(one), &*notices);
                inner.write_down_for_sure(&finish, &*notices).await;
                id
            });
        }
        tasks.join_all().await
    }

    /// Tries what is ready now instead of at its time; says how many.
    pub async fn retry_now(&self, selector: &Selector) -> Result<usize, StoreError> {
        let now = self.0.clock.now();
        let (mut limit, mut hurried) = (selector.limit.unwrap_or(usize::MAX), 0);
        while limit > 0 {
            let mut condition = self.fitting(selector, &[State::Ready]);
            condition.and("queue.due > ?", store::number(now.millis()));
            let portion = self
                .0
                .store
                .write(move |c, fx| store::hurry(c, fx, &condition, limit, now))
                .await?;
            hurried += portion;
            limit -= portion.min(limit);
            if portion < store::PORTION {
                break;
            }
        }
        Ok(hurried)
    }

    /// The engine ends the hold (or, where the selector names that state, the quarantine) of what
    /// fits: it leaves from `from` on, spread over `spread`. Says how many.
    pub async fn let_go(
        &self,
        selector: &Selector,
        why: &str,
        from: Timestamp,
        spread: Duration,
    ) -> Result<usize, StoreError> {
        let named = |state: &State| selector.states.contains(state);
        let held = if named(&State::Quarantined) { KEPT_BACK } else { &[State::Held] };
        let condition = self.fitting(selector, held);
        let counted = self.fitting(selector, held);
        let count = self.0.store.read(move |c| store::count(c, &counted)).await?;
        let release = Release {
            by: "engine".to_owned(),
            reason: why.to_owned(),
            at: self.0.clock.now(),
            from,
            gap: spread / u32::try_from(count).unwrap_or(u32::MAX).max(1),
        };
        let limit = selector.limit.unwrap_or(usize::MAX);
        Ok(self.0.release_fitting(condition, release, limit).await?.len())
    }

    /// The engine quarantines what fits and has not left yet; says how many. What is being handed
    /// on right now is quarantined only if that fails.
    pub async fn quarantine(
        &self,
        selector: &Selector,
        case: Option<&CaseId>,
        hits: &[Hit],
    ) -> Result<usize, StoreError> {
        let expires = self.0.clock.now().plus(self.0.settings.quarantine_max_age);
        let mut quarantined = 0;
        loop {
            let condition = self.fitting(selector, UNDECIDED);
            let (case, hits) = (case.cloned(), hits.to_vec());
            let portion = self
                .0
                .store
                .write(move |c, fx| {
                    store::quarantine(c, fx, &condition, (case.as_ref(), &hits), expires)
                })
                .await?;
            quarantined += portion;
            if portion < store::PORTION {
                return Ok(quarantined);
            }
        }
    }

    /// [`Self::let_go`] for the held mail of one batch.
    pub async fn release_batch(
        &self,
        batch: &BatchId,
        from: Timestamp,
        spread: Duration,
    ) -> Result<usize, StoreError> {
        let selector = Selector { batch: Some(batch.clone()), ..Selector::default() };
        self.let_go(&selector, "hold ended", from, spread).await
    }

    /// [`Self::quarantine`] for the mail of one batch.
    pub async fn quarantine_batch(
        &self,
        batch: &BatchId,
        case: Option<&CaseId>,
        hits: &[Hit],
    ) -> Result<usize, StoreError> {
        let selector = Selector { batch: Some(batch.clone()), ..Selector::default() };
        self.quarantine(&selector, case, hits).await
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

    #[cfg(test)]
    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// What `selector` names, in these states only.
    fn fitting(&self, selector: &Selector, only: &[State]) -> Condition {
        let mut condition = Condition::new(selector, self.0.clock.now());
        condition.and_states(only);
        condition
    }

    async fn ids(&self, condition: Condition, limit: usize) -> Result<Vec<MessageId>, StoreError> {
        self.0.store.read(move |c| store::ids(c, &condition, limit)).await
    }
}

impl Inner {
    /// Lets go what fits, portion by portion.
    pub(crate) async fn release_fitting(
        &self,
        condition: Condition,
        release: Release,
        limit: usize,
    ) -> Result<Vec<MessageId>, StoreError> {
        let (condition, release) = (Arc::new(condition), Arc::new(release));
        let mut released: Vec<MessageId> = Vec::new();
        loop {
            let (condition, given, done) = (condition.clone(), release.clone(), released.len());
            let portion = self
                .store
                .write(move |c, fx| store::release(c, fx, &condition, &given, (done, limit - done)))
                .await?;
            let last = portion.len() < store::PORTION;
            for one in &portion {
                self.tell_released(one, &release.by);
            }
            released.extend(portion.into_iter().map(|one| one.id));
            if last || released.len() >= limit {
                return Ok(released);
            }
        }
    }

    fn tell_released(&self, one: &Released, by: &str) {
        // One that does not read back is found, and set aside, when it is to be handed on.
        if let Some(notices) = self.notices.get()
            && let Ok(submission) = serde_json::from_str(&one.submission)
        {
            let what = What::Released { by: by.to_owned(), from: one.from };
            notices.event(QueueEvent { submission: Arc::new(submission), what });
        }
    }
}

fn entry(act: &PersonAct, verb: &str, selector: &Selector, messages: usize) -> AuditEntry {
    AuditEntry {
        at: act.at,
        by: act.by.clone(),
        act: verb.to_owned(),
        target: serde_json::to_string(selector).unwrap_or_default(),
        reason: act.reason.clone(),
        messages: messages as u64,
    }
}

const KEPT_BACK: &[State] = &[State::Held, State::Quarantined];
const WAITING: &[State] = &[State::Ready, State::Paced, State::Held, State::Quarantined];
const UNDECIDED: &[State] = &[State::Ready, State::InFlight, State::Paced, State::Held];
/// A person's release leaves at twenty messages a second: a flood of its own gets the whole
/// cluster greylisted.
const RELEASE_GAP: Duration = Duration::from_millis(50);
const REFUSALS_AT_ONCE: usize = 100;
/// Release records outlive their messages by 180 days.
const RELEASES_MAX_AGE_MILLIS: u64 = 180 * 24 * 3600 * 1000;
