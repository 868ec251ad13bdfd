//! Messages that are kept while a handoff of them still runs in session: nobody else works on them
//! until that has ended, and what it brought is never lost to a failing disk.

use std::sync::Arc;
use std::time::Duration;

use postern_mail::{MessageId, Timestamp};
use tracing::warn;

use crate::finish::{Finish, WAIT_FIRST, WAIT_MAX};
use crate::outcome::of_delivery;
use crate::queue::{Inner, Queue};
use crate::runner::{pending, set_aside_row};
use crate::store::{self, Claim, Condition, Hold};
use crate::{Delivery, KeepError, Notices, StoreError};

impl Queue {
    /// The in-session handoff of a message kept as `InFlight` has ended. On error the outcome is
    /// not on disk yet, but remembered, and written down as soon as the disk takes it.
    pub async fn settle(&self, id: MessageId, delivery: Delivery) -> Result<(), KeepError> {
        // None: somebody has said so before.
        let Some(hold) = self.0.store.shared.landed(id) else { return Ok(()) };
        let landing = Landing { id, hold, delivery };
        // The relay runs the queue before it takes mail, or at the same moment.
        let notices = self.0.notices.wait().await.clone();
        let (error, finish) = match self.0.land(&landing, &*notices).await {
            Err(error) => (KeepError::Failed(error.to_string()), None),
            Ok(None) => return Ok(()),
            Ok(Some(finish)) => match self.0.write_down(&finish, &*notices).await {
                Ok(()) => return Ok(()),
                Err(error) => (error, Some(finish)),
            },
        };
        let inner = self.0.clone();
        self.0.late.spawn(async move {
            let finish = match finish {
                Some(finish) => Some(finish),
                None => inner.land_for_sure(&landing, &*notices).await,
            };
            if let Some(finish) = finish {
                inner.write_down_for_sure(&finish, &*notices).await;
            }
        });
        Err(error)
    }
}

/// A handoff in session that has ended.
struct Landing {
    id: MessageId,
    hold: Arc<Hold>,
    delivery: Delivery,
}

impl Inner {
    /// What is to be written down of it; `None` when its row is gone or damaged.
    async fn land(
        &self,
        landing: &Landing,
        notices: &dyn Notices,
    ) -> Result<Option<Finish>, StoreError> {
        let condition = Condition::id(landing.id);
        let rows = self.store.read(move |c| store::list(c, &condition, 1)).await?;
        let record = match rows.into_iter().next() {
            Some(Ok(record)) => record,
            Some(Err(bad)) => {
                set_aside_row(self, bad).await;
                return Ok(None);
            }
            None => return Ok(None),
        };
        let claim = Claim::new(record, landing.hold.clone());
        let (asked, _) = pending(&claim.record);
        let (now, retry) = (self.clock.now(), self.retry());
        let ended = of_delivery(&claim.record, &asked, &landing.delivery, now, &retry);
        let original = match ended.failures.is_empty() {
            true => None,
            false => self.store.load(&claim.record).await.ok(),
        };
        Ok(Some(self.finish(claim, original.as_deref(), ended, None, notices)))
    }

    async fn land_for_sure(&self, landing: &Landing, notices: &dyn Notices) -> Option<Finish> {
        let mut wait = WAIT_FIRST;
        loop {
            match self.land(landing, notices).await {
                Ok(finish) => return finish,
                Err(error) => warn!(id = %landing.id, %error, "a row is not read; tried again"),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(WAIT_MAX);
        }
    }

    /// No handoff lasts `age`: the end of these was never told, and they are tried like any other.
    pub(crate) async fn end_flights(
        &self,
        age: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for (id, hold) in self.store.shared.aloft_longer_than(age, now) {
            warn!(%id, "nobody told how its handoff in session ended; it is tried again");
            self.store.write(move |c, fx| store::unsettled(c, fx, (id, hold), now)).await?;
            self.store.shared.landed(id);
        }
        Ok(())
    }
}
