//! The ladder: from what speaks against a message to what becomes of it.
//!
//! In this order: what is refused outright, a person's word, suspensions, lanes with rules of their
//! own, bombed recipients; then speed, evidence and pace of the stream.

use postern_mail::{Decision, Hit, Lane, Points, Submission, Timestamp, Verb};

use super::Engine;
use super::balance::{Balance, Weighed};
use super::meet::Mail;
use crate::act::{Act, Judgement};
use crate::facts::Facts;
use crate::recent::Brief;
use crate::rules::{self, Rule};
use crate::state::Running;
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
        // Letters to itself and to people known for a day and longer pass, whatever else is suspect.
        if mail.proven && (mail.all_old || mail.all_close) && mail.is_at_home() {
            return Decision::forward(mail.lane);
        }
        let weighed = self.weigh(mail);
        self.climb(mail, weighed, acts)
    }

    /// Speed, evidence, pace.
    fn climb(&mut self, mail: &Mail<'_>, mut weighed: Weighed, acts: &mut Vec<Act>) -> Decision {
        let allowed = self.is_allowed(mail);
        if allowed {
            weighed.burst = false;
            weighed.hits.retain(|w| w.family != rules::Family::Behaviour);
        }
        let settings = std::sync::Arc::clone(&self.settings);
        let balance = Balance::of(&weighed.hits, &settings);
        if balance.condemns(&settings) {
            return self.condemn(mail, weighed.hits, acts);
        }
        let held = self.stream(mail).hold;
        let concerned = !mail.strangers.is_empty() || !mail.proven || !mail.is_at_home();
        if let Some(hold) = held.filter(|_| concerned) {
            return self.join_hold(mail, hold, weighed.hits);
        }
        if weighed.burst || balance.holds(&settings) && concerned {
            return self.start_hold(mail, weighed);
        }
        if !allowed && let Some(decision) = self.pace(mail, &weighed) {
            return decision;
        }
        let suspect = balance.other > 0 || balance.feedback > 0;
        self.learn_peak(mail, suspect);
        let mut decision = Decision::forward(mail.lane);
        decision.hits = weighed.hits.into_iter().map(|w| w.hit).collect();
        decision
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
            origin: mail.origin.clone(),
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

/// A peak fades by a quarter each month that does not reach it, so that the first of last month
/// counts on the first of this one.
const PEAK_SECONDS: u64 = 31 * 86_400;
