//! What speaks against a message and its stream: hits with points and families.

use postern_mail::{Hit, Lane, Points, Timestamp};

use super::Engine;
use super::meet::Mail;
use crate::odd_path::odd_folder;
use crate::rules::{self, Family, Rule};
use crate::settings::{RuleMode, Settings};
use crate::state::WeighedHit;

/// All that speaks against it.
#[derive(Debug, Clone, Default)]
pub(super) struct Weighed {
    pub(super) hits: Vec<WeighedHit>,
    /// Fast and new.
    pub(super) burst: bool,
}

/// Sums over hits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Balance {
    /// Points in all, in hundredths.
    pub(super) total: i32,
    /// Families that count as a signal each.
    pub(super) strong: u32,
    /// Points of what became of earlier mail.
    pub(super) feedback: i32,
    /// Points but for behaviour and feedback.
    pub(super) other: i32,
}

impl Balance {
    /// Adds hits up by family.
    pub(super) fn of(hits: &[WeighedHit], settings: &Settings) -> Self {
        let mut by_family = [0_i32; 6];
        for weighed in hits {
            let slot = &mut by_family[weighed.family as usize];
            *slot = slot.saturating_add(weighed.hit.points.hundredths());
        }
        let least = settings.ladder.family_points.hundredths();
        let (behaviour, feedback) =
            (by_family[Family::Behaviour as usize], by_family[Family::Feedback as usize]);
        let total = by_family.iter().sum();
        Self {
            total,
            strong: by_family.iter().filter(|points| **points >= least).count() as u32,
            feedback,
            other: total - behaviour - feedback,
        }
    }

    /// Beyond doubt: enough points, of two kinds at least, or of what became of earlier mail alone.
    pub(super) fn condemns(&self, settings: &Settings) -> bool {
        let ladder = &settings.ladder;
        self.strong >= 2 && self.total >= ladder.quarantine_points.hundredths()
            || self.feedback >= ladder.feedback_alone_points.hundredths()
    }

    /// Suspect without being fast.
    pub(super) fn holds(&self, settings: &Settings) -> bool {
        self.strong >= 2 && self.total >= settings.ladder.hold_points.hundredths()
    }
}

impl Weighed {
    /// Adds a rule's hit with its points, or with a part of them.
    fn add(&mut self, settings: &Settings, rule: Rule, points: Option<i32>, why: String) {
        let set = settings.rule(rule.id);
        let full = set.points.hundredths();
        let points = match set.mode {
            RuleMode::Off => return,
            RuleMode::Shadow => 0,
            RuleMode::On => points.map_or(full, |p| p.min(full)),
        };
        let hit = Hit { rule: rule.id.into(), points: Points::from_hundredths(points), why };
        self.hits.push(WeighedHit { family: rule.family, hit });
    }
}

impl Engine {
    /// Everything that speaks against a message of a stream.
    pub(super) fn weigh(&mut self, mail: &Mail<'_>) -> Weighed {
        let settings = std::sync::Arc::clone(&self.settings);
        let mut found = Weighed::default();
        self.weigh_speed(mail, &settings, &mut found);
        self.weigh_sender(mail, &settings, &mut found);
        self.weigh_content(mail, &settings, &mut found);
        self.weigh_campaign(mail, &settings, &mut found);
        let stream = self.stream(mail);
        let points = stream.fates.points(mail.now, &settings.evidence).hundredths();
        if points > 0 {
            let why = stream.fates.why();
            found.add(&settings, rules::RECIPIENT_FEEDBACK, Some(points), why);
        }
        if mail.facts.ordered_percent >= ORDERED_PERCENT
            && mail.strangers.len() * 2 > mail.all.len()
        {
            let why = format!(
                "{} recipients, {} % in alphabetical order (limit {ORDERED_PERCENT} %)",
                mail.all.len(),
                mail.facts.ordered_percent
            );
            found.add(&settings, rules::DICTIONARY, None, why);
        }
        found
    }

    fn weigh_speed(&mut self, mail: &Mail<'_>, settings: &Settings, found: &mut Weighed) {
        let flush = self.flush_factor(mail);
        let (tier, now) = (mail.tier, mail.now);
        let first_seen = self.origin(mail).first_seen;
        let stream = self.stream(mail);
        let limit = tier.burst.max(stream.peak_minute.saturating_mul(2));
        let allowed = limit.max(stream.room).saturating_mul(flush);
        let minute = mail.strangers_sums.minute;
        let new = minute * 100 >= mail.everybody_minute.saturating_mul(settings.hold.new_percent);
        let afar = mail.place.is_some_and(|place| !place.familiar)
            && mail.from_afar > settings.networks.burst.saturating_mul(flush);
        if new && minute > limit.saturating_mul(flush) {
            let why = format!(
                "{minute} new of {} recipients in a minute, limit {limit}, earned {}",
                mail.everybody_minute, stream.room
            );
            found.add(settings, rules::BURST_NEW_RECIPIENTS, None, why);
            found.burst = minute > allowed;
        } else if afar {
            let why = format!(
                "{} new recipients in a minute from unfamiliar networks, limit {}",
                mail.from_afar, settings.networks.burst
            );
            found.add(settings, rules::BURST_NEW_RECIPIENTS, None, why);
        }
        found.burst |= afar;
        if found.hits.is_empty() {
            let peak = stream.peak_hour.saturating_mul(settings.tiers.peak_percent) / 100;
            let settled =
                now.since(first_seen).as_secs() >= u64::from(settings.tiers.week_days) * 86_400;
            let usual = if settled {
                tier.new_recipients_hour.saturating_mul(settings.tiers.quiet_percent) / 100
            } else {
                tier.new_recipients_hour
            };
            let limit = peak.max(usual).saturating_mul(flush);
            let hour = mail.strangers_sums.hour;
            if hour > limit {
                let why = format!(
                    "{hour} new recipients in an hour, limit {limit} (own peak {})",
                    stream.peak_hour
                );
                found.add(settings, rules::NEW_RECIPIENTS_HOUR, None, why);
            }
        }
    }

    fn weigh_sender(&mut self, mail: &Mail<'_>, settings: &Settings, found: &mut Weighed) {
        let now = mail.now;
        let identity = &mail.submission.identity;
        let first_seen = self.origin(mail).first_seen;
        if mail.new_origin {
            let hours = now.since(first_seen).as_secs() / 3600;
            let limit = settings.tiers.origin_new.as_secs() / 3600;
            found.add(
                settings,
                rules::NEW_ORIGIN,
                None,
                format!("first seen {hours} h ago, new for {limit} h"),
            );
        }
        if identity.origin.kind == postern_mail::OriginKind::Script
            && !mail.long_clean(first_seen)
            && let Some(folder) = odd_folder(&identity.origin.name)
        {
            found.add(settings, rules::ODD_SCRIPT, None, format!("lies in {folder:?}"));
        }
        if mail.facts.forged_identity > 0 {
            let why = format!("{} identity fields came with it", mail.facts.forged_identity);
            found.add(settings, rules::FORGED_IDENTITY, None, why);
        }
        if let Some(place) = mail.place
            && !place.familiar
        {
            let (lately, many) = (place.unfamiliar_lately, settings.networks.many);
            if lately >= many {
                // One more network is half a point more: ten are no VPN that reconnects.
                let points = 300 + 50 * (lately - many).min(1000) as i32;
                let why = format!(
                    "{lately} unfamiliar networks in {} min, limit {many}",
                    settings.networks.span.as_secs() / 60
                );
                found.add(settings, rules::MANY_NETWORKS, Some(points), why);
            } else {
                let ip = mail.submission.client.ip;
                found.add(settings, rules::NEW_NETWORK, None, format!("never seen from near {ip}"));
            }
            self.weigh_sharing(mail, settings, found);
        } else if mail.young {
            self.weigh_sharing(mail, settings, found);
        }
        if mail.new_origin
            && let Some(at) =
                self.state.customers.get(&mail.key).and_then(|customer| customer.case_at)
            && now.since(at) <= settings.ladder.case_watch
        {
            let why = format!("a case about another sender of the customer grew at {at}");
            found.add(settings, rules::CUSTOMER_CASE, None, why);
        }
    }

    fn weigh_sharing(&self, mail: &Mail<'_>, settings: &Settings, found: &mut Weighed) {
        let limit = settings.networks.shared_logins;
        if mail.sharing >= limit {
            let why = format!(
                "logins of {} unrelated customers from {} within a day, limit {limit}",
                mail.sharing, mail.submission.client.ip
            );
            found.add(settings, rules::SHARED_ADDRESS, None, why);
        }
    }

    /// Content counts in full for a new origin; for one with a past only as far as its mail to
    /// strangers says such things as a rule, so that one odd letter is no evidence.
    fn weigh_content(&mut self, mail: &Mail<'_>, settings: &Settings, found: &mut Weighed) {
        let rules_hit = content_points(mail, settings);
        let sum: i32 = rules_hit.iter().map(|(_, points, _)| points).sum();
        let proven = mail.proven;
        let stream = self.stream(mail);
        stream.content += (sum - stream.content) / CONTENT_MEMORY;
        if !proven {
            stream.content = stream.content.max(sum);
        }
        let counted = sum.min(stream.content);
        for (rule, points, why) in rules_hit {
            let part = if sum > 0 { points * counted / sum } else { 0 };
            if part > 0 {
                found.add(settings, rule, Some(part), why);
            }
        }
    }

    fn weigh_campaign(&mut self, mail: &Mail<'_>, settings: &Settings, found: &mut Weighed) {
        let Some(campaign) = mail.campaign.and_then(|n| self.state.campaigns.get(n)) else {
            return;
        };
        let limit = settings.campaigns.young_contracts;
        let young = campaign.young.len() as u32;
        if mail.young && young >= limit && mail.lane != Lane::Forward {
            let why =
                format!("one text from {young} contracts younger than a month, limit {limit}");
            found.add(settings, rules::CAMPAIGN_YOUNG, None, why);
        }
        let condemned = campaign.condemned;
        if condemned >= settings.campaigns.condemned_messages
            && u64::from(condemned) * 2 >= campaign.messages
        {
            let why = format!(
                "{condemned} of its {} messages are in quarantine, limit {}",
                campaign.messages, settings.campaigns.condemned_messages
            );
            found.add(settings, rules::CAMPAIGN_CONDEMNED, None, why);
        }
        let points = campaign.fates.points(mail.now, &settings.evidence).hundredths();
        if points > 0 && (mail.young || mail.new_origin) {
            found.add(settings, rules::CAMPAIGN_FEEDBACK, Some(points), campaign.fates.why());
        }
    }

    /// By how much limits of speed are stretched now: after an outage for mail that was written
    /// during it, and when so many customers deviate at once that the cause is not theirs.
    fn flush_factor(&mut self, mail: &Mail<'_>) -> u32 {
        let flush = &self.settings.flush;
        let now = mail.now;
        let outage = self.state.outage;
        if let (Some(down), Some(up)) = (outage.down, outage.up) {
            let span = up.since(down).max(flush.span_min);
            let written = mail.facts.date.map(|seconds| Timestamp::from_millis(seconds * 1000));
            let waited = written.is_some_and(|at| at.plus(CLOCK_SLACK) >= down && at <= up);
            if now.since(up) <= span && waited {
                return flush.factor;
            }
        }
        let trips = &mut self.state.trips;
        while trips.front().is_some_and(|(at, _)| now.since(*at) > TRIPS_SPAN) {
            trips.pop_front();
        }
        let mut customers: Vec<_> = trips.iter().map(|(_, customer)| customer).collect();
        customers.sort_unstable();
        customers.dedup();
        if customers.len() as u32 >= flush.customers_at_once { flush.factor } else { 1 }
    }
}

impl Mail<'_> {
    /// An origin that has mailed for a month is where it belongs.
    fn long_clean(&self, first_seen: Timestamp) -> bool {
        self.now.since(first_seen).as_secs() >= 30 * 86_400
    }
}

/// Content rules of a message with their points; nothing for desks that want to see abuse.
pub(super) fn content_points(mail: &Mail<'_>, settings: &Settings) -> Vec<(Rule, i32, String)> {
    if mail.facts.to_abuse_desks {
        return Vec::new();
    }
    let look = |finding: &crate::facts::Finding| {
        let rule = rules::find(&finding.rule)?;
        let set = settings.rule(rule.id);
        (set.mode == RuleMode::On).then(|| (rule, set.points.hundredths(), finding.why.clone()))
    };
    mail.facts.findings.iter().filter_map(look).collect()
}

/// A stream's content is what its last eight or so messages to strangers said.
const CONTENT_MEMORY: i32 = 8;
/// Nine in ten in order: no address book is sent to that way by hand.
const ORDERED_PERCENT: u32 = 90;
/// Clocks of nodes differ.
const CLOCK_SLACK: std::time::Duration = std::time::Duration::from_secs(300);
/// Holds count as "at once" for so long.
const TRIPS_SPAN: std::time::Duration = std::time::Duration::from_secs(300);
