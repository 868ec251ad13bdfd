//! A deadline beside a foreign link.

use super::{ContentRule, Sight, content, matches, words};

words!(
    SIGNS,
    "innerhalb von (?:24|48|72) stunden",
    "within (?:24|48|72) hours",
    "nur (?:noch )?heute",
    "only today",
    "letzte (?:erinnerung|mahnung|chance)",
    "final (?:notice|reminder|warning)",
    "sofort(?:ige)? handeln",
    "immediate(?:ly)? action",
    "act now",
    "läuft heute ab",
    "expires today",
    "dans les (?:24|48) heures",
    "jetzt bezahlen",
    "umgehend bestätigen",
    "w ciągu (?:24|48) godzin",
);

pub(super) const RULE: ContentRule = content(
    "URGENT_LINK",
    100,
    "A deadline of hours, and a link that belongs neither to the sender nor to the customer.",
    |sight: &Sight<'_>| {
        let foreign = sight.reading.links.iter().find(|l| !sight.facts.is_own_link(l.domain()))?;
        let words = matches(&SIGNS, &sight.heads, &sight.reading.folded, 1)?;
        Some(format!("“{words}” beside a link to {}", foreign.host))
    },
);
