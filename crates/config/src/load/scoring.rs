//! Limits, ladder, rules: the figures of the engine.

use std::time::Duration;

use postern_mail::Points;
use postern_scoring::{RuleMode, RuleSetting, Settings, Tier};

use super::{DAY, HOUR, MINUTE, MOMENT, SECOND};
use crate::document::nearest;
use crate::section::Section;
use crate::value::choice;

/// Reads what concerns the engine; `limits` is already open, the rest lies beside it.
pub(super) fn read(root: &mut Section<'_, '_>, settings: &mut Settings) {
    hold(root, settings);
    evidence(root, settings);
    ladder(root, settings);
    networks(root, settings);
    bombing(root, settings);
    notices(root, settings);
    campaigns(root, settings);
    flush(root, settings);
    budget(root, settings);
    memory(root, settings);
    rules(root, settings);
}

/// The tiers within `[limits]`.
pub(super) fn tiers(limits: &mut Section<'_, '_>, settings: &mut Settings) {
    let tiers = &mut settings.tiers;
    limits.set_within("week_days", &mut tiers.week_days, 0..=365);
    limits.set_within("month_days", &mut tiers.month_days, 0..=3650);
    limits.set_within("origin_new", &mut tiers.origin_new, Duration::ZERO..=30 * DAY);
    limits.set_within("new_scripts_hour", &mut tiers.new_scripts_hour, 1..=1000);
    limits.set_within("peak_percent", &mut tiers.peak_percent, 100..=10_000);
    limits.set_within("quiet_percent", &mut tiers.quiet_percent, 0..=100);
    if tiers.week_days > tiers.month_days {
        let what = format!("is {}, less than `week_days`", tiers.month_days);
        limits.refuse("month_days", what, "the tier `month` comes after the tier `week`");
    }
    limits.section("plan_percent", |plans| {
        for plan in plans.keys() {
            let mut percent = 100;
            plans.set_within(&plan, &mut percent, 1..=100_000);
            settings.plans_percent.insert(plan, percent);
        }
    });
    limits.section("tier", |all| {
        for (name, tier) in [
            ("unknown", &mut tiers.unknown),
            ("week", &mut tiers.week),
            ("month", &mut tiers.month),
            ("mailbox", &mut tiers.mailbox),
            ("script", &mut tiers.script),
            ("new_origin", &mut tiers.new_origin),
        ] {
            all.section(name, |section| {
                for (key, place) in keys(tier) {
                    section.set_within(key, place, 1..=1_000_000_000);
                }
            });
        }
    });
}

/// A tier's keys with their values.
fn keys(tier: &mut Tier) -> [(&'static str, &mut u32); 4] {
    [
        ("burst", &mut tier.burst),
        ("new_recipients_hour", &mut tier.new_recipients_hour),
        ("recipients_hour", &mut tier.recipients_hour),
        ("recipients_day", &mut tier.recipients_day),
    ]
}

/// Whether a customer's `limits` may have this key.
pub(crate) fn is_tier_key(key: &str) -> bool {
    keys(&mut Settings::default().tiers.unknown).iter().any(|(name, _)| *name == key)
}

fn hold(root: &mut Section<'_, '_>, settings: &mut Settings) {
    let hold = &mut settings.hold;
    root.section("hold", |section| {
        section.set_within("span", &mut hold.span, SECOND..=HOUR);
        section.set_within("span_max", &mut hold.span_max, SECOND..=DAY);
        section.set_within("probe_span", &mut hold.probe_span, SECOND..=HOUR);
        section.set_within("probe_recipients", &mut hold.probe_recipients, 1..=1000);
        section.set_within("probes", &mut hold.probes, 0..=1000);
        points(section, "doubt_points", &mut hold.doubt_points);
        section.set_within("stage_span", &mut hold.stage_span, SECOND..=HOUR);
        section.set_within("stage_factor", &mut hold.stage_factor, 1..=1000);
        section.set_within("past_percent", &mut hold.past_percent, 0..=1000);
        section.set_within("new_percent", &mut hold.new_percent, 0..=100);
        section.set_within("release_spread_max", &mut hold.release_spread_max, SECOND..=DAY);
        section.set_within("release_gap", &mut hold.release_gap, MOMENT..=MINUTE);
        section.set_within("headroom_percent", &mut hold.headroom_percent, 100..=10_000);
        if hold.span > hold.span_max {
            section.refuse("span", "is longer than `span_max`", "choose a shorter one");
        }
    });
}

fn evidence(root: &mut Section<'_, '_>, settings: &mut Settings) {
    let evidence = &mut settings.evidence;
    root.section("evidence", |section| {
        points(section, "delivered", &mut evidence.delivered);
        points(section, "unknown_user", &mut evidence.unknown_user);
        points(section, "spam_blocked", &mut evidence.spam_blocked);
        points(section, "complaint", &mut evidence.complaint);
        points(section, "floor", &mut evidence.floor);
        points(section, "ceiling", &mut evidence.ceiling);
        section.set_within("daily_percent", &mut evidence.daily_percent, 0..=100);
    });
}

fn ladder(root: &mut Section<'_, '_>, settings: &mut Settings) {
    let ladder = &mut settings.ladder;
    root.section("ladder", |section| {
        points(section, "family_points", &mut ladder.family_points);
        points(section, "hold_points", &mut ladder.hold_points);
        points(section, "quarantine_points", &mut ladder.quarantine_points);
        points(section, "feedback_alone_points", &mut ladder.feedback_alone_points);
        points(section, "forward_refuse_points", &mut ladder.forward_refuse_points);
        section.set_within("suspension", &mut ladder.suspension, MINUTE..=365 * DAY);
        section.set_within("case_messages_max", &mut ladder.case_messages_max, 1..=1_000_000);
        section.set_within("case_watch", &mut ladder.case_watch, Duration::ZERO..=365 * DAY);
        if ladder.hold_points > ladder.quarantine_points {
            let what = format!("is less than `hold_points` ({})", ladder.hold_points);
            section.refuse("quarantine_points", what, "quarantine needs more than a hold");
        }
    });
}

fn networks(root: &mut Section<'_, '_>, settings: &mut Settings) {
    let networks = &mut settings.networks;
    root.section("networks", |section| {
        section.set_within("span", &mut networks.span, SECOND..=DAY);
        section.set_within("many", &mut networks.many, 2..=1000);
        section.set_within("burst", &mut networks.burst, 1..=1_000_000);
        section.set_within("shared_logins", &mut networks.shared_logins, 2..=1_000_000);
    });
}

fn bombing(root: &mut Section<'_, '_>, settings: &mut Settings) {
    let bombing = &mut settings.bombing;
    root.section("bombing", |section| {
        section.set_within("span", &mut bombing.span, MINUTE..=DAY);
        section.set_within("customers", &mut bombing.customers, 2..=1_000_000);
        section.set_within("gap", &mut bombing.gap, SECOND..=DAY);
        section.set_within("waiting_max", &mut bombing.waiting_max, 0..=100_000);
    });
}

fn notices(root: &mut Section<'_, '_>, settings: &mut Settings) {
    let notices = &mut settings.notices;
    root.section("notices", |section| {
        section.set_within("replies_hour", &mut notices.replies_hour, 1..=1_000_000);
        section.set_within("replies_day", &mut notices.replies_day, 1..=10_000_000);
        section.set_within("reply_gap", &mut notices.reply_gap, Duration::ZERO..=30 * DAY);
        section.set_within("reports_hour", &mut notices.reports_hour, 1..=10_000_000);
    });
}

fn campaigns(root: &mut Section<'_, '_>, settings: &mut Settings) {
    let campaigns = &mut settings.campaigns;
    root.section("campaigns", |section| {
        section.set_within("alike_percent", &mut campaigns.alike_percent, 1..=100);
        section.set_within("young_contracts", &mut campaigns.young_contracts, 2..=1_000_000);
        section.set_within("kept_max", &mut campaigns.kept_max, 1000..=100_000_000);
        section.set_within("condemned_messages", &mut campaigns.condemned_messages, 1..=1_000_000);
        section.set_within("verdict", &mut campaigns.verdict, HOUR..=365 * DAY);
    });
}

fn flush(root: &mut Section<'_, '_>, settings: &mut Settings) {
    let flush = &mut settings.flush;
    root.section("flush", |section| {
        section.set_within("factor", &mut flush.factor, 1..=1000);
        section.set_within("span_min", &mut flush.span_min, Duration::ZERO..=DAY);
        section.set_within("customers_at_once", &mut flush.customers_at_once, 2..=1_000_000);
    });
}

fn budget(root: &mut Section<'_, '_>, settings: &mut Settings) {
    let budget = &mut settings.budget;
    root.section("budget", |section| {
        for (key, place, max) in [
            ("octets", &mut budget.octets, 1 << 30),
            ("depth", &mut budget.depth, 100),
            ("parts", &mut budget.parts, 100_000),
            ("header_octets", &mut budget.header_octets, 16 << 20),
            ("field_octets", &mut budget.field_octets, 16 << 20),
            ("fields", &mut budget.fields, 100_000),
            ("text_octets", &mut budget.text_octets, 16 << 20),
            ("links", &mut budget.links, 100_000),
        ] {
            section.set_within(key, place, 1..=max);
        }
    });
}

fn memory(root: &mut Section<'_, '_>, settings: &mut Settings) {
    let memory = &mut settings.memory;
    root.section("memory", |section| {
        section.set_within("recipients", &mut memory.recipients, DAY..=3650 * DAY);
        for (key, place) in [
            ("recipients_max", &mut memory.recipients_max),
            ("origins_max", &mut memory.origins_max),
            ("messages_max", &mut memory.messages_max),
            ("cases_max", &mut memory.cases_max),
        ] {
            section.set_within(key, place, 100..=100_000_000);
        }
    });
}

fn rules(root: &mut Section<'_, '_>, settings: &mut Settings) {
    root.section("rules", |all| {
        for id in all.keys() {
            let Some(known) = rule_ids().find(|known| *known == id) else {
                let remedy = match nearest(&id, rule_ids()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "config/postern.toml lists all rules under [rules]".to_owned(),
                };
                all.refuse_key(&id, "is no rule", remedy);
                continue;
            };
            let mut setting: RuleSetting = settings.rule(known);
            all.section(known, |rule| {
                points(rule, "points", &mut setting.points);
                rule.set("mode", &mut setting.mode);
            });
            settings.rules.insert(id, setting);
        }
    });
}

pub(super) fn rule_ids() -> impl Iterator<Item = &'static str> {
    postern_scoring::rules::all().map(|rule| rule.id)
}

/// Points, written as a number with at most two decimals.
fn points(section: &mut Section<'_, '_>, key: &str, place: &mut Points) {
    let mut value = f64::from(*place);
    section.set_within(key, &mut value, -1000.0..=1000.0);
    *place = Points::from(value);
}

choice!(RuleMode, "\"on\", \"shadow\" or \"off\"",
    "on" => RuleMode::On, "shadow" => RuleMode::Shadow, "off" => RuleMode::Off);
