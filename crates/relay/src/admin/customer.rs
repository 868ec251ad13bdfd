//! GET a customer: its contract, and how things stand with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Json;
use postern_api::{CustomerView, StateCount};
use postern_mail::{CustomerId, Timestamp};
use postern_queue::Selector;

use super::{Answer, missing, rows};
use crate::relay::Relay;

pub(super) async fn customer(
    State(relay): State<Arc<Relay>>,
    Path(id): Path<String>,
) -> Answer<CustomerView> {
    let id = CustomerId::new(id);
    let known = relay.live.load().directory.customer(&id).cloned();
    let customer = known.ok_or_else(|| missing(format!("the directory has no customer {id}")))?;
    let (cases, suspensions) = {
        let engine = relay.engine.lock();
        (engine.cases(), engine.suspensions())
    };
    let of_it = Selector { customer: Some(id.clone()), ..Selector::default() };
    let mut kept = BTreeMap::new();
    for item in relay.queue.list(&of_it).await? {
        *kept.entry(item.state).or_insert(0) += 1;
    }
    let is_about_it = |case: &&postern_scoring::Case| case.origins.iter().any(|(of, _)| *of == id);
    Ok(Json(CustomerView {
        id: id.to_string(),
        name: customer.name.clone(),
        reseller: customer.reseller.as_ref().map(ToString::to_string),
        plan: customer.plan.clone(),
        since: date(customer.since_day),
        domains: customer.domains.iter().map(ToString::to_string).collect(),
        networks: customer.networks.iter().map(ToString::to_string).collect(),
        logins: customer.logins.iter().map(|login| login.login.to_string()).collect(),
        suspensions: suspensions
            .iter()
            .filter(|s| s.customer == id)
            .map(rows::suspension)
            .collect(),
        cases: cases.iter().filter(is_about_it).map(rows::case).collect(),
        kept: kept
            .into_iter()
            .map(|(state, messages)| StateCount { state: state.to_string(), messages })
            .collect(),
    }))
}

/// `2020-02-29`
fn date(day: u32) -> String {
    let at = Timestamp::default().plus(Duration::from_secs(u64::from(day) * 86_400));
    let (year, month, day, ..) = at.civil();
    format!("{year:04}-{month:02}-{day:02}")
}
