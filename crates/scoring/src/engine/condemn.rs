//! From evidence to a case: quarantine, suspension of the smallest guilty sender.

use postern_mail::{CaseId, CustomerId, Decision, Hit, MessageId, Origin, Timestamp, Verb};

use super::Engine;
use super::meet::Mail;
use crate::act::{Act, Case};
use crate::campaigns::Number;
use crate::rules;
use crate::state::{Suspended, WeighedHit};

impl Engine {
    /// Quarantines a message and what is held of its stream, and suspends its origin.
    pub(super) fn condemn(
        &mut self,
        mail: &Mail<'_>,
        hits: Vec<WeighedHit>,
        acts: &mut Vec<Act>,
    ) -> Decision {
        let case = self.case_for(mail, &hits, acts);
        self.add_to_case(case, mail);
        self.condemn_campaign(mail.campaign, case, 1);
        let plain: Vec<Hit> = hits.into_iter().map(|w| w.hit).collect();
        if let Some(hold) = self.stream(mail).hold {
            self.quarantine_hold(hold, case, &plain, acts);
        }
        let key = mail.key.clone();
        self.suspend(&key, &mail.origin.clone(), case, mail.now, acts);
        let mut decision = Decision::forward(mail.lane);
        decision.verb = Verb::Quarantine;
        decision.hits = plain;
        decision.case = self.state.case_id(Some(case));
        decision
    }

    /// Quarantines a hold that news have corroborated.
    pub(super) fn condemn_hold(&mut self, number: u64, now: Timestamp, acts: &mut Vec<Act>) {
        let settings = std::sync::Arc::clone(&self.settings);
        let Some((hold, stream)) = self.state.hold_and_stream(number) else { return };
        let mut hits: Vec<Hit> = hold.hits.iter().map(|w| w.hit.clone()).collect();
        let why = format!("up to {} new recipients in a minute", hold.fastest);
        hits.push(super::judge::hit(rules::BURST_NEW_RECIPIENTS, 200, why));
        if let Some(stream) = stream {
            let points = stream.fates.points(now, &settings.evidence).hundredths();
            if points > 0 {
                let why = stream.fates.why();
                hits.push(super::judge::hit(rules::RECIPIENT_FEEDBACK, points, why));
            }
        }
        let campaign = hold.batches.iter().flat_map(|b| b.campaigns.iter()).next().copied();
        let (customer, origin) = (hold.customer.clone(), hold.origin.clone());
        let case = self.case_of(&customer, &origin, campaign, &hits, now, acts);
        self.quarantine_hold(number, case, &hits, acts);
        self.suspend(&customer, &origin, case, now, acts);
    }

    /// Moves a hold's batches into quarantine under a case; the hold ends.
    fn quarantine_hold(&mut self, number: u64, case: u64, hits: &[Hit], acts: &mut Vec<Act>) {
        let Some(hold) = self.state.holds.remove(&number) else { return };
        self.state.timers.remove(&(hold.check, number));
        if let Some(stream) = self.state.stream_of(&hold) {
            stream.hold = None;
            stream.room = 0;
        }
        let Some(id) = self.state.case_id(Some(case)) else { return };
        for batch in hold.batches {
            for campaign in &batch.campaigns {
                self.condemn_campaign(Some(*campaign), case, batch.messages);
            }
            if let Some(case) = self.state.cases.get_mut(&case) {
                case.messages += u64::from(batch.messages);
                case.recipients += u64::from(batch.recipients);
                for sample in batch.samples {
                    sample_of(case, sample);
                }
            }
            acts.push(Act::Quarantine { batch: batch.id, case: id.clone(), hits: hits.to_vec() });
        }
    }

    /// The open case that a message belongs to: its origin's, its campaign's, or a new one.
    pub(super) fn case_for(
        &mut self,
        mail: &Mail<'_>,
        hits: &[WeighedHit],
        acts: &mut Vec<Act>,
    ) -> u64 {
        let hits: Vec<Hit> = hits.iter().map(|w| w.hit.clone()).collect();
        let origin = &mail.origin;
        let key = mail.key.clone();
        self.case_of(&key, origin, mail.campaign, &hits, mail.now, acts)
    }

    fn case_of(
        &mut self,
        customer: &CustomerId,
        origin: &Origin,
        campaign: Option<Number>,
        hits: &[Hit],
        now: Timestamp,
        acts: &mut Vec<Act>,
    ) -> u64 {
        let of_campaign = campaign.and_then(|n| self.state.campaigns.get(n)).and_then(|c| c.case);
        let who = (customer.clone(), origin.clone());
        let open = |case: &Case| !case.closed;
        let known = self
            .state
            .open_case_of(&who)
            .or_else(|| of_campaign.filter(|n| self.state.cases.get(n).is_some_and(open)));
        let number = known.unwrap_or_else(|| self.open_case(hits, now, acts));
        let passed = self.passed_lately(customer, origin, now);
        if let Some(case) = self.state.cases.get_mut(&number)
            && self.state.case_of.get(&who) != Some(&number)
        {
            case.escaped += passed;
            if case.origins.len() < ORIGINS_MAX {
                case.origins.push(who.clone());
                self.state.case_of.insert(who, number);
            }
        }
        number
    }

    fn open_case(&mut self, hits: &[Hit], now: Timestamp, acts: &mut Vec<Act>) -> u64 {
        let number = self.state.number();
        let id = CaseId::new(MessageId::new(now, number as u32).to_string());
        let case = Case {
            id: id.clone(),
            opened_at: now,
            last_at: now,
            origins: Vec::new(),
            campaigns: Vec::new(),
            messages: 0,
            recipients: 0,
            escaped: 0,
            hits: hits.to_vec(),
            samples: Vec::new(),
            closed: false,
        };
        self.state.cases.insert(number, case);
        while self.state.cases.len() > self.settings.memory.cases_max as usize {
            self.state.forget_case();
        }
        acts.push(Act::OpenCase(id));
        number
    }

    /// Messages to strangers that an origin got through in the last day.
    fn passed_lately(&mut self, customer: &CustomerId, origin: &Origin, now: Timestamp) -> u64 {
        let customer = self.state.customers.get_mut(customer);
        let origin = customer.and_then(|c| c.origins.get_mut(origin));
        origin.map_or(0, |origin| {
            origin.streams.values_mut().map(|s| u64::from(s.passed.sums(now).day)).sum()
        })
    }

    /// Counts a message that was stopped under a case.
    pub(super) fn add_to_case(&mut self, number: u64, mail: &Mail<'_>) {
        if let Some(customer) = self.state.customers.get_mut(&mail.key) {
            customer.case_at = Some(mail.now);
        }
        let campaign =
            mail.campaign.and_then(|n| self.state.campaigns.get(n)).map(|c| c.id.clone());
        let Some(case) = self.state.cases.get_mut(&number) else { return };
        case.messages += 1;
        case.recipients += mail.all.len() as u64;
        case.last_at = mail.now;
        sample_of(case, mail.submission.id);
        if let Some(campaign) = campaign
            && case.campaigns.len() < CAMPAIGNS_MAX
            && !case.campaigns.contains(&campaign)
        {
            case.campaigns.push(campaign);
        }
    }

    /// Messages of a campaign went into quarantine.
    pub(super) fn condemn_campaign(&mut self, number: Option<Number>, case: u64, messages: u32) {
        if let Some(campaign) = number.and_then(|n| self.state.campaigns.get(n)) {
            campaign.condemned = campaign.condemned.saturating_add(messages);
            campaign.case.get_or_insert(case);
        }
    }

    fn suspend(
        &mut self,
        customer: &CustomerId,
        origin: &Origin,
        case: u64,
        now: Timestamp,
        acts: &mut Vec<Act>,
    ) {
        let until = now.plus(self.settings.ladder.suspension);
        let Some(id) = self.state.case_id(Some(case)) else { return };
        let Some(state) = self.state.customers.get_mut(customer) else { return };
        state.case_at = Some(now);
        let Some(origin_state) = state.origins.get_mut(origin) else { return };
        if origin_state.suspended.as_ref().is_some_and(|s| s.holds(now)) {
            return;
        }
        let from_afar = origin_state.places.was_afar_lately();
        let reason = format!("case {id}");
        origin_state.suspended =
            Some(Suspended { since: now, until, case: Some(case), reason, from_afar });
        acts.push(Act::Suspend {
            customer: customer.clone(),
            origin: Some(origin.clone()),
            case: id,
            until: Some(until),
        });
    }
}

fn sample_of(case: &mut Case, message: MessageId) {
    if case.samples.len() < SAMPLES_MAX {
        case.samples.push(message);
    }
}

/// Samples that a case shows.
const SAMPLES_MAX: usize = 5;
/// Senders that a case names; one cause with more is still one cause.
const ORIGINS_MAX: usize = 1000;
/// Campaigns that a case names.
const CAMPAIGNS_MAX: usize = 20;
