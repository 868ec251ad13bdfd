//! A message's sketch: minimal hashes of its text's words. The share of equal places in two
//! sketches estimates how alike the texts are (Broder, "On the resemblance and containment of
//! documents", 1997).
//!
//! Single words, not pairs: spammers' templates change the words between. Words are made plain
//! first: what a template fills in (numbers, tokens, links, addresses) is collapsed, so that the
//! copies of one mailing look the same.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Places of a sketch. 32: the estimate errs by a twelfth, a lookup costs a microsecond.
pub(crate) const PLACES: usize = 32;

/// A sketch; of each minimal hash 16 bits, which is enough to tell equal from different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sketch([u16; PLACES]);

/// Fewer words say too little to be told from others' mail.
const WORDS_MIN: usize = 6;
/// Further words are quotations and small print.
const WORDS_MAX: usize = 300;
/// Shorter words are in every text of a language.
const TELLING_OCTETS: usize = 4;

impl Sketch {
    /// Of a subject and a text; `None` where there are too few words.
    pub(crate) fn of(subject: &str, text: &str) -> Option<Self> {
        let mut least = [u64::MAX; PLACES];
        let (mut count, mut seen) = (0, [0; SEEN_PLACES]);
        for word in subject.split_whitespace().chain(text.split_whitespace()).take(WORDS_MAX) {
            let Some(feature) = plain_hash(word) else { continue };
            count += 1;
            if !is_new(&mut seen, feature) {
                continue;
            }
            for (place, seed) in least.iter_mut().zip(SEEDS) {
                *place = (*place).min(mix(feature ^ seed));
            }
        }
        (count >= WORDS_MIN).then(|| Self(least.map(|hash| hash as u16)))
    }

    /// How alike, in percent.
    pub(crate) fn alike_percent(&self, other: &Self) -> u32 {
        let equal = self.0.iter().zip(&other.0).filter(|(a, b)| a == b).count();
        (equal * 100 / PLACES) as u32
    }

    /// Keys under which alike sketches meet: pairs of places.
    pub(crate) fn bands(&self) -> impl Iterator<Item = u64> + '_ {
        self.0
            .chunks_exact(2)
            .enumerate()
            .map(|(i, pair)| mix(u64::from(pair[0]) << 16 | u64::from(pair[1]) | (i as u64) << 32))
    }
}

/// More than words are looked at, so that a free place is always near.
const SEEN_PLACES: usize = 512;
const _: () = assert!(WORDS_MAX < SEEN_PLACES);

/// A word that came before cannot make a minimum smaller.
fn is_new(seen: &mut [u64; SEEN_PLACES], feature: u64) -> bool {
    let mut at = feature as usize >> 4;
    loop {
        let place = &mut seen[at % SEEN_PLACES];
        if *place == feature {
            return false;
        }
        // No feature is 0.
        if *place == 0 {
            *place = feature;
            return true;
        }
        at += 1;
    }
}

/// A word's hash after making it plain; `None` for what is no word.
fn plain_hash(word: &str) -> Option<u64> {
    if word.contains("://") || word.starts_with("www.") {
        return Some(1);
    }
    if word.contains('@') {
        return Some(2);
    }
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    if word.is_empty() {
        return None;
    }
    if word.contains(|c: char| c.is_ascii_digit()) {
        let all = word.chars().all(|c| !c.is_alphabetic());
        return Some(if all { 3 } else { 4 });
    }
    (word.len() >= TELLING_OCTETS).then(|| xxh3_64_with_seed(word.to_lowercase().as_bytes(), 0) | 8)
}

/// The finaliser of MurmurHash3, which spreads every bit over all.
const fn mix(mut h: u64) -> u64 {
    h ^= h >> 33;
    h = h.wrapping_mul(0xff51_afd7_ed55_8ccd);
    h ^= h >> 33;
    h = h.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ h >> 33
}

const SEEDS: [u64; PLACES] = {
    let mut seeds = [0; PLACES];
    let mut i = 0;
    while i < PLACES {
        seeds[i] = mix(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(i as u64 + 1));
        i += 1;
    }
    seeds
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_a_template_are_alike_and_letters_are_not() {
        let parcel = |n: u32, host: &str| {
            Sketch::of(
                &format!("Ihr Paket {n} konnte nicht zugestellt werden"),
                &format!("Sehr geehrter Kunde, Ihr Paket {n} wartet. Bitte zahlen Sie 2,{n} EUR: https://{host}/x{n}"),
            )
            .unwrap()
        };
        let a = parcel(17, "a.example");
        let b = parcel(9981, "b.example");
        assert_eq!(a.alike_percent(&b), 100);
        assert!(a.bands().any(|band| b.bands().any(|other| band == other)));
        let letter = Sketch::of(
            "Angebot",
            "Hallo Frau Meier, anbei das Angebot für den neuen Zaun am Hof, viele Grüße",
        );
        assert!(a.alike_percent(&letter.unwrap()) < 20);
        assert_eq!(Sketch::of("kurz", "ja gut"), None);
    }
}
