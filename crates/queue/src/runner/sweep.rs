//! What time does to kept mail: ends holds, gives back what is too old.

use std::time::Duration;

use postern_mail::Timestamp;
use tracing::info;

use super::{Deliver, Runner, set_aside_row};
use crate::outcome;
use crate::queue::Inner;
use crate::store::{self, Claim, Condition, PORTION, Release};
use crate::{Notices, State, StoreError};

impl<D: Deliver> Runner<D> {
    /// Ends holds that are over and gives back what is too old.
    pub(super) async fn sweep(&self, now: Timestamp) -> Result<(), StoreError> {
        self.queue.store.land(now).await?;
        self.end_holds(now).await?;
        let age = self.queue.settings().max_age;
        let over = Timestamp::from_millis(now.millis().saturating_sub(millis(age + age / 20)));
        self.queue.end_flights(age, now).await?;
        // The last try at its full age ends most; this finds what could not be tried.
        self.give_up(Condition::waiting_since(over), now, Over::Undeliverable).await?;
        let expired = Condition::kept_back_until(State::Quarantined, now);
        self.give_up(expired, now, Over::Unreleased).await?;
        self.give_up(Condition::damaged_until(now), now, Over::Damaged).await
    }

    async fn end_holds(&self, now: Timestamp) -> Result<(), StoreError> {
        let over = Condition::kept_back_until(State::Held, now);
        let release = Release {
            by: "engine".to_owned(),
            reason: "hold ended".to_owned(),
            at: now,
            from: now,
            gap: HOLD_GAP,
            audit: None,
        };
        let released = self.queue.release_fitting(over, release, PORTION).await?;
        if !released.is_empty() {
            info!(event = "holds-ended", messages = released.len());
        }
        Ok(())
    }

    async fn give_up(
        &self,
        condition: Condition,
        now: Timestamp,
        over: Over,
    ) -> Result<(), StoreError> {
        let shared = self.queue.store.shared.clone();
        let claims = self
            .queue
            .store
            .write(move |connection, _| {
                store::claim(connection, &shared, &condition, GIVE_UPS_MAX, now)
            })
            .await?;
        for claim in claims {
            match claim {
                Ok(claim) => {
                    let (queue, notices) = (self.queue.clone(), self.notices.clone());
                    self.tasks.spawn(async move { give_up(&queue, &*notices, claim, over).await });
                }
                Err(bad) => set_aside_row(&self.queue, bad).await,
            }
        }
        Ok(())
    }
}

/// Why a message's time is over.
#[derive(Debug, Clone, Copy)]
enum Over {
    Undeliverable,
    Unreleased,
    Damaged,
}

async fn give_up(queue: &Inner, notices: &dyn Notices, claim: Claim, over: Over) {
    let ended = match over {
        Over::Undeliverable => {
            let why = "not delivered in time";
            outcome::given_up(&claim.record, outcome::EXPIRED, why, true)
        }
        Over::Unreleased => {
            let why = "held for review, and not released in time";
            outcome::given_up(&claim.record, outcome::REFUSED, why, false)
        }
        Over::Damaged => {
            let why = "it was damaged where it was stored, and cannot be handed on";
            outcome::given_up(&claim.record, outcome::DAMAGED, why, false)
        }
    };
    // A notice without the original's header is better than none.
    let original = queue.store.load(&claim.record).await.ok();
    let finish = queue.finish(claim, original.as_deref(), ended, None, notices);
    queue.write_down_for_sure(&finish, notices).await;
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Messages given up by one sweep.
const GIVE_UPS_MAX: usize = 200;
/// Held mail of one batch leaves one after the other.
const HOLD_GAP: Duration = Duration::from_millis(10);
