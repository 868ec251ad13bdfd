//! Phrases of spam, looked for in one pass.
//!
//! Every phrase begins with a few letters that are the same in all its forms: its heads. One
//! automaton over the heads of all sets counts in a single pass where phrases of which set may
//! begin. Most mail has too few, and no set's own pattern runs at all; where it runs, it alone
//! decides.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::Regex;
use regex_syntax::hir::literal::Extractor;

use super::{
    account_threat, advance_fee, encrypted_archive, gambling, investment, parcel_fee, pharma,
    sextortion, urgent_link,
};

/// A set of phrases, each of which begins a word.
pub(crate) struct Phrases {
    source: &'static str,
    pattern: LazyLock<Regex>,
}

impl Phrases {
    /// From the alternatives as one pattern, and its compiled form.
    pub(super) const fn new(source: &'static str, pattern: fn() -> Regex) -> Self {
        Self { source, pattern: LazyLock::new(pattern) }
    }

    /// What each of its phrases begins with; none where that cannot be said.
    fn heads(&self) -> Vec<Vec<u8>> {
        let Ok(hir) = regex_syntax::parse(self.source) else { return Vec::new() };
        let heads = Extractor::new().limit_total(HEADS_MAX).extract(&hir);
        let literals = heads.literals().unwrap_or_default().iter();
        literals.map(|head| head.as_bytes()[..head.len().min(HEAD_OCTETS)].to_vec()).collect()
    }
}

/// All sets: one that is missing here would be looked for by its own pattern in all mail.
static ALL: [&Phrases; 10] = [
    &account_threat::THREATS,
    &advance_fee::SIGNS,
    &encrypted_archive::PASSWORD,
    &gambling::SIGNS,
    &investment::SIGNS,
    &parcel_fee::PARCEL,
    &parcel_fee::TROUBLE,
    &pharma::SIGNS,
    &sextortion::SIGNS,
    &urgent_link::SIGNS,
];

/// Heads of one set.
const HEADS_MAX: usize = 1000;
/// Longer heads tell hardly more, and make the automaton outgrow the cache.
const HEAD_OCTETS: usize = 8;

/// The automaton, with the set of each of its heads.
struct Automaton {
    heads: AhoCorasick,
    sets: Vec<usize>,
    /// Sets without heads.
    blind: [bool; ALL.len()],
}

static AUTOMATON: LazyLock<Option<Automaton>> = LazyLock::new(|| {
    let (mut heads, mut sets, mut blind) = (Vec::new(), Vec::new(), [false; ALL.len()]);
    for (set, phrases) in ALL.iter().enumerate() {
        let mut own = phrases.heads();
        own.sort_unstable();
        own.dedup();
        blind[set] = own.is_empty();
        sets.resize(sets.len() + own.len(), set);
        heads.append(&mut own);
    }
    let heads = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(heads).ok()?;
    Some(Automaton { heads, sets, blind })
});

/// How often a phrase of each set may begin in a text in lower case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heads([usize; ALL.len()]);

impl Heads {
    /// In the part of a text that is looked at.
    pub(crate) fn of(text: &str) -> Self {
        let octets = looked_at(text).as_bytes();
        let Some(automaton) = AUTOMATON.as_ref() else { return Self([usize::MAX; ALL.len()]) };
        let mut counts = automaton.blind.map(|blind| if blind { usize::MAX } else { 0 });
        for head in automaton.heads.find_overlapping_iter(octets) {
            if begins_word(octets, head.start()) {
                let count = &mut counts[automaton.sets[head.pattern().as_usize()]];
                *count = count.saturating_add(1);
            }
        }
        Self(counts)
    }

    /// In two texts together.
    pub(super) fn and(self, other: Self) -> Self {
        let mut sum = self.0;
        for (count, more) in sum.iter_mut().zip(other.0) {
            *count = count.saturating_add(more);
        }
        Self(sum)
    }

    /// No set's phrases can occur more often than their heads.
    fn at_most(&self, set: &Phrases) -> usize {
        let place = ALL.iter().position(|other| std::ptr::eq(*other, set));
        place.map_or(usize::MAX, |place| self.0[place])
    }
}

/// What `\b` of the patterns means, in octets.
fn begins_word(octets: &[u8], at: usize) -> bool {
    let word = |octet: &u8| octet.is_ascii_alphanumeric() || *octet == b'_';
    let before = at.checked_sub(1).and_then(|at| octets.get(at)).is_some_and(word);
    before != octets.get(at).is_some_and(word)
}

/// The first so many different phrases of a set that stand in a text with these heads; `None` where
/// there are fewer.
pub(super) fn matches(set: &Phrases, heads: &Heads, text: &str, wanted: usize) -> Option<String> {
    if heads.at_most(set) < wanted {
        return None;
    }
    let mut found: Vec<&str> = Vec::new();
    for hit in set.pattern.find_iter(looked_at(text)).take(MATCHES_MAX) {
        if !found.contains(&hit.as_str()) {
            found.push(hit.as_str());
        }
        if found.len() >= wanted {
            return Some(found.join(", "));
        }
    }
    None
}

fn looked_at(text: &str) -> &str {
    &text[..text.floor_char_boundary(PHRASE_OCTETS_MAX)]
}

/// What a message wants stands in its first pages; the rest is quotation and small print.
const PHRASE_OCTETS_MAX: usize = 16 * 1024;
/// Matches looked at in one message.
const MATCHES_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_set_has_heads() {
        for set in ALL {
            let heads = set.heads();
            assert!(heads.len() >= 6, "{}", set.source);
            assert!(heads.iter().all(|head| !head.is_empty()), "{}", set.source);
        }
    }

    /// Pieces from which phrases of several sets grow together, and words between.
    const PIECES: [&str; 24] = [
        "casino",
        " ",
        "jackpot",
        "% bonus",
        "5",
        "eur bonus von",
        "robot",
        "bitcoin",
        "s",
        "porno",
        "\n",
        "your webcam",
        "online-banking gesperrt",
        "ä",
        "paket",
        "gebühr von",
        "slots",
        "_",
        "western union",
        "btc",
        "zugriff auf",
        "passwort",
        "nur noch heute",
        "pro pille",
    ];

    proptest! {
        #[test]
        fn heads_hide_no_phrase(picks in prop::collection::vec(0..PIECES.len(), 0..40)) {
            let text: String = picks.iter().map(|pick| PIECES[*pick]).collect();
            let (heads, all) = (Heads::of(&text), Heads([usize::MAX; ALL.len()]));
            for set in ALL {
                for wanted in 1..=5 {
                    prop_assert_eq!(
                        matches(set, &heads, &text, wanted),
                        matches(set, &all, &text, wanted)
                    );
                }
            }
        }
    }
}
