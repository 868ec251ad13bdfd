//! One TOML document under reading: what was asked for, what is wrong, what nobody knows.
//!
//! The keys that exist are those that somebody asked for: what is left over is unknown. So there is
//! no second list of keys that could differ from the code, and a wrong value never hides another.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use crate::errors::Problem;
use crate::section::Section;

/// One file under reading: its text, what was asked for, what is wrong.
pub(crate) struct Document<'t> {
    pub(crate) path: &'t Path,
    text: &'t str,
    /// Lines that are no TOML: what else is wrong there would be said twice.
    pub(crate) broken: Vec<usize>,
    problems: RefCell<Vec<Problem>>,
    pub(crate) unknown: RefCell<Vec<Unknown>>,
    pub(crate) asked: RefCell<Vec<Asked>>,
}

/// A key that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Its full name, such as `queue.max_age`.
    pub(crate) name: String,
    /// What holds without it, where that is a number, a time or a size.
    pub(crate) default: Option<String>,
}

/// A key that nobody asked for.
pub(crate) struct Unknown {
    pub(crate) section: String,
    pub(crate) key: String,
    pub(crate) span: Range<usize>,
}

impl<'t> Document<'t> {
    /// Reads `text` by `walk`; gives what it found and everything that is wrong.
    pub(crate) fn read<T>(
        path: &'t Path,
        text: &'t str,
        walk: impl FnOnce(&mut Section<'_, 't>) -> T,
    ) -> (T, Vec<Problem>, Vec<Asked>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut problems: Vec<_> = errors
            .iter()
            .map(|error| {
                let span = error.span().unwrap_or_default();
                Problem::span(path, text, span, error.message().trim_end(), SYNTAX)
            })
            .collect();
        // What the parser says further on in a line follows from the first.
        problems.dedup_by_key(|problem| problem.line);
        let document = Self {
            path,
            text,
            broken: problems.iter().map(|problem| problem.line).collect(),
            problems: RefCell::new(problems),
            unknown: RefCell::default(),
            asked: RefCell::default(),
        };
        let mut root = Section::new(&document, String::new(), Some(table.get_ref()), 0..0);
        let found = walk(&mut root);
        root.finish();
        document.name_unknown();
        (found, document.problems.into_inner(), document.asked.into_inner())
    }

    pub(crate) fn report(
        &self,
        span: Range<usize>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let problem = Problem::span(self.path, self.text, span, what, remedy);
        if !self.broken.contains(&problem.line) {
            self.problems.borrow_mut().push(problem);
        }
    }

    /// Only now all keys are known, so that a key in the wrong section is told its right one.
    fn name_unknown(&self) {
        let asked = self.asked.borrow();
        for unknown in self.unknown.take() {
            let place = match unknown.section.as_str() {
                "" => "at the top of the file".to_owned(),
                section => format!("in [{section}]"),
            };
            let what = format!("there is no key `{}` {place}", unknown.key);
            self.report(unknown.span, what, remedy(&unknown.section, &unknown.key, &asked));
        }
    }
}

/// What may have been meant by an unknown key.
fn remedy<'a>(section: &str, key: &str, asked: &'a [Asked]) -> String {
    let parts = |asked: &'a Asked| asked.name.rsplit_once('.').unwrap_or(("", &asked.name));
    let here = asked.iter().map(parts).filter(|(of, _)| *of == section);
    let mut siblings: Vec<&str> = here.map(|(_, sibling)| sibling).collect();
    if let Some(near) = nearest(key, siblings.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    let mut elsewhere: Vec<&str> =
        asked.iter().map(parts).filter(|(_, other)| *other == key).map(|(of, _)| of).collect();
    elsewhere.sort_unstable();
    elsewhere.dedup();
    match elsewhere.as_slice() {
        [""] => return format!("`{key}` stands above the first [section]"),
        [only] => return format!("`{key}` belongs in [{only}]"),
        _ => {}
    }
    siblings.sort_unstable();
    siblings.dedup();
    match siblings.len() {
        0 => "remove it".to_owned(),
        1..=12 => format!("the keys here are {}", siblings.join(", ")),
        _ => "config/postern.toml explains every key".to_owned(),
    }
}

/// The name most like `wrong`, when one is like it at all.
pub(crate) fn nearest<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let wrong = plain(wrong);
    names
        .map(|name| (strsim::damerau_levenshtein(&wrong, &plain(name)), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().max(wrong.len()) / 4)
        .min()
        .map(|(_, name)| name)
}

const SYNTAX: &str = "this is not TOML: texts stand in quotes, sections as [name]";
