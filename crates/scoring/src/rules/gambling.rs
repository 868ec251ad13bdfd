//! Casino advertisements.

use super::{ContentRule, Sight, content, matches, words};

words!(
    SIGNS,
    "online[- ]casino",
    "casino",
    "freispiele",
    "free spins",
    "willkommensbonus",
    "welcome bonus",
    "ohne einzahlung",
    "erste einzahlung",
    "no deposit",
    "jackpot",
    "sportwetten",
    "roulette",
    "slots?",
    "bonus code",
    "% bonus",
    "prozent bonus",
    "bonus von",
    "eur bonus",
);

pub(super) const RULE: ContentRule = content(
    "GAMBLING",
    180,
    "Two or more phrases of casino advertisements.",
    |sight: &Sight<'_>| matches(&SIGNS, &sight.heads, &sight.reading.folded, 2),
);
