//! SMTP replies as values (RFC 5321 §4.2, RFC 2034, RFC 3463). One place turns them into octets.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A reply: code, enhanced code, text. Text lines never hold CR, LF or other control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// Absent where RFC 2034 has none: banner, EHLO, 3xx.
    pub enhanced: Option<Enhanced>,
    /// At least one line.
    lines: Vec<Cow<'static, str>>,
}

/// Class, subject, detail of RFC 3463.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enhanced(pub u8, pub u16, pub u16);

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl Reply {
    /// Of one line, with an enhanced code whose class is that of `code`.
    pub fn new(code: u16, subject: u16, detail: u16, text: impl Into<Cow<'static, str>>) -> Self {
        let enhanced = Enhanced((code / 100) as u8, subject, detail);
        Self { code, enhanced: Some(enhanced), lines: vec![harmless(text.into())] }
    }

    /// Of one line, without an enhanced code.
    pub fn plain(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, enhanced: None, lines: vec![harmless(text.into())] }
    }

    /// Of several lines (EHLO, or what an upstream said). No lines count as one empty line.
    pub fn multi(
        code: u16,
        enhanced: Option<Enhanced>,
        lines: impl IntoIterator<Item = Cow<'static, str>>,
    ) -> Self {
        let mut lines: Vec<_> = lines.into_iter().map(harmless).collect();
        if lines.is_empty() {
            lines.push(Cow::Borrowed(""));
        }
        Self { code, enhanced, lines }
    }

    /// With an enhanced code in any case: `X.0.0` where it had none (RFC 2034 §4 wants one in every
    /// reply of who announces them).
    pub fn with_enhanced(mut self) -> Self {
        self.enhanced.get_or_insert(Enhanced((self.code / 100) as u8, 0, 0));
        self
    }

    /// The lines, without codes.
    pub fn lines(&self) -> &[Cow<'static, str>] {
        &self.lines
    }

    /// All lines joined by a space, without codes.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// 2xx.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 4xx.
    pub fn is_temporary(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5xx.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// As octets on the wire: hyphens between the lines, CR LF after each.
    pub fn write(&self, out: &mut Vec<u8>) {
        use std::io::Write;
        for (i, line) in self.lines.iter().enumerate() {
            let mark = if i + 1 == self.lines.len() { ' ' } else { '-' };
            // A Vec takes every write.
            let _ = match self.enhanced {
                Some(e) => write!(out, "{}{mark}{e} {line}\r\n", self.code),
                None => write!(out, "{}{mark}{line}\r\n", self.code),
            };
        }
    }
}

/// On one line, for logs and lists.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        write!(f, " {}", self.text())
    }
}

/// RFC 5321 §4.5.3.1.5: 512 octets a reply line with code and CR LF; 15 are kept for codes.
const LINE_OCTETS_MAX: usize = 512 - 2 - 15;

/// Control characters and what is not ASCII (RFC 5321 §4.2) become `?`, over-long lines are cut:
/// whatever an upstream or a customer put into a text, it stays one line of a reply.
fn harmless(text: Cow<'static, str>) -> Cow<'static, str> {
    let is_plain = |octet: u8| (0x20..0x7f).contains(&octet);
    if text.len() <= LINE_OCTETS_MAX && text.bytes().all(is_plain) {
        return text;
    }
    let plain = |c: char| if c.is_ascii() && is_plain(c as u8) { c } else { '?' };
    Cow::Owned(text.chars().take(LINE_OCTETS_MAX).map(plain).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_the_wire() {
        let wire = |reply: Reply| {
            let mut out = Vec::new();
            reply.write(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(wire(Reply::new(250, 2, 0, "ok")), "250 2.2.0 ok\r\n");
        assert_eq!(wire(Reply::plain(354, "go")), "354 go\r\n");
        let ehlo = Reply::multi(250, None, ["a".into(), "SIZE 1".into()]);
        assert_eq!(wire(ehlo), "250-a\r\n250 SIZE 1\r\n");
        let evil = Reply::new(550, 7, 1, "no\r\n250 yes\u{1b}[2J\u{f6}".to_owned());
        assert_eq!(wire(evil), "550 5.7.1 no??250 yes?[2J?\r\n");
        assert_eq!(wire(Reply::new(550, 7, 1, "x".repeat(1000))).len(), 512 - 5);
    }
}
