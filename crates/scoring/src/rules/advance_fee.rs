//! Advance fee fraud: somebody's millions for a stranger.

use super::{ContentRule, Sight, content, matches, words};

words!(
    SIGNS,
    "next of kin",
    "inheritance",
    "beneficiary",
    "million (?:us )?(?:dollars|euros?|pounds)",
    "barrister",
    "diplomat(?:ic)? (?:agent|courier)",
    "consignment",
    "compensation fund",
    "transfer of (?:the )?funds?",
    "late (?:client|husband|father)",
    "foreign partner",
    "strictly confidential",
    "lottery (?:winner|winning|promotion)",
    "atm card",
    "western union",
    "erbschaft",
    "nachlass(?:verwalter)?",
    "begünstigte[rn]?",
    "millionen (?:us-)?(?:dollar|euro)",
    "god bless",
    "charity (?:work|project)",
    "your (?:full )?names? (?:and )?(?:address|telephone)",
);

pub(super) const RULE: ContentRule = content(
    "ADVANCE_FEE",
    250,
    "Four or more phrases of the letters that promise a stranger millions.",
    |sight: &Sight<'_>| matches(&SIGNS, &sight.heads, &sight.reading.folded, 4),
);
