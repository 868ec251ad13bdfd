//! Which limits hold for a stream: by kind of sender, plan, own past, and a person's overrides.

use postern_mail::{Customer, OriginKind, Timestamp};

use crate::settings::{Settings, Tier};
use crate::state::{CustomerState, OriginState};

/// Days of contract at `now`.
pub(crate) fn contract_days(customer: &Customer, now: Timestamp) -> u32 {
    ((now.seconds() / 86_400) as u32).saturating_sub(customer.since_day)
}

/// Whether a contract is younger than a month.
pub(crate) fn is_young(customer: Option<&Customer>, settings: &Settings, now: Timestamp) -> bool {
    customer.is_none_or(|c| contract_days(c, now) < settings.tiers.month_days)
}

/// Whether a script is new while its customer is not.
pub(crate) fn is_new_origin(
    kind: OriginKind,
    customer: &CustomerState,
    origin: &OriginState,
    settings: &Settings,
    now: Timestamp,
) -> bool {
    let new = settings.tiers.origin_new;
    kind == OriginKind::Script
        && now.since(origin.first_seen) < new
        && now.since(customer.first_seen) >= new
}

/// The limits of a sender.
pub(crate) fn tier(
    customer: Option<&Customer>,
    site: bool,
    new_origin: bool,
    settings: &Settings,
    now: Timestamp,
) -> Tier {
    let tiers = &settings.tiers;
    let Some(customer) = customer else { return tiers.unknown };
    let days = contract_days(customer, now);
    let mut tier = if days < tiers.week_days {
        tiers.week
    } else if new_origin {
        tiers.new_origin
    } else if days < tiers.month_days {
        tiers.month
    } else {
        let settled = if site { tiers.script } else { tiers.mailbox };
        scaled(settled, settings.plans_percent.get(&customer.plan).copied().unwrap_or(100))
    };
    for (key, value) in &customer.limits {
        let value = (*value).min(u64::from(u32::MAX)) as u32;
        match key.as_str() {
            "burst" => tier.burst = value,
            "new_recipients_hour" => tier.new_recipients_hour = value,
            "recipients_hour" => tier.recipients_hour = value,
            "recipients_day" => tier.recipients_day = value,
            _ => {}
        }
    }
    tier
}

fn scaled(tier: Tier, percent: u32) -> Tier {
    let scale = |n: u32| (u64::from(n) * u64::from(percent) / 100).min(u64::from(u32::MAX)) as u32;
    Tier {
        burst: scale(tier.burst),
        new_recipients_hour: scale(tier.new_recipients_hour),
        recipients_hour: scale(tier.recipients_hour),
        recipients_day: scale(tier.recipients_day),
    }
}
