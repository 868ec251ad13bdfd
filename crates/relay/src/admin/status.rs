//! GET status: counts since the start, what waits, the upstreams.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Json;
use postern_api::{Decided, ServerRow, Status};
use postern_config::Mode;
use postern_mail::Verb;
use postern_queue::ServerHealth;

use crate::relay::Relay;

pub(super) async fn status(State(relay): State<Arc<Relay>>) -> Json<Status> {
    let live = relay.live.load();
    let counters = &relay.counters;
    let waiting = relay.queue.counts();
    let (cases, suspended) = {
        let engine = relay.engine.lock();
        (engine.open_case_count(), engine.suspension_count())
    };
    Json(Status {
        mode: match live.config.mode {
            Mode::Observe => "observe",
            Mode::Enforce => "enforce",
        }
        .into(),
        hostname: live.config.hostname.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        standby: relay.queue.is_standby(),
        config: live.config.version.clone(),
        customers: live.directory.customers().len() as u64,
        accepted: counters.accepted.value(),
        forwarded: counters.forwarded.value(),
        refused: counters.refused.value(),
        deferred: counters.deferred.value(),
        bounced: counters.bounced.value(),
        unjudged: counters.unjudged.value(),
        auth_failed: counters.auth_failed.value(),
        decided: Decided {
            pace: counters.decided.value(Verb::Pace),
            hold: counters.decided.value(Verb::Hold),
            quarantine: counters.decided.value(Verb::Quarantine),
            refuse: counters.decided.value(Verb::Refuse),
            defer: counters.decided.value(Verb::Defer),
        },
        queued: waiting.queued,
        paced: waiting.paced,
        held: waiting.held,
        quarantined: waiting.quarantined,
        damaged: waiting.damaged,
        cases: cases as u64,
        suspended: suspended as u64,
        upstreams: relay.handoff.health().iter().map(server).collect(),
    })
}

fn server(health: &ServerHealth) -> ServerRow {
    let failure = health.last_failure.as_ref();
    ServerRow {
        pool: health.pool.clone(),
        server: health.server.clone(),
        up: health.up,
        failures: health.failures,
        last_success: health.last_success.map(|at| at.to_string()),
        last_failure: failure.map(|(at, _)| at.to_string()),
        last_error: failure.map(|(_, error)| error.clone()),
        busy: health.busy as u64,
        idle: health.idle as u64,
    }
}
