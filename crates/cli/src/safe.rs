//! Text that came with a message, made harmless for a terminal.
//!
//! Escape sequences could retitle or rewrite the screen, bidirectional controls reorder a line,
//! invisible characters hide a difference: all of them are shown as what they are.

use std::fmt::Write;

/// On one line: line ends are shown too.
pub(crate) fn line(text: &str) -> String {
    escaped(text, false)
}

/// On as many lines as it has; each is bounded.
pub(crate) fn lines(text: &str) -> String {
    escaped(text, true)
}

/// Longer lines are cut; a screen's width, several times over.
const LINE_MAX: usize = 1000;

fn escaped(text: &str, keep_lines: bool) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut width = 0;
    for c in text.chars().filter(|c| !(keep_lines && *c == '\r')) {
        if c == '\n' && keep_lines {
            safe.push(c);
            width = 0;
            continue;
        }
        width += 1;
        match width {
            ..=LINE_MAX if is_hidden(c) => {
                // A String takes every write.
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            ..=LINE_MAX => safe.push(c),
            _ if width == LINE_MAX + 1 => safe.push('…'),
            _ => {}
        }
    }
    safe
}

/// JSON with the same characters written as `\uXXXX`; they can only stand in its strings.
pub(crate) fn json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut units = [0; 2];
    for c in text.chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Characters that act on a terminal, or are not seen.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_a_terminal() {
        let rows = [
            ("plain grün 漢字 🙂", "plain grün 漢字 🙂"),
            ("\u{1b}[2J\u{1b}]0;x\u{7}", "\\u{1b}[2J\\u{1b}]0;x\\u{7}"),
            ("a\u{9b}31m\u{7f}", "a\\u{9b}31m\\u{7f}"),
            ("exe.\u{202e}gpj", "exe.\\u{202e}gpj"),
            ("a\u{200b}b\u{feff}\u{e0041}", "a\\u{200b}b\\u{feff}\\u{e0041}"),
            ("a\r\nb\tc", "a\\u{d}\\u{a}b\\u{9}c"),
        ];
        for (text, expect) in rows {
            assert_eq!(line(text), expect);
        }
        assert_eq!(lines("a\r\n\u{8}b\n"), "a\n\\u{8}b\n");
    }

    #[test]
    fn lines_are_bounded() {
        let cut = lines(&format!("{}\nb", "x".repeat(5000)));
        assert_eq!(
            cut.lines().map(|line| line.chars().count()).collect::<Vec<_>>(),
            [LINE_MAX + 1, 1]
        );
    }

    #[test]
    fn json_stays_json() {
        let value = serde_json::json!({ "a": "\u{1b}\u{202e}\u{e0041}\u{9b}ü\n" });
        let text = json(&value.to_string());
        assert!(text.is_ascii() || !text.chars().any(is_hidden), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
