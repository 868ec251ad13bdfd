//! GET a customer: its contract, and how things stand with it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{self, Path};
use axum::response::Json;
use postern_api::{CustomerView, StateCount};
use postern_mail::{CustomerId, Timestamp};
use postern_queue::{Selector, State};

use super::{Answer, missing, rows};
use crate::relay::Relay;

pub(super) async fn customer(
    extract::State(relay): extract::State<Arc<Relay>>,
    Path(id): Path<String>,
) -> Answer<CustomerView> {
    let id = CustomerId::new(id);
    let known = relay.live.load().directory.customer(&id).cloned();
    let customer = known.ok_or_else(|| missing(format!("the directory has no customer {id}")))?;
    let (cases, suspensions) = {
        let engine = relay.engine.lock();
        (engine.cases_of(&id), engine.suspensions_of(&id))
    };
    let mut kept = Vec::new();
    for state in State::ALL {
        let customer = Some(id.clone());
        let of_it = Selector { customer, states: vec![state], ..Selector::default() };
        let messages = relay.queue.count(&of_it).await?;
        if messages > 0 {
            kept.push(StateCount { state: state.to_string(), messages });
        }
    }
    Ok(Json(CustomerView {
        id: id.to_string(),
        name: customer.name.clone(),
        reseller: customer.reseller.as_ref().map(ToString::to_string),
        plan: customer.plan.clone(),
        since: date(customer.since_day),
        domains: customer.domains.iter().map(ToString::to_string).collect(),
        networks: customer.networks.iter().map(ToString::to_string).collect(),
        logins: customer.logins.iter().map(|login| login.login.to_string()).collect(),
        suspensions: suspensions.iter().map(rows::suspension).collect(),
        cases: cases.iter().map(rows::case).collect(),
        kept,
    }))
}

/// `2020-02-29`
fn date(day: u32) -> String {
    let at = Timestamp::default().plus(Duration::from_secs(u64::from(day) * 86_400));
    let (year, month, day, ..) = at.civil();
    format!("{year:04}-{month:02}-{day:02}")
}
