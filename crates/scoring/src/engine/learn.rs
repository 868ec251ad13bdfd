//! What became known: outcomes, complaints, people's words.

use std::time::Duration;

use postern_mail::{Address, CustomerId, MessageId, Origin, Timestamp};

use super::Engine;
use crate::act::{Act, Fate, Lesson};
use crate::fates::Fates;
use crate::known::who;
use crate::recent::Brief;
use crate::state::{Allowance, Stream, Suspended};

impl Engine {
    /// Takes in what became known.
    pub fn learn(&mut self, lesson: &Lesson, now: Timestamp) -> Vec<Act> {
        let now = self.advance(now);
        let mut acts = Vec::new();
        match lesson {
            Lesson::Forwarded { message } => {
                if let Some(brief) = self.state.recent.get(*message) {
                    brief.forwarded = true;
                }
            }
            Lesson::Feedback { message, recipient, class } => {
                self.feedback(*message, recipient, *class, now, &mut acts);
            }
            Lesson::Complaint { message } => self.complaint(*message, now, &mut acts),
            Lesson::Verdict { message, spam, campaign } => {
                self.verdict(*message, *spam, *campaign, now, &mut acts);
            }
            Lesson::Allowance { customer, recipients, from, until } => {
                let allowance = Allowance { left: *recipients, from: *from, until: *until };
                self.allow(customer, allowance, now, &mut acts);
            }
            Lesson::Suspend { customer, origin, reason } => {
                self.suspend_by_person(customer, origin.as_ref(), reason, now);
            }
            Lesson::Resume { customer, origin } => {
                self.resume(customer, origin.as_ref(), now, &mut acts);
            }
            Lesson::Released { message } => {
                if let Some(stream) = self.stream_of_message(*message) {
                    clear(stream, now);
                }
            }
            Lesson::Upstream { up } => {
                let outage = &mut self.state.outage;
                if *up {
                    outage.up = outage.down.map(|_| now);
                } else {
                    (outage.down, outage.up) = (Some(now), None);
                }
            }
        }
        acts
    }

    fn feedback(
        &mut self,
        message: MessageId,
        recipient: &str,
        class: Fate,
        now: Timestamp,
        acts: &mut Vec<Act>,
    ) {
        let key = self.key;
        if class == Fate::Delivered {
            self.state.heard_at = Some(now);
        }
        let Some(brief) = self.state.recent.get(message).filter(|brief| brief.forwarded) else {
            return;
        };
        let Ok(address) = Address::parse(recipient) else { return };
        let who = who(&address, key);
        let Some(at) = brief.strangers.iter().position(|stranger| *stranger == who) else { return };
        if class == Fate::Greylisted {
            return;
        }
        brief.strangers.swap_remove(at);
        let brief = brief.clone();
        let settings = std::sync::Arc::clone(&self.settings);
        if let Some(campaign) = brief.campaign.and_then(|n| self.state.campaigns.get(n)) {
            campaign.fates.learn(class, now, &settings.evidence);
        }
        self.with_stream(&brief, now, acts, |stream| {
            stream.fates.learn(class, now, &settings.evidence);
        });
    }

    fn complaint(&mut self, message: MessageId, now: Timestamp, acts: &mut Vec<Act>) {
        let Some(brief) = self.state.recent.get(message).filter(|b| b.forwarded).cloned() else {
            return;
        };
        let settings = std::sync::Arc::clone(&self.settings);
        if let Some(campaign) = brief.campaign.and_then(|n| self.state.campaigns.get(n)) {
            campaign.fates.complain(now, &settings.evidence);
        }
        self.with_stream(&brief, now, acts, |s| s.fates.complain(now, &settings.evidence));
    }

    /// Changes a message's stream, and looks at its hold anew.
    fn with_stream(
        &mut self,
        brief: &Brief,
        now: Timestamp,
        acts: &mut Vec<Act>,
        change: impl FnOnce(&mut Stream),
    ) {
        let Some(stream) = self.stream_of_brief(brief) else { return };
        change(stream);
        if let Some(hold) = stream.hold {
            self.check_hold(hold, now, acts);
        }
    }

    fn verdict(
        &mut self,
        message: MessageId,
        spam: bool,
        of_campaign: bool,
        now: Timestamp,
        acts: &mut Vec<Act>,
    ) {
        let settings = std::sync::Arc::clone(&self.settings);
        let brief = self.state.recent.get(message).cloned();
        let hits = vec![super::judge::hit(
            crate::rules::VERDICT_SPAM,
            crate::rules::VERDICT_SPAM.hundredths,
            "a person condemned it".to_owned(),
        )];
        let number = brief.as_ref().filter(|_| of_campaign).and_then(|b| b.campaign);
        match number.and_then(|n| self.state.campaigns.get(n)) {
            Some(campaign) => {
                campaign.verdict = Some((spam, now.plus(settings.campaigns.verdict)));
                let (id, case) = (campaign.id.clone(), campaign.case);
                let case = self.state.case_id(case);
                acts.push(if spam {
                    Act::QuarantineCampaign { campaign: id, case, hits }
                } else {
                    Act::ReleaseCampaign { campaign: id, spread: VERDICT_SPREAD }
                });
            }
            None if spam => acts.push(Act::QuarantineMessage { message, hits }),
            None => acts.push(Act::ReleaseMessage { message }),
        }
        let Some(brief) = brief else { return };
        if spam {
            self.with_stream(&brief, now, acts, |stream| {
                stream.fates.complain(now, &settings.evidence);
            });
        } else if let Some(stream) = self.stream_of_brief(&brief) {
            clear(stream, now);
        }
    }

    fn allow(
        &mut self,
        customer: &CustomerId,
        allowance: Allowance,
        now: Timestamp,
        acts: &mut Vec<Act>,
    ) {
        let (from, until) = (allowance.from, allowance.until);
        let Some(state) = self.state.customers.get_mut(customer) else {
            let state = self.state.customers.entry(customer.clone()).or_default();
            state.first_seen = now;
            state.allowances.push(allowance);
            return;
        };
        if state.allowances.len() < ALLOWANCES_MAX {
            state.allowances.push(allowance);
        }
        if from > now {
            return;
        }
        let held: Vec<u64> = self
            .state
            .holds
            .iter()
            .filter(|(_, hold)| hold.customer == *customer)
            .map(|(number, _)| *number)
            .collect();
        for number in held {
            if let Some(hold) = self.state.holds.get_mut(&number) {
                hold.allowed_until = Some(until);
            }
            self.release_hold(number, true, now, acts);
        }
    }

    fn suspend_by_person(
        &mut self,
        customer: &CustomerId,
        origin: Option<&Origin>,
        reason: &str,
        now: Timestamp,
    ) {
        let suspended = Suspended {
            since: now,
            until: Timestamp::from_millis(u64::MAX),
            case: None,
            reason: reason.to_owned(),
            from_afar: false,
        };
        let state = self.state.customers.entry(customer.clone()).or_default();
        match origin {
            None => state.suspended = Some(suspended),
            Some(origin) => {
                let state = state.origins.entry(origin.clone()).or_default();
                if state.first_seen == Timestamp::default() {
                    state.first_seen = now;
                }
                state.suspended = Some(suspended);
            }
        }
    }

    /// Suspension, evidence and case end together: a counter left behind would stop it again.
    fn resume(
        &mut self,
        customer: &CustomerId,
        origin: Option<&Origin>,
        now: Timestamp,
        acts: &mut Vec<Act>,
    ) {
        let Some(state) = self.state.customers.get_mut(customer) else { return };
        if origin.is_none() {
            state.suspended = None;
        }
        state.case_at = None;
        let mut holds = Vec::new();
        for (name, state) in &mut state.origins {
            if origin.is_none_or(|wanted| wanted == name) {
                state.suspended = None;
                for stream in state.streams.values_mut() {
                    holds.extend(stream.hold);
                    clear(stream, now);
                }
            }
        }
        holds.sort_unstable();
        for hold in holds {
            self.release_hold(hold, true, now, acts);
        }
        for case in self.state.cases.values_mut() {
            let about = |(c, o): &(CustomerId, Origin)| {
                c == customer && origin.is_none_or(|wanted| wanted == o)
            };
            if !case.origins.is_empty() && case.origins.iter().all(about) {
                case.closed = true;
            }
        }
    }

    fn stream_of_message(&mut self, message: MessageId) -> Option<&mut Stream> {
        let brief = self.state.recent.get(message)?.clone();
        self.stream_of_brief(&brief)
    }

    fn stream_of_brief(&mut self, brief: &Brief) -> Option<&mut Stream> {
        let customer = self.state.customers.get_mut(&brief.customer)?;
        customer.origins.get_mut(&brief.origin)?.streams.get_mut(&brief.lane)
    }
}

/// A person found a stream innocent: its past is forgotten.
fn clear(stream: &mut Stream, now: Timestamp) {
    stream.fates = Fates::default();
    stream.content = 0;
    stream.cleared_at = Some(now);
}

/// A campaign's kept mail goes within a minute.
const VERDICT_SPREAD: Duration = Duration::from_secs(60);
/// Allowances of one customer at once.
const ALLOWANCES_MAX: usize = 16;
