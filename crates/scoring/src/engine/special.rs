//! Rules that decide by themselves: other customers' names, suspensions, forwarded mail, bombed
//! recipients, granted room, pace.

use std::time::Duration;

use postern_mail::{Decision, Lane, Verb};

use super::balance::{Weighed, content_points};
use super::judge::{hit, refuse};
use super::meet::Mail;
use super::{Engine, was_proven};
use crate::act::Act;
use crate::rules;
use crate::state::WeighedHit;
use crate::victims::Bombed;

impl Engine {
    /// A From in another customer's domain. Somebody who manages it may write in it; lists and
    /// forwarders pass on what others wrote; and a site's form that mails its own owner is no fraud.
    pub(super) fn foreign_tenant(
        &mut self,
        mail: &Mail<'_>,
        acts: &mut Vec<Act>,
    ) -> Option<Decision> {
        if matches!(mail.lane, Lane::Forward | Lane::Notice) {
            return None;
        }
        let sender = mail.customer.as_ref()?;
        let directory = std::sync::Arc::clone(&self.directory);
        let facts = mail.facts;
        let envelope = mail.submission.envelope.mail_from.as_ref();
        let envelope_domain = envelope.map(|from| from.domain().to_lowercase());
        // A customer's own server may pass on what came to it with its envelope.
        let passed_on = facts.marks.received > 1 && mail.submission.client.queues;
        let of_envelope = envelope_domain.as_deref().filter(|_| !passed_on);
        let foreign = |domain: &str| {
            // `mail.shop.example` belongs to whoever owns `shop.example`.
            let owned =
                std::iter::successors(Some(domain), |d| d.split_once('.').map(|(_, up)| up))
                    .find(|d| directory.owners(d).next().is_some())?;
            let related = directory.owners(owned).any(|owner| {
                owner.id == sender.id
                    || owner.reseller.as_ref() == Some(&sender.id)
                    || sender.reseller.as_ref() == Some(&owner.id)
                    || owner.reseller.is_some() && owner.reseller == sender.reseller
            });
            (!related).then(|| domain.to_owned())
        };
        let in_header = facts.from_domains.iter().find_map(|domain| foreign(domain));
        let where_found = if in_header.is_some() { "From" } else { "The envelope sender" };
        let domain = in_header.or_else(|| of_envelope.and_then(foreign))?;
        let own = |domain: &str| sender.domains.iter().any(|own| **own == *domain);
        let to_itself = mail
            .submission
            .envelope
            .recipients
            .iter()
            .all(|r| own(&r.address.domain().to_lowercase()));
        // A discussion list writes on behalf of its members, from its own envelope.
        let list = facts.marks.list
            && !mail.site
            && envelope_domain.is_some_and(|host| {
                sender.domains.iter().any(|d| host == **d || host.ends_with(&format!(".{d}")))
            });
        if to_itself || list || mail.all_old && mail.proven {
            return None;
        }
        let why = format!("{where_found} is in {domain}, which another customer owns");
        let text =
            format!("{where_found} may not be in {domain}: the domain belongs to another customer");
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

    /// A suspended sender. An origin with an honest past keeps writing to its own customer and to
    /// those it corresponds with; a site's
    /// other mail is kept for the case until there is enough of it, all else is refused.
    pub(super) fn suspended(&mut self, mail: &Mail<'_>) -> Option<Decision> {
        let identity = &mail.submission.identity;
        let until = mail.now.plus(self.settings.ladder.suspension);
        let customer = self.state.customers.get_mut(&mail.key)?;
        if let Some(suspended) = customer.suspended.as_ref().filter(|s| s.holds(mail.now)).cloned()
        {
            return Some(self.refusal_of_suspended(identity, mail.lane, &suspended, true));
        }
        let origin = customer.origins.get_mut(&mail.origin)?;
        let first_seen = origin.first_seen;
        let suspended = origin.suspended.as_mut().filter(|s| s.holds(mail.now))?;
        let by_engine = suspended.case.is_some();
        if by_engine && was_proven(first_seen, suspended) && mail.is_at_home() {
            // Whoever stole the login does not sit where its owner does.
            let owner = suspended.from_afar && mail.place.is_some();
            if mail.all_close || owner && mail.all.len() <= LETTER_MAX {
                return Some(Decision::forward(mail.lane));
            }
        }
        if by_engine {
            suspended.until = suspended.until.max(until);
        }
        let suspended = suspended.clone();
        let mut decision = self.refusal_of_suspended(identity, mail.lane, &suspended, false);
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
    pub(super) fn forwarded(&mut self, mail: &Mail<'_>) -> Decision {
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
    pub(super) fn bombed(&mut self, mail: &Mail<'_>) -> Option<Decision> {
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
    pub(super) fn pace(&mut self, mail: &Mail<'_>, weighed: &Weighed) -> Option<Decision> {
        let tier = mail.tier;
        let sums = mail.origin_sums;
        let now = mail.now;
        let settings = std::sync::Arc::clone(&self.settings);
        let doubtful = settings.ladder.hold_points.hundredths();
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
    pub(super) fn is_allowed(&mut self, mail: &Mail<'_>) -> bool {
        let Some(customer) = self.state.customers.get_mut(&mail.key) else { return false };
        let now = mail.now;
        customer.allowances.retain(|a| a.until > now && a.left > 0);
        let counted = mail.all.len() as u32;
        let fits = |a: &&mut crate::state::Allowance| a.from <= now && a.left >= counted;
        let Some(allowance) = customer.allowances.iter_mut().find(fits) else { return false };
        allowance.left -= counted;
        true
    }
}

/// Deliveries to strangers that make a clean past: with one in seven bad, fifty would hardly be.
const PAST_ENOUGH: u32 = 50;
/// Recipients of a letter that a person writes.
const LETTER_MAX: usize = 10;
/// Longer waits are left to the mail server that sends.
const DEFER_AFTER: Duration = Duration::from_secs(600);
