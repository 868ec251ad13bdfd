//! The ladder: from what speaks against a message to what becomes of it.
//!
//! In this order: what is refused outright, a person's word, suspensions, lanes with rules of their
//! own, bombed recipients; then speed, evidence and pace of the stream.

use std::time::Duration;

use postern_mail::{Decision, Hit, Lane, Points, Submission, Timestamp, Verb};

use super::meet::Mail;
use super::weigh::{Balance, Weighed, content_points};
use super::{Engine, was_proven};
use crate::act::{Act, Judgement};
use crate::facts::Facts;
use crate::recent::Brief;
use crate::rules::{self, Rule};
use crate::state::{Running, WeighedHit};
use crate::victims::Bombed;
use crate::window::HOUR;

impl Engine {
    /// Decides. A pure function of the submission, its facts, what is remembered and `now`; what it
    /// learns of it by the way is remembered.
    pub fn judge(&mut self, submission: &Submission, facts: &Facts, now: Timestamp) -> Judgement {
        let now = self.advance(now);
        let mail = self.meet(submission, facts, now);
        let mut acts = Vec::new();
        let mut decision = self.decide(&mail, &mut acts);
        decision.campaign =
            mail.campaign.and_then(|n| self.state.campaigns.get(n)).map(|c| c.id.clone());
        self.remember(&mail, &decision);
        Judgement { decision, acts }
    }

    fn decide(&mut self, mail: &Mail<'_>, acts: &mut Vec<Act>) -> Decision {
        if let Some(decision) = self.foreign_tenant(mail, acts) {
            return decision;
        }
        match mail
            .campaign
            .and_then(|n| self.state.campaigns.get(n))
            .and_then(|c| c.standing_verdict(mail.now))
        {
            Some(true) => {
                let why = "a person condemned this campaign".to_owned();
                return refuse(
                    mail,
                    rules::VERDICT_SPAM,
                    why,
                    "This message was condemned as spam",
                );
            }
            Some(false) => return Decision::forward(mail.lane),
            None => {}
        }
        if let Some(decision) = self.suspended(mail) {
            return decision;
        }
        match mail.lane {
            Lane::Notice => return self.notice(mail),
            Lane::Forward => return self.forwarded(mail),
            Lane::Mailbox | Lane::Script | Lane::Bulk => {}
        }
        if let Some(decision) = self.bombed(mail) {
            return decision;
        }
        // Letters to people known for a day and longer pass, whatever else is suspect.
        if mail.proven && mail.all_old {
            return Decision::forward(mail.lane);
        }
        let weighed = self.weigh(mail);
        self.climb(mail, weighed, acts)
    }

    /// Speed, evidence, pace.
    fn climb(&mut self, mail: &Mail<'_>, mut weighed: Weighed, acts: &mut Vec<Act>) -> Decision {
        if self.is_allowed(mail) {
            weighed.burst = false;
            weighed.hits.retain(|w| w.family != rules::Family::Behaviour);
        }
        let settings = std::sync::Arc::clone(&self.settings);
        let balance = Balance::of(&weighed.hits, &settings);
        if balance.condemns(&settings) {
            return self.condemn(mail, weighed.hits, acts);
        }
        let held = self.stream(mail).hold;
        let concerned = !mail.strangers.is_empty() || !mail.proven;
        if let Some(hold) = held.filter(|_| concerned) {
            return self.join_hold(mail, hold, weighed.hits);
        }
        if weighed.burst || balance.holds(&settings) && concerned {
            return self.start_hold(mail, weighed);
        }
        if let Some(decision) = self.pace(mail, &weighed) {
            return decision;
        }
        let suspect = balance.other > 0 || balance.feedback > 0;
        self.learn_peak(mail, suspect);
        let mut decision = Decision::forward(mail.lane);
        decision.hits = weighed.hits.into_iter().map(|w| w.hit).collect();
        decision
    }

    /// A From in another customer's domain. Somebody who manages it may write in it; lists and
    /// forwarders pass on what others wrote; and a site's form that mails its own owner is no fraud.
    fn foreign_tenant(&mut self, mail: &Mail<'_>, acts: &mut Vec<Act>) -> Option<Decision> {
        if matches!(mail.lane, Lane::Forward | Lane::Notice)
            || mail.lane == Lane::Bulk && !mail.site
        {
            return None;
        }
        let domain = mail.facts.from_domain.as_deref()?;
        let sender = mail.customer.as_ref()?;
        let directory = std::sync::Arc::clone(&self.directory);
        let mut owners = directory.owners(domain).peekable();
        owners.peek()?;
        let related = owners.any(|owner| {
            owner.id == sender.id
                || owner.reseller.as_ref() == Some(&sender.id)
                || sender.reseller.as_ref() == Some(&owner.id)
                || owner.reseller.is_some() && owner.reseller == sender.reseller
        });
        let own = |domain: &str| sender.domains.iter().any(|own| **own == *domain);
        let to_itself = mail
            .submission
            .envelope
            .recipients
            .iter()
            .all(|r| own(&r.address.domain().to_lowercase()));
        if related || to_itself || mail.all_old && mail.proven {
            return None;
        }
        let why = format!("From is in {domain}, which another customer owns");
        let text = format!("From may not be in {domain}: the domain belongs to another customer");
        let mut decision = refuse(mail, rules::FOREIGN_TENANT, why, &text);
        let hits: Vec<WeighedHit> = decision
            .hits
            .iter()
            .map(|hit| WeighedHit { family: rules::FOREIGN_TENANT.family, hit: hit.clone() })
            .collect();
        let case = self.case_for(mail, &hits, acts);
        self.add_to_case(case, mail);
        decision.case = self.state.case_id(Some(case));
        Some(decision)
    }

    /// A suspended sender. An origin with an honest past keeps writing to those it knew; a site's
    /// other mail is kept for the case until there is enough of it, all else is refused.
    fn suspended(&mut self, mail: &Mail<'_>) -> Option<Decision> {
        let identity = &mail.submission.identity;
        let until = mail.now.plus(self.settings.ladder.suspension);
        let customer = self.state.customers.get_mut(&mail.key)?;
        if let Some(suspended) = customer.suspended.as_ref().filter(|s| s.holds(mail.now)).cloned()
        {
            return Some(self.refusal_of_suspended(identity, mail.lane, &suspended));
        }
        let origin = customer.origins.get_mut(&identity.origin)?;
        let first_seen = origin.first_seen;
        let suspended = origin.suspended.as_mut().filter(|s| s.holds(mail.now))?;
        let by_engine = suspended.case.is_some();
        if by_engine && was_proven(first_seen, suspended) {
            let at_home = mail.place.is_none_or(|place| place.familiar);
            if mail.all_old && at_home {
                return None;
            }
        }
        if by_engine {
            suspended.until = suspended.until.max(until);
        }
        let suspended = suspended.clone();
        let mut decision = self.refusal_of_suspended(identity, mail.lane, &suspended);
        if let Some(case) = suspended.case {
            let kept = self.state.cases.get(&case).map_or(u64::MAX, |c| c.messages);
            if mail.site && kept < u64::from(self.settings.ladder.case_messages_max) {
                decision.verb = Verb::Quarantine;
                decision.text = None;
                self.condemn_campaign(mail.campaign, case, 1);
            }
            self.add_to_case(case, mail);
        }
        Some(decision)
    }

    /// Forwarded mail counts against nobody; what is beyond doubt goes back to the forwarder.
    fn forwarded(&mut self, mail: &Mail<'_>) -> Decision {
        let settings = &self.settings;
        let points = content_points(mail, settings);
        let sum: i32 = points.iter().map(|(_, points, _)| points).sum();
        let limit = settings.ladder.forward_refuse_points.hundredths();
        let mut decision = Decision::forward(mail.lane);
        decision.hits =
            points.into_iter().map(|(rule, points, why)| hit(rule, points, why)).collect();
        if sum >= limit {
            let why = format!(
                "content has {} points, limit {}",
                f64::from(sum) / 100.0,
                f64::from(limit) / 100.0
            );
            decision.hits.push(hit(rules::FORWARDED_SPAM, 0, why));
            decision.verb = Verb::Refuse;
            decision.text = Some("This forwarded message looks like spam".to_owned());
        }
        decision
    }

    /// Automatic mail to a stranger whom many customers' sites write to at once.
    fn bombed(&mut self, mail: &Mail<'_>) -> Option<Decision> {
        let automatic = mail.site || mail.lane == Lane::Bulk || mail.facts.marks.automatic;
        if !automatic || mail.all.len() != 1 || mail.all_old {
            return None;
        }
        let who = *mail.all.first()?;
        let settings = &self.settings.bombing;
        let minutes = settings.span.as_secs() / 60;
        let why = |customers| {
            format!(
                "{customers} customers' automatic mail to him in {minutes} min, limit {}",
                settings.customers
            )
        };
        match self.state.victims.mail(who, &mail.head, mail.now, settings) {
            Bombed::No => None,
            Bombed::Wait { until, customers } => {
                let mut decision = Decision::forward(mail.lane);
                decision.verb = Verb::Pace;
                decision.until = Some(until);
                decision.hits.push(hit(rules::RECIPIENT_BOMBED, 100, why(customers)));
                Some(decision)
            }
            Bombed::Full { customers } => {
                let text = "This recipient gets automatic mail of too many senders at once";
                Some(refuse(mail, rules::RECIPIENT_BOMBED, why(customers), text))
            }
        }
    }

    /// Past the limits of hour and day a stream without a clean past goes on at the limit's rate.
    fn pace(&mut self, mail: &Mail<'_>, weighed: &Weighed) -> Option<Decision> {
        let tier = mail.tier;
        let sums = mail.origin_sums;
        let now = mail.now;
        let settings = std::sync::Arc::clone(&self.settings);
        let doubtful = settings.ladder.family_points.hundredths();
        let stream = self.stream(mail);
        let peak = stream.peak_hour.saturating_mul(2);
        let hour = tier.recipients_hour.max(peak);
        let day = tier.recipients_day.max(peak.saturating_mul(10));
        let clean = stream.fates.past >= PAST_ENOUGH
            && stream.fates.points(now, &settings.evidence).hundredths() < doubtful;
        if sums.hour <= hour && sums.day <= day || clean || mail.counted == 0 {
            return None;
        }
        let gap = if sums.hour > hour {
            3600 / u64::from(hour.max(1))
        } else {
            86_400 / u64::from(day.max(1))
        };
        let gap = Duration::from_secs(gap.max(1)) * mail.counted;
        let origin = self.origin(mail);
        origin.next_paced = origin.next_paced.max(now).plus(gap);
        let until = origin.next_paced;
        let mut decision = Decision::forward(mail.lane);
        decision.hits = weighed.hits.iter().map(|w| w.hit.clone()).collect();
        let why = format!(
            "{} recipients in an hour, limit {hour}; {} in a day, limit {day}",
            sums.hour, sums.day
        );
        decision.hits.push(hit(rules::RECIPIENTS_RATE, 100, why));
        // A mail server keeps it and comes back; a script would lose it.
        if mail.submission.client.queues && until.since(now) > DEFER_AFTER {
            decision.verb = Verb::Defer;
            decision.text = Some("Too many recipients within an hour; try again later".to_owned());
        } else {
            decision.verb = Verb::Pace;
            decision.until = Some(until);
        }
        Some(decision)
    }

    /// Whether a person granted room that this message still fits in; takes it.
    fn is_allowed(&mut self, mail: &Mail<'_>) -> bool {
        let Some(customer) = self.state.customers.get_mut(&mail.key) else { return false };
        let now = mail.now;
        customer.allowances.retain(|a| a.until > now && a.left > 0);
        let counted = mail.all.len() as u32;
        let fits = |a: &&mut crate::state::Allowance| a.from <= now && a.left >= counted;
        let Some(allowance) = customer.allowances.iter_mut().find(fits) else { return false };
        allowance.left -= counted;
        true
    }

    /// While nothing speaks against it, what a stream does is what it usually does.
    fn learn_peak(&mut self, mail: &Mail<'_>, suspect: bool) {
        let sums = mail.strangers_sums;
        let now = mail.now;
        let stream = self.stream(mail);
        if suspect {
            stream.running = Running::default();
            return;
        }
        if now.since(stream.running.since) >= HOUR {
            let Running { hour, minute, .. } = stream.running;
            if now.since(stream.peak_at).as_secs() > PEAK_SECONDS {
                stream.peak_hour = stream.peak_hour / 4 * 3;
                stream.peak_minute = stream.peak_minute / 4 * 3;
                stream.peak_at = now;
            }
            if hour > stream.peak_hour {
                stream.peak_hour = hour;
                stream.peak_at = now;
            }
            stream.peak_minute = stream.peak_minute.max(minute);
            stream.running = Running { since: now, hour: 0, minute: 0 };
        }
        let running = &mut stream.running;
        running.hour = running.hour.max(sums.hour);
        running.minute = running.minute.max(sums.minute);
    }

    /// For later news, and so that who was written to becomes known.
    fn remember(&mut self, mail: &Mail<'_>, decision: &Decision) {
        let memory = std::sync::Arc::clone(&self.settings);
        if matches!(decision.verb, Verb::Refuse | Verb::Defer) {
            return;
        }
        let goes = matches!(decision.verb, Verb::Forward | Verb::Pace);
        if goes && mail.lane != Lane::Notice && mail.lane != Lane::Forward {
            if let Some(customer) = self.state.customers.get_mut(&mail.key) {
                for who in &mail.all {
                    customer.known.meet(*who, mail.now, &memory.memory);
                }
            }
            if !mail.strangers.is_empty() {
                self.stream(mail).passed.add(1, mail.now);
            }
        }
        let brief = Brief {
            customer: mail.key.clone(),
            origin: mail.submission.identity.origin.clone(),
            lane: mail.lane,
            campaign: mail.campaign,
            strangers: mail.strangers.clone(),
            forwarded: false,
        };
        let most = memory.memory.messages_max;
        self.state.recent.insert(mail.submission.id, brief, mail.now, most);
    }
}

/// A hit with these points.
pub(super) fn hit(rule: Rule, hundredths: i32, why: String) -> Hit {
    Hit { rule: rule.id.into(), points: Points::from_hundredths(hundredths), why }
}

/// A refusal for one rule.
pub(super) fn refuse(mail: &Mail<'_>, rule: Rule, why: String, text: &str) -> Decision {
    Decision {
        verb: Verb::Refuse,
        hits: vec![hit(rule, rule.hundredths, why)],
        text: Some(text.to_owned()),
        ..Decision::forward(mail.lane)
    }
}

/// Deliveries to strangers that make a clean past: with one in seven bad, fifty would hardly be.
const PAST_ENOUGH: u32 = 50;
/// Longer waits are left to the mail server that sends.
const DEFER_AFTER: Duration = Duration::from_secs(600);
/// A peak fades by a quarter each month that does not reach it, so that the first of last month
/// counts on the first of this one.
const PEAK_SECONDS: u64 = 31 * 86_400;
