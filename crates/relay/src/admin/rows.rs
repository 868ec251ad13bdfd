//! Ours to theirs: rows and selectors of the API.

use std::time::Duration;

use postern_api::{CaseRow, Kept, MessageRow, RecipientRow, Rule, SuspensionRow};
use postern_mail::{CampaignId, CaseId, CustomerId, Hit, MessageId, Origin, Timestamp};
use postern_queue::{Item, Progress, Selector, State};
use postern_scoring::{Case, Suspension};

use super::{Refused, bad};

/// The store's selector, limited to `states`.
pub(super) fn selector(
    asked: postern_api::Selector,
    states: &[State],
) -> Result<Selector, Refused> {
    let ids = asked.ids.iter().map(|text| id(text)).collect::<Result<_, _>>()?;
    Ok(Selector {
        ids,
        customer: asked.customer.map(CustomerId::new),
        origin: asked.origin.as_deref().map(origin).transpose()?,
        rule: asked.rule,
        campaign: asked.campaign.map(CampaignId::new),
        case: asked.case.map(CaseId::new),
        batch: None,
        states: states.to_vec(),
        older_than: asked.older_than_seconds.map(Duration::from_secs),
        younger_than: asked.younger_than_seconds.map(Duration::from_secs),
        limit: asked.limit,
    })
}

/// The states of messages that are kept there.
pub(super) fn states(kept: Kept) -> &'static [State] {
    match kept {
        Kept::Queue => &[State::Ready, State::InFlight, State::Paced],
        Kept::Quarantine => &[State::Held, State::Quarantined, State::Damaged],
        Kept::Anywhere => &State::ALL,
    }
}

pub(super) fn id(text: &str) -> Result<MessageId, Refused> {
    MessageId::parse(text)
        .ok_or_else(|| bad(format!("{text:?} is no message id: these have 16 letters and digits")))
}

pub(super) fn origin(text: &str) -> Result<Origin, Refused> {
    Origin::parse(text).ok_or_else(|| {
        bad(format!("{text:?} is no origin: write login:NAME, script:PATH or ip:ADDRESS"))
    })
}

pub(super) fn message(item: &Item) -> MessageRow {
    let submission = &item.submission;
    let envelope = &submission.envelope;
    let decision = &item.decision;
    MessageRow {
        id: submission.id.to_string(),
        customer: submission.identity.customer.as_ref().map(ToString::to_string),
        origin: submission.identity.origin.to_string(),
        lane: decision.lane.to_string(),
        state: item.state.to_string(),
        received_at: submission.received_at.to_string(),
        due: item.due.to_string(),
        mail_from: envelope.mail_from.as_ref().map(ToString::to_string).unwrap_or_default(),
        recipients: envelope.recipients.iter().map(|one| one.address.to_string()).collect(),
        decision: decision.verb.to_string(),
        score: decision.score().into(),
        rules: rules(&decision.hits),
        campaign: decision.campaign.as_ref().map(ToString::to_string),
        case: decision.case.as_ref().map(ToString::to_string),
        size: submission.size,
        pool: item.pool.clone(),
        attempts: item.attempts,
        last_answer: item.last_answer.clone(),
    }
}

/// How far each recipient has come.
pub(super) fn progress(item: &Item) -> Vec<RecipientRow> {
    let recipients = item.submission.envelope.recipients.iter();
    recipients
        .zip(&item.progress)
        .map(|(recipient, progress)| {
            let (state, answer) = match progress {
                Progress::Pending(answer) => ("pending", answer.clone()),
                Progress::Accepted => ("accepted", None),
                Progress::Refused(answer) => ("refused", Some(answer.clone())),
            };
            RecipientRow { recipient: recipient.address.to_string(), state: state.into(), answer }
        })
        .collect()
}

fn rules(hits: &[Hit]) -> Vec<Rule> {
    let rule = |hit: &Hit| Rule {
        id: hit.rule.to_string(),
        points: hit.points.into(),
        why: hit.why.clone(),
    };
    hits.iter().map(rule).collect()
}

pub(super) fn case(case: &Case) -> CaseRow {
    let first = case.origins.first();
    let origins = case.origins.iter().map(|(id, origin)| (id.to_string(), origin.to_string()));
    CaseRow {
        id: case.id.to_string(),
        state: if case.closed { "closed" } else { "open" }.into(),
        opened_at: case.opened_at.to_string(),
        last_at: case.last_at.to_string(),
        customer: first.map(|(customer, _)| customer.to_string()),
        origin: first.map(|(_, origin)| origin.to_string()),
        origins: origins.collect(),
        messages: case.messages,
        recipients: case.recipients,
        escaped: case.escaped,
        rules: rules(&case.hits),
        campaigns: case.campaigns.iter().map(ToString::to_string).collect(),
        samples: case.samples.iter().map(ToString::to_string).collect(),
    }
}

/// The engine's "until a person ends it": a year of five digits, which RFC 3339 does not have.
const FOR_EVER: Timestamp = Timestamp::from_millis(253_402_300_800_000);

pub(super) fn suspension(suspension: &Suspension) -> SuspensionRow {
    SuspensionRow {
        customer: suspension.customer.to_string(),
        origin: suspension.origin.as_ref().map(ToString::to_string),
        since: suspension.since.to_string(),
        until: suspension.until.filter(|until| *until < FOR_EVER).map(|until| until.to_string()),
        case: suspension.case.as_ref().map(ToString::to_string),
        reason: suspension.reason.clone(),
    }
}
