//! Links to top-level domains that are bought by the thousand and thrown away.

use super::{ContentRule, Sight, content};

pub(super) const RULE: ContentRule = content(
    "LINK_THROWAWAY",
    150,
    "A link to a foreign host under one of the cheap top-level domains that abuse lists are full of.",
    look,
);

const ZONES: [&str; 40] = [
    "top", "xyz", "click", "shop", "icu", "buzz", "cfd", "sbs", "rest", "monster", "quest", "cyou",
    "bond", "beauty", "hair", "makeup", "skin", "autos", "boats", "homes", "yachts", "lol", "mom",
    "pics", "support", "online", "site", "website", "space", "fun", "live", "loan", "win", "bid",
    "stream", "gq", "cf", "tk", "ml", "ga",
];

fn look(sight: &Sight<'_>) -> Option<String> {
    let cheap = |host: &str| host.rsplit('.').next().is_some_and(|zone| ZONES.contains(&zone));
    let link = sight
        .reading
        .links
        .iter()
        .find(|link| cheap(&link.host) && !sight.facts.is_own_link(link.domain()))?;
    Some(format!("links to {}", link.host))
}
