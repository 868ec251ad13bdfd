//! The queue's door.

use std::sync::Arc;
use std::time::Duration;

use postern_mail::{BatchId, CaseId, Clock, Content, Hit, MessageId, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::handoff::Delivery;
use crate::{
    AuditEntry, Counts, Handoff, Item, Journal, Keep, KeepError, Notices, OpenError, PersonAct,
    Selector, Settings, StoreError,
};

/// All kept mail. A clone is another handle to the same queue.
#[derive(Clone)]
pub struct Queue {
    journal: Arc<Journal>,
}

impl Queue {
    /// Opens the folder and finds again what an earlier process kept.
    pub fn open(
        _settings: Settings,
        _clock: Arc<dyn Clock>,
        _seed: u64,
    ) -> Result<Self, OpenError> {
        Err(OpenError::Thread(std::io::ErrorKind::Unsupported.into()))
    }

    /// `Ok` only once body and row are synced, in this order.
    pub async fn keep(&self, _keep: Keep) -> Result<(), KeepError> {
        Err(KeepError::Failed(String::new()))
    }

    /// The in-session handoff of a message kept as `InFlight` has ended.
    pub async fn settle(&self, _id: MessageId, _delivery: Delivery) -> Result<(), KeepError> {
        Err(KeepError::Failed(String::new()))
    }

    /// Retries, releases what is due, lets expire, bounces, until cancelled; then waits, bounded,
    /// for running handoffs.
    pub async fn run(
        &self,
        _handoff: Handoff,
        _notices: Arc<dyn Notices>,
        shutdown: CancellationToken,
    ) {
        shutdown.cancelled().await;
    }

    /// What waits and fits, oldest first.
    pub async fn list(&self, _selector: &Selector) -> Result<Vec<Item>, StoreError> {
        Err(StoreError::Closed)
    }

    /// One message with its octets.
    pub async fn find(
        &self,
        _id: MessageId,
    ) -> Result<Option<(Item, Arc<dyn Content>)>, StoreError> {
        Err(StoreError::Closed)
    }

    /// A person lets held or quarantined mail go, spread over time; says which (or, on a dry run,
    /// which it would be).
    pub async fn release(
        &self,
        _selector: &Selector,
        _act: &PersonAct,
    ) -> Result<Vec<MessageId>, StoreError> {
        Err(StoreError::Closed)
    }

    /// A person gives mail back with a notice; says which.
    pub async fn refuse(
        &self,
        _selector: &Selector,
        _act: &PersonAct,
    ) -> Result<Vec<MessageId>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Tries what is ready now instead of at its time; says how many.
    pub async fn retry_now(&self, _selector: &Selector) -> Result<usize, StoreError> {
        Err(StoreError::Closed)
    }

    /// The engine ends the hold of what fits, from `from` on, spread over `spread`; says how many.
    pub async fn let_go(
        &self,
        _selector: &Selector,
        _why: &str,
        _from: Timestamp,
        _spread: Duration,
    ) -> Result<usize, StoreError> {
        Err(StoreError::Closed)
    }

    /// The engine quarantines what fits and has not left yet; says how many.
    pub async fn quarantine(
        &self,
        _selector: &Selector,
        _case: Option<&CaseId>,
        _hits: &[Hit],
    ) -> Result<usize, StoreError> {
        Err(StoreError::Closed)
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
        Counts::default()
    }

    /// Writes a person's act down (suspend, resume, …).
    pub async fn audit(&self, _entry: AuditEntry) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    /// The latest acts, newest first.
    pub async fn audit_log(&self, _limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        Err(StoreError::Closed)
    }

    /// The record of all mail.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }
}
