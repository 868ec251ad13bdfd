//! Walks a parsed TOML document key by key and notes everything that is wrong, where it stands.

use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::document::{Asked, Document, Unknown};
use crate::value::Value;

/// One table of the document, with the keys asked for so far.
pub(crate) struct Section<'d, 't> {
    document: &'d Document<'t>,
    /// `queue`, `pool.main`; empty at the top.
    name: String,
    /// `None`: it is not there, everything in it has its default.
    table: Option<&'d DeTable<'t>>,
    span: Range<usize>,
    asked: Vec<String>,
}

impl<'d, 't> Section<'d, 't> {
    pub(crate) fn new(
        document: &'d Document<'t>,
        name: String,
        table: Option<&'d DeTable<'t>>,
        span: Range<usize>,
    ) -> Self {
        Self { document, name, table, span, asked: Vec::new() }
    }

    /// Whether it stands in the file.
    pub(crate) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Whether the key stands in it, right or wrong.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// All keys that stand in it, in the order of the file.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.table.into_iter().flatten().map(|(key, _)| key).collect();
        keys.sort_by_key(|key| key.span().start);
        keys.into_iter().map(|key| key.get_ref().to_string()).collect()
    }

    fn ask(&mut self, key: &str) -> Option<&'d Spanned<DeValue<'t>>> {
        let full =
            if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        self.document.asked.borrow_mut().push(Asked { name: full, default: None });
        self.asked.push(key.to_owned());
        self.table?.get(key)
    }

    /// The value of `key`, where it is there and right.
    pub(crate) fn take<T: Value>(&mut self, key: &str) -> Option<T> {
        let value = self.ask(key)?;
        T::read(value)
            .map_err(|wrong| {
                for wrong in wrong {
                    let what = format!("`{key}` {}", wrong.what);
                    self.document.report(wrong.span, what, wrong.remedy);
                }
            })
            .ok()
    }

    /// Puts the value of `key` into `place`, where it is there and right; else the default stays.
    pub(crate) fn set<T: Value>(&mut self, key: &str, place: &mut T) {
        if let Some(value) = self.take(key) {
            *place = value;
        }
    }

    /// Like `set`, for a value that must lie within a range.
    pub(crate) fn set_within<T: Value + PartialOrd + Shown>(
        &mut self,
        key: &str,
        place: &mut T,
        range: RangeInclusive<T>,
    ) {
        let value = self.take::<T>(key);
        let default = place.shown();
        if let Some(asked) = self.document.asked.borrow_mut().last_mut() {
            asked.default = Some(default.clone());
        }
        let Some(value) = value else { return };
        if range.contains(&value) {
            *place = value;
            return;
        }
        let (min, max) = (range.start().shown(), range.end().shown());
        let remedy = format!("{min} to {max} is possible; the default is {default}");
        self.refuse(key, format!("is {}", value.shown()), remedy);
    }

    /// The value of `key`, which must be there.
    pub(crate) fn need<T: Value>(&mut self, key: &str, remedy: &str) -> Option<T> {
        let value = self.take(key);
        if self.is_there() && !self.has(key) {
            self.missing(format!("`{key}` is missing{}", self.place()), remedy);
        }
        value
    }

    /// A file or folder, relative to the folder of this file.
    pub(crate) fn path(&mut self, key: &str) -> Option<PathBuf> {
        let path: PathBuf = self.take(key)?;
        Some(self.document.path.parent().unwrap_or(Path::new("")).join(path))
    }

    /// Something that must be there is not.
    pub(crate) fn missing(&self, what: impl Into<String>, remedy: &str) {
        // What is missing may stand in a line that could not be read.
        if self.document.broken.is_empty() {
            self.document.report(self.span.clone(), what, remedy);
        }
    }

    /// The value of `key` cannot be meant; `what` goes on after the key's name.
    pub(crate) fn refuse(&self, key: &str, what: impl Into<String>, remedy: impl Into<String>) {
        let value = self.table.and_then(|table| table.get(key));
        let span = value.map_or(self.span.clone(), Spanned::span);
        self.document.report(span, format!("`{key}` {}", what.into()), remedy);
    }

    /// The key itself cannot be meant.
    pub(crate) fn refuse_key(&mut self, key: &str, what: &str, remedy: impl Into<String>) {
        self.ask(key);
        let found = self.table.and_then(|table| table.get_key_value(key));
        let span = found.map_or(self.span.clone(), |(key, _)| key.span());
        self.document.report(span, format!("`{key}` {what}"), remedy);
    }

    /// ` in [queue]`
    fn place(&self) -> String {
        if self.name.is_empty() { String::new() } else { format!(" in [{}]", self.name) }
    }

    /// Reads `[key]`, also when it is absent: then everything in it has its default.
    pub(crate) fn section<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Section<'d, 't>) -> T,
    ) -> T {
        let value = self.ask(key);
        let table = value.and_then(|value| self.table_of(key, value));
        let span = value.map_or(0..0, Spanned::span);
        let mut inner = Section::new(self.document, self.inner_name(key), table, span);
        let found = read(&mut inner);
        inner.finish();
        found
    }

    /// Reads each `[[key]]`.
    pub(crate) fn list<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Section<'d, 't>) -> T,
    ) -> Vec<T> {
        let Some(value) = self.ask(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            let remedy = format!("begin each with a line [[{key}]]");
            self.document.report(value.span(), format!("`{key}` is a list"), remedy);
            return Vec::new();
        };
        let mut found = Vec::new();
        for value in array.iter() {
            let Some(table) = self.table_of(key, value) else { continue };
            let name = self.inner_name(key);
            let mut inner = Section::new(self.document, name, Some(table), value.span());
            found.push(read(&mut inner));
            inner.finish();
        }
        found
    }

    /// Reads each `[key.NAME]`, in the order of the file.
    pub(crate) fn named<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&str, &mut Section<'d, 't>) -> T,
    ) -> Vec<T> {
        let Some(value) = self.ask(key) else { return Vec::new() };
        let Some(tables) = self.table_of(key, value) else { return Vec::new() };
        let mut entries: Vec<_> = tables.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let mut found = Vec::new();
        for (name, value) in entries {
            let full = format!("{key}.{}", name.get_ref());
            let Some(table) = self.table_of(&full, value) else { continue };
            let inner_name = self.inner_name(&full);
            let mut inner = Section::new(self.document, inner_name, Some(table), name.span());
            found.push(read(name.get_ref(), &mut inner));
            inner.finish();
        }
        found
    }

    fn inner_name(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn table_of(&self, key: &str, value: &'d Spanned<DeValue<'t>>) -> Option<&'d DeTable<'t>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let remedy = format!("begin it with a line [{}]", self.inner_name(key));
            self.document.report(value.span(), format!("`{key}` is a section"), remedy);
        }
        table
    }

    /// What is left over is unknown.
    pub(crate) fn finish(self) {
        let Some(table) = self.table else { return };
        for (key, _) in table {
            if !self.asked.iter().any(|asked| asked == key.get_ref()) {
                self.document.unknown.borrow_mut().push(Unknown {
                    section: self.name.clone(),
                    key: key.get_ref().to_string(),
                    span: key.span(),
                });
            }
        }
    }
}

/// As it is written in the file.
pub(crate) trait Shown {
    fn shown(&self) -> String;
}
