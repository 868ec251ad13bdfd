//! What speaks against a message and its stream: hits with points and families.

use postern_mail::{Lane, Timestamp};

use super::Engine;
use super::balance::{Weighed, content_points};
use super::meet::Mail;
use crate::odd_path::odd_folder;
use crate::rules;
use crate::settings::Settings;

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
        let everybody = mail.everybody_sums;
        let is_new = |strangers: u32, all: u32| {
            u64::from(strangers) * 100 >= u64::from(all) * u64::from(settings.hold.new_percent)
        };
        let new = is_new(minute, everybody.minute);
        let afar = mail.place.is_some_and(|place| !place.familiar)
            && mail.from_afar > settings.networks.burst.saturating_mul(flush);
        if new && minute > limit.saturating_mul(flush) {
            let why = format!(
                "{minute} new of {} recipients in a minute, limit {limit}, earned {}",
                everybody.minute, stream.room
            );
            found.add(settings, rules::BURST_NEW_RECIPIENTS, None, why);
            found.burst = minute > allowed;
        } else if mail.newcomers_minute > limit.saturating_mul(flush) && !mail.strangers.is_empty()
        {
            let why = format!(
                "{} new recipients in a minute by all new scripts of the customer, limit {limit}",
                mail.newcomers_minute
            );
            found.add(settings, rules::BURST_NEW_RECIPIENTS, None, why);
            found.burst = mail.newcomers_minute > allowed;
        } else if afar {
            let why = format!(
                "{} messages to strangers in a minute from unfamiliar networks, limit {}",
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
                let earned = stream.room.saturating_mul(60);
                found.burst = hour > earned && is_new(hour, everybody.hour);
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
}

impl Mail<'_> {
    /// A login is used from where it was used before; sites and servers always are.
    pub(super) fn is_at_home(&self) -> bool {
        self.place.is_none_or(|place| place.familiar)
    }

    /// An origin that has mailed for a month is where it belongs.
    fn long_clean(&self, first_seen: Timestamp) -> bool {
        self.now.since(first_seen).as_secs() >= 30 * 86_400
    }
}

/// A stream's content is what its last eight or so messages to strangers said.
const CONTENT_MEMORY: i32 = 8;
/// Nine in ten in order: no address book is sent to that way by hand.
const ORDERED_PERCENT: u32 = 90;
