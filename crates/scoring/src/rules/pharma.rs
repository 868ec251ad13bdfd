//! Advertisements of pills.

use super::{ContentRule, Heads, Sight, content, matches, words};

words!(
    SIGNS,
    "viagra",
    "cialis",
    "levitra",
    "sildenafil",
    "tadalafil",
    "xanax",
    "tramadol",
    "phentermine",
    "no prescription",
    "ohne rezept",
    "rezeptfrei",
    "your prescription",
    "discreet shipping",
    "diskreter versand",
    "per pill",
    "pro pille",
    "free pills",
    "online apotheke",
    "canadian pharmacy",
    "online pharmacy",
    "potenzmittel",
    "erectile",
    "weight loss",
    "keto",
    "cbd (?:oil|gummies)",
);

pub(super) const RULE: ContentRule =
    content("PHARMA", 230, "Two or more phrases of pill advertisements.", |sight: &Sight<'_>| {
        let name = sight.facts.from_name.to_lowercase();
        let heads = sight.heads.and(Heads::of(&name));
        matches(&SIGNS, &heads, &format!("{name}\n{}", sight.reading.folded), 2)
    });
