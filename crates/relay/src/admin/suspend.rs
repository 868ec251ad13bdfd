//! POST suspend, POST resume, GET suspensions: who may not send.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::response::Json;
use postern_api::{SuspensionRow, Target};
use postern_mail::{CustomerId, Origin};
use postern_queue::AuditEntry;
use postern_scoring::{Lesson, Suspension};
use tracing::{error, warn};

use super::{Answer, Caller, Refused, missing, read, reason, rows};
use crate::relay::Relay;
use crate::snapshot;

pub(super) async fn suspensions(State(relay): State<Arc<Relay>>) -> Json<Vec<SuspensionRow>> {
    Json(relay.engine.lock().suspensions().iter().map(rows::suspension).collect())
}

pub(super) async fn suspend(
    State(relay): State<Arc<Relay>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    body: Bytes,
) -> Answer<Vec<SuspensionRow>> {
    let target = Asked::read(caller, &body)?;
    if relay.live.load().directory.customer(&target.customer).is_none() {
        return Err(missing(format!("the directory has no customer {}", target.customer)));
    }
    target.record(&relay, "suspend").await;
    let lesson = Lesson::Suspend {
        customer: target.customer.clone(),
        origin: target.origin.clone(),
        reason: format!("{}: {}", target.by, target.reason),
    };
    relay.learn(&[lesson]);
    snapshot::save_now(&relay).await;
    Ok(Json(of_customer(&relay, &target.customer).iter().map(rows::suspension).collect()))
}

/// Without an origin everything of the customer is resumed.
pub(super) async fn resume(
    State(relay): State<Arc<Relay>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    body: Bytes,
) -> Answer<Vec<SuspensionRow>> {
    let target = Asked::read(caller, &body)?;
    let meant =
        |suspension: &Suspension| target.origin.is_none() || suspension.origin == target.origin;
    let mut lessons = Vec::new();
    for suspension in of_customer(&relay, &target.customer).into_iter().filter(meant) {
        let (customer, origin) = (suspension.customer, suspension.origin);
        lessons.push(Lesson::Resume { customer, origin });
    }
    if lessons.is_empty() {
        return Err(missing(format!("{target} is not suspended")));
    }
    target.record(&relay, "resume").await;
    relay.learn(&lessons);
    snapshot::save_now(&relay).await;
    Ok(Json(of_customer(&relay, &target.customer).iter().map(rows::suspension).collect()))
}

/// A request that was understood.
struct Asked {
    customer: CustomerId,
    origin: Option<Origin>,
    by: String,
    reason: String,
}

impl Asked {
    fn read(caller: Caller, body: &Bytes) -> Result<Self, Refused> {
        let target: Target = read(body)?;
        Ok(Self {
            customer: CustomerId::new(target.customer),
            origin: target.origin.as_deref().map(rows::origin).transpose()?,
            by: caller.name(target.behalf.as_deref()),
            reason: reason(&target.reason)?,
        })
    }

    /// First the record, then the act. The flood that fills the disk is when somebody must be
    /// suspended: then the log has to do.
    async fn record(&self, relay: &Relay, act: &str) {
        warn!(event = act, target = %self, by = %self.by, reason = %self.reason);
        let entry = AuditEntry {
            at: relay.clock.now(),
            by: self.by.clone(),
            act: act.to_owned(),
            target: self.to_string(),
            reason: self.reason.clone(),
            messages: 0,
        };
        if let Err(error) = relay.queue.audit(entry).await {
            error!(event = "unrecorded", act, target = %self, by = %self.by, %error);
        }
    }
}

/// `c1001`, `c1001 script:/x.php`
impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.customer)?;
        self.origin.as_ref().map_or(Ok(()), |origin| write!(f, " {origin}"))
    }
}

fn of_customer(relay: &Relay, customer: &CustomerId) -> Vec<Suspension> {
    relay.engine.lock().suspensions_of(customer)
}
