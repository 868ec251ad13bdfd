//! Tables for people, JSON lines for programs.

use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::{Trouble, safe};

/// How a verb speaks.
pub(crate) struct Output {
    /// One object a line.
    pub(crate) json: bool,
}

impl Output {
    /// Writes rows: each as a line of JSON, or all by `people`.
    pub(crate) fn rows<T: Serialize>(
        &self,
        rows: &[T],
        people: impl FnOnce(&[T]) -> String,
    ) -> Result<(), Trouble> {
        if !self.json {
            return write(&people(rows));
        }
        let mut text = String::new();
        for row in rows {
            let line = serde_json::to_string(row).map_err(std::io::Error::other);
            text += &safe::json(&line.map_err(Trouble::Output)?);
            text.push('\n');
        }
        write(&text)
    }

    /// Writes one thing.
    pub(crate) fn one<T: Serialize>(
        &self,
        thing: &T,
        people: impl FnOnce(&T) -> String,
    ) -> Result<(), Trouble> {
        self.rows(std::slice::from_ref(thing), |_| people(thing))
    }
}

fn write(text: &str) -> Result<(), Trouble> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Trouble::Output)
}

/// A table as wide as the terminal; elsewhere nothing is wrapped. Cells are made safe.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    for row in rows {
        table.add_row(row.map(|cell| safe::line(&cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    // Without borders the padding of the last column is left over.
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    lines.concat()
}

/// A time without what people do not need; a list's head says that it is UTC.
pub(crate) fn time(rfc3339: &str) -> String {
    rfc3339.get(..19).unwrap_or(rfc3339).replace('T', " ")
}

/// `a@b.example` or `a@b.example and 12 more`.
pub(crate) fn first_of(all: &[String]) -> String {
    match all {
        [] => "-".to_owned(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

/// `-` for what is not there.
pub(crate) fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}

/// `1 message`, `2 messages`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_hold_nothing_but_text() {
        let text = table(
            ["ID", "FROM"],
            vec![["1".into(), "a\u{1b}[2J".into()], ["22".into(), "b".into()]],
        );
        assert_eq!(text, "ID  FROM\n1   a\\u{1b}[2J\n22  b\n");
    }

    #[test]
    fn texts() {
        assert_eq!(time("2026-11-24T21:47:03.123Z"), "2026-11-24 21:47:03");
        assert_eq!(first_of(&["a".into(), "b".into(), "c".into()]), "a and 2 more");
        assert_eq!(count(1, "message", "messages"), "1 message");
        assert_eq!(or_dash(Some("")), "-");
    }
}
