//! Asking the engine, so that nothing it does can stop mail: a panic costs one judgement.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use postern_config::Unjudged;
use postern_mail::{Decision, Hit, Lane, Points, Submission, Timestamp, Verb};
use postern_scoring::{Facts, Judgement, examine};
use tokio::sync::RwLockReadGuard;
use tracing::error;

use crate::live::Live;
use crate::relay::Relay;

/// Measures and judges a message; `forged` identity fields came with it.
pub(crate) async fn judge<'a>(
    relay: &'a Relay,
    live: &Live,
    submission: &Submission,
    head: &[u8],
    forged: usize,
) -> Judged<'a> {
    let keeping = relay.keeping.read().await;
    let judged = catch_unwind(AssertUnwindSafe(|| {
        let budget = &live.config.scoring;
        let mut facts = examine(head, submission.size, &submission.envelope, budget);
        facts.forged_identity = forged as u32;
        let mut engine = relay.engine.lock();
        let before = engine.due();
        let judgement = engine.judge(submission, &facts, submission.received_at);
        (facts, judgement, engine.due() != before)
    }));
    let Ok((facts, Judgement { decision, acts }, timers_changed)) = judged else {
        relay.counters.unjudged.count();
        error!(id = %submission.id, "the engine failed on this message: it was not judged");
        let decision = unjudged(live.config.unjudged, submission.received_at);
        return Judged { decision, facts: None, keeping };
    };
    if timers_changed {
        relay.sooner.notify_one();
    }
    relay.act(acts);
    Judged { decision, facts: Some(facts), keeping }
}

/// What came of it.
pub(crate) struct Judged<'a> {
    pub(crate) decision: Decision,
    /// `None` where the engine failed.
    pub(crate) facts: Option<Facts>,
    /// While it lives no act of the engine is carried out: kept until the message is where the
    /// decision wants it.
    pub(crate) keeping: RwLockReadGuard<'a, ()>,
}

/// It fails towards mail flowing; at most it is held, and then released by itself.
fn unjudged(way: Unjudged, now: Timestamp) -> Decision {
    let (verb, until) = match way {
        Unjudged::Forward => (Verb::Forward, None),
        Unjudged::Hold => (Verb::Hold, Some(now.plus(HOLD))),
    };
    let hit = Hit {
        rule: "ENGINE_FAILED".into(),
        points: Points::default(),
        why: "the engine failed on this message, so it was not judged".to_owned(),
    };
    Decision { verb, until, hits: vec![hit], ..Decision::forward(Lane::default()) }
}

/// Time for somebody to look.
const HOLD: Duration = Duration::from_secs(180);
