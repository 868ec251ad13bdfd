//! What people and the engine do with kept mail: let it go, give it back, stop it, hurry it. Each act
//! of a person is written down, each message that leaves hold or quarantine gets a release record.

use std::sync::Arc;
use std::time::Duration;

use postern_mail::{BatchId, CaseId, Hit, MessageId, Timestamp};

use crate::outcome;
use crate::queue::{Inner, Queue};
use crate::runner::set_aside_row;
use crate::store::{self, Claim, Condition, Release, Released, SoFar};
use crate::{AuditEntry, Notices, PersonAct, QueueEvent, Selector, State, StoreError, What};

impl Queue {
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
            audit: Some(entry(act, "release", selector)),
        };
        self.0.release_fitting(condition, release, limit).await
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
        let (mut refused, mut last_row, mut written) = (Vec::new(), 0, None);
        while limit > 0 {
            let mut condition = self.fitting(selector, states);
            condition.and("queue.row > ?", last_row);
            condition.and("queue.row <= ?", newest);
            let (shared, now) = (self.0.store.shared.clone(), self.0.clock.now());
            let portion = limit.min(REFUSALS_AT_ONCE);
            let entry = entry(act, "refuse", selector);
            let claiming = self.0.store.write(move |c, _| {
                let (claims, last) = store::claim_after(c, &shared, &condition, portion, now)?;
                if written.is_none() && claims.iter().any(Result::is_ok) {
                    written = Some(store::audit(c, &entry)?);
                }
                Ok((claims, last, written))
            });
            let claimed = claiming.await.map_err(StoreError::from);
            let (claims, last, entry) = claimed.map_err(|error| error.after(refused.len()))?;
            let Some(last) = last else { break };
            (last_row, written) = (last, entry);
            limit -= claims.len().min(limit);
            refused.extend(self.refuse_claims(claims, entry, &notices).await);
        }
        Ok(refused)
    }

    async fn refuse_claims(
        &self,
        claims: store::Claimed<Claim>,
        entry: Option<i64>,
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
            let (inner, notices) = (self.0.clone(), notices.clone());
            tasks.spawn(async move {
                let why = "refused after review";
                let ended = outcome::given_up(&claim.record, outcome::REFUSED, why, false);
                let original = inner.store.load(&claim.record).await.ok();
                let finish = inner.finish(claim, original.as_deref(), ended, entry, &*notices);
                inner.write_down_for_sure(&finish, &*notices).await;
                id
            });
        }
        tasks.join_all().await
    }

    /// A person has what waits for its next try tried now; says which.
    pub async fn retry_now(
        &self,
        selector: &Selector,
        act: &PersonAct,
    ) -> Result<Vec<MessageId>, StoreError> {
        let limit = selector.limit.unwrap_or(usize::MAX);
        let now = self.0.clock.now();
        let condition = || {
            let mut condition = self.fitting(selector, &[State::Ready]);
            condition.and("queue.due > ?", store::number(now.millis()));
            condition
        };
        if act.dry_run {
            return self.ids(condition(), limit).await;
        }
        let (mut hurried, mut so_far) = (Vec::new(), SoFar::default());
        let entry = Arc::new(AuditEntry { at: now, ..entry(act, "retry", selector) });
        loop {
            let (condition, entry, left) = (condition(), entry.clone(), limit - hurried.len());
            let portion = self
                .0
                .store
                .write(move |c, fx| store::hurry(c, fx, &condition, &entry, (so_far, left)))
                .await;
            let portion = portion.map_err(|error| StoreError::from(error).after(so_far.done));
            let (ids, entry) = portion?;
            let last = ids.len() < store::PORTION;
            hurried.extend(ids);
            so_far = SoFar { done: hurried.len(), entry };
            if last || hurried.len() >= limit {
                return Ok(hurried);
            }
        }
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
            audit: None,
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
        let expires = self.0.clock.now().plus(self.0.settings().quarantine_max_age);
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
        let mut so_far = SoFar::default();
        loop {
            let (condition, given, left) =
                (condition.clone(), release.clone(), limit - released.len());
            let portion = self
                .store
                .write(move |c, fx| store::release(c, fx, &condition, &given, (so_far, left)))
                .await;
            let portion = portion.map_err(|error| StoreError::from(error).after(so_far.done));
            let (portion, entry) = portion?;
            let last = portion.len() < store::PORTION;
            for one in &portion {
                self.tell_released(one, &release.by);
            }
            released.extend(portion.into_iter().map(|one| one.id));
            so_far = SoFar { done: released.len(), entry };
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

/// Its count comes with what is done.
fn entry(act: &PersonAct, verb: &str, selector: &Selector) -> AuditEntry {
    AuditEntry {
        at: act.at,
        by: act.by.clone(),
        act: verb.to_owned(),
        target: selector.to_string(),
        reason: act.reason.clone(),
        messages: 0,
    }
}

const KEPT_BACK: &[State] = &[State::Held, State::Quarantined];
const WAITING: &[State] =
    &[State::Ready, State::Paced, State::Held, State::Quarantined, State::Damaged];
const UNDECIDED: &[State] = &[State::Ready, State::InFlight, State::Paced, State::Held];
/// A person's release leaves at twenty messages a second: a flood of its own gets the whole
/// cluster greylisted.
const RELEASE_GAP: Duration = Duration::from_millis(50);
const REFUSALS_AT_ONCE: usize = 100;
