//! Advertisements of quick riches.

use super::{ContentRule, Sight, content, matches, words};

words!(
    SIGNS,
    "bitcoin",
    "krypto(?:währung)?",
    "crypto",
    "trading",
    "eur pro tag",
    "euro pro tag",
    "verdienen sie bis zu",
    "so verdienen sie",
    "von zu hause",
    "per day from home",
    "passive income",
    "passives einkommen",
    "einzahlung",
    "auszahlung",
    "guthaben",
    "leute reich",
    "reich werden",
    "get rich",
    "investment platform",
    "forex",
    "robot",
    "gewinne",
    "garantiert",
    "guaranteed profit",
);

pub(super) const RULE: ContentRule = content(
    "INVESTMENT",
    180,
    "Three or more phrases of advertisements for quick riches.",
    |sight: &Sight<'_>| matches(&SIGNS, &sight.heads, &sight.reading.folded, 3),
);
