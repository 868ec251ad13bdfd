//! Blackmail with a video that does not exist.

use super::{ContentRule, Sight, content, matches, words};

words!(
    SIGNS,
    "(?:your )?webcam",
    "kamera",
    "recorded (?:you|a video)",
    "aufgenommen",
    "masturbat\\w*",
    "porn\\w*",
    "adult (?:site|website|content)",
    "trojan",
    "malware",
    "hacked your",
    "gehackt",
    "all your contacts",
    "allen? (?:ihren?|deinen?) kontakten?",
    "btc",
    "bitcoin",
    "48 hours",
    "50 hours",
    "48 stunden",
    "wallet",
    "i (?:have )?access to your",
    "zugriff auf",
    "(?:wird|werde) (?:ich )?(?:das )?video",
    "pervert",
);

pub(super) const RULE: ContentRule = content(
    "SEXTORTION",
    300,
    "Five or more phrases of the blackmail about a recorded video.",
    |sight: &Sight<'_>| matches(&SIGNS, &sight.heads, &sight.reading.folded, 5),
);
