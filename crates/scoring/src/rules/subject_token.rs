//! A random token in the subject: what makes each copy of a mass mailing different.

use super::{ContentRule, Sight, content};

pub(super) const RULE: ContentRule = content(
    "SUBJECT_TOKEN",
    60,
    "The subject ends in a random token. Ticket systems put numbers there, so it is weak.",
    look,
);

fn look(sight: &Sight<'_>) -> Option<String> {
    let last = sight.reading.subject.split_whitespace().next_back()?;
    let word = last.trim_matches(|c: char| !c.is_alphanumeric());
    let few = (4..=16).contains(&word.len()) && word.bytes().all(|o| o.is_ascii_alphanumeric());
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let vowels = word.bytes().filter(|o| b"aeiouyAEIOUY".contains(o)).count();
    let mixed = digits > 0 && digits < word.len() && !word.ends_with(|c: char| c.is_ascii_digit());
    let unspeakable = digits == 0 && vowels * 6 < word.len() && word.len() >= 5;
    (few && (mixed || unspeakable)).then(|| format!("subject ends in {word:?}"))
}
