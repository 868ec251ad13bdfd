//! The rules, in one visible list: those that look at a message, and those that look at a stream.
//!
//! A rule's points are natural log odds in hundredths: 230 is ten to one that mail like this is
//! abuse rather than ordinary. No rule quarantines alone: [`crate::settings::Ladder`] wants two
//! families. Documentation is made from this list.

use postern_mail::Points;
use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::mime::Structure;
use crate::text::Reading;

mod account_threat;
mod advance_fee;
mod brand_from;
mod brand_link;
mod brands;
mod disguised_file;
mod encrypted_archive;
mod eval_script;
mod freemail_unsigned;
mod gambling;
mod hidden_text;
mod html_file;
mod investment;
mod link_address;
mod link_hacked_path;
mod link_mismatch;
mod link_shortener;
mod link_throwaway;
mod loader_file;
mod mime_broken;
mod parcel_fee;
mod password_form;
mod pharma;
mod phish_result;
mod phrases;
mod program_file;
mod reply_without_thread;
mod sextortion;
mod stream;
mod subject_token;
#[cfg(test)]
mod tests;
mod urgent_link;

pub(crate) use phrases::Heads;
use phrases::matches;
pub(crate) use stream::*;

/// What kind of evidence a rule gives. Two of one family count as one signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// How much, how fast, to whom.
    Behaviour,
    /// Who sends, from where, by what.
    Identity,
    /// What became of earlier mail.
    Feedback,
    /// What the message says.
    Content,
    /// What others send.
    Campaign,
    /// What a list of recipients looks like.
    Recipients,
}

/// A rule, as settings and documentation know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its id.
    pub id: &'static str,
    /// Its kind of evidence.
    pub family: Family,
    /// Its points in hundredths unless the settings say otherwise; for rules that measure, the most.
    pub hundredths: i32,
    /// What it looks for, and why that counts.
    pub about: &'static str,
}

/// A rule over one message's content.
pub(crate) struct ContentRule {
    pub(crate) rule: Rule,
    /// The reason with its figures, where it hits.
    pub(crate) look: fn(&Sight<'_>) -> Option<String>,
}

/// What content rules look at.
pub(crate) struct Sight<'a> {
    pub(crate) octets: &'a [u8],
    pub(crate) structure: &'a Structure,
    pub(crate) reading: &'a Reading,
    pub(crate) facts: &'a Facts,
    /// Where phrases may begin in the folded text.
    pub(crate) heads: Heads,
}

impl Sight<'_> {
    /// A top field's unfolded value.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        self.structure.header.first(self.octets, name)
    }
}

/// All content rules.
pub(crate) const CONTENT: &[ContentRule] = &[
    account_threat::RULE,
    advance_fee::RULE,
    brand_from::RULE,
    brand_link::RULE,
    disguised_file::RULE,
    encrypted_archive::RULE,
    eval_script::RULE,
    freemail_unsigned::RULE,
    gambling::RULE,
    hidden_text::RULE,
    html_file::RULE,
    investment::RULE,
    link_address::RULE,
    link_hacked_path::RULE,
    link_mismatch::RULE,
    link_shortener::RULE,
    link_throwaway::RULE,
    loader_file::RULE,
    mime_broken::RULE,
    parcel_fee::RULE,
    password_form::RULE,
    pharma::RULE,
    phish_result::RULE,
    program_file::RULE,
    reply_without_thread::RULE,
    sextortion::RULE,
    subject_token::RULE,
    urgent_link::RULE,
];

/// All rules, for settings and documentation.
pub fn all() -> impl Iterator<Item = Rule> {
    CONTENT.iter().map(|rule| rule.rule).chain(STREAM.iter().copied())
}

/// The rule of this id.
pub fn find(id: &str) -> Option<Rule> {
    all().find(|rule| rule.id == id)
}

/// A rule's points when the settings do not name it.
pub(crate) fn default_points(id: &str) -> Points {
    Points::from_hundredths(find(id).map_or(0, |rule| rule.hundredths))
}

/// A content rule's constant.
const fn content(
    id: &'static str,
    hundredths: i32,
    about: &'static str,
    look: fn(&Sight<'_>) -> Option<String>,
) -> ContentRule {
    ContentRule { rule: Rule { id, family: Family::Content, hundredths, about }, look }
}

/// Makes a set of alternatives that begin a word. The patterns are constants, and the tests build
/// each.
macro_rules! words {
    ($name:ident, $($word:literal),+ $(,)?) => {
        pub(super) static $name: super::phrases::Phrases = {
            const ALL: &str = concat!("(?-u:\\b)(?:", $($word, "|",)+ "\u{0}\u{0})");
            super::phrases::Phrases::new(ALL, || {
                regex::Regex::new(ALL).expect("constant pattern")
            })
        };
    };
}
use words;
