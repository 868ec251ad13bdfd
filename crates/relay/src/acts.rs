//! What the engine wants done, and its timers.
//!
//! One task carries acts out, set by set.

use std::sync::Arc;
use std::time::Duration;

use postern_config::Mode;
use postern_mail::{CampaignId, MessageId};
use postern_queue::Selector;
use postern_scoring::Act;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::relay::Relay;

/// Sets of acts that may wait in order; more wait beside it.
pub(crate) const WAITING_MAX: usize = 1024;

impl Relay {
    /// Hands acts to the task that carries them out, without waiting for it.
    pub(crate) fn act(&self, acts: Vec<Act>) {
        if acts.is_empty() {
            return;
        }
        match self.acts.try_send(acts) {
            Ok(()) => {}
            Err(TrySendError::Full(acts)) => {
                let sender = self.acts.clone();
                self.late.spawn(async move {
                    // Closed: the process ends, and the queue's own end of each hold does it.
                    let _ = sender.send(acts).await;
                });
            }
            Err(TrySendError::Closed(acts)) => error!(?acts, "too late to be carried out"),
        }
    }
}

/// Carries acts out; after `shutdown` what waits by then, and ends.
pub(crate) async fn carry_out(
    relay: Arc<Relay>,
    mut acts: mpsc::Receiver<Vec<Act>>,
    shutdown: CancellationToken,
) {
    loop {
        let wanted = tokio::select! {
            biased;
            wanted = acts.recv() => wanted,
            () = shutdown.cancelled(), if !acts.is_closed() => {
                acts.close();
                continue;
            }
        };
        let Some(wanted) = wanted else { return };
        if relay.live.load().config.mode == Mode::Observe {
            continue;
        }
        if wanted.iter().any(moves_mail) {
            // What was judged before is kept by the time this is ours. Nothing that is judged
            // later joins what these acts are about, so nobody waits while they are carried out.
            drop(relay.keeping.write().await);
        }
        for act in wanted {
            carry_out_one(&relay, act).await;
        }
    }
}

fn moves_mail(act: &Act) -> bool {
    !matches!(act, Act::Suspend { .. } | Act::OpenCase(_))
}

async fn carry_out_one(relay: &Relay, act: Act) {
    let now = relay.clock.now();
    let queue = &relay.queue;
    let done = match &act {
        Act::Suspend { customer, origin, case, .. } => {
            let origin = origin.as_ref().map(ToString::to_string);
            return warn!(event = "suspended", %customer, origin, %case);
        }
        Act::OpenCase(case) => return warn!(event = "case-opened", %case),
        Act::Release { batch, spread } => queue.release_batch(batch, now, *spread).await,
        Act::ReleaseCampaign { campaign, spread } => {
            queue.let_go(&of_campaign(campaign), "its campaign was cleared", now, *spread).await
        }
        Act::ReleaseMessage { message } => {
            let zero = Duration::ZERO;
            queue.let_go(&of_message(*message), "it was cleared", now, zero).await
        }
        Act::Quarantine { batch, case, hits } => {
            queue.quarantine_batch(batch, Some(case), hits).await
        }
        Act::QuarantineCampaign { campaign, case, hits } => {
            queue.quarantine(&of_campaign(campaign), case.as_ref(), hits).await
        }
        Act::QuarantineMessage { message, hits } => {
            queue.quarantine(&of_message(*message), None, hits).await
        }
    };
    match done {
        Ok(messages) => info!(event = "act", act = ?act, messages),
        Err(error) => error!(act = ?act, %error, "an act of the engine could not be carried out"),
    }
}

fn of_campaign(campaign: &CampaignId) -> Selector {
    Selector { campaign: Some(campaign.clone()), ..Selector::default() }
}

fn of_message(message: MessageId) -> Selector {
    Selector { ids: vec![message], ..Selector::default() }
}

/// Calls the engine's tick when it is due, until `shutdown`.
pub(crate) async fn tick(relay: Arc<Relay>, shutdown: CancellationToken) {
    loop {
        let due = relay.engine.lock().due();
        let wait = due.map_or(IDLE, |due| due.since(relay.clock.now()));
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = relay.sooner.notified() => continue,
            () = tokio::time::sleep(wait) => {}
        }
        relay.tick();
    }
}

/// How long to wait where no timer is set; a new one wakes us.
const IDLE: Duration = Duration::from_secs(3600);
