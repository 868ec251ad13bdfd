//! Reads replies of an upstream (RFC 5321 §4.2), which are as untrusted as any other input.
//!
//! Whatever comes: memory is bounded, the same octets give the same replies however they are cut,
//! and what is no reply is an error, never a guess. A bare LF ends a line here too: replies carry
//! no content, so nothing can be smuggled in them, and the answer to an end of data must not get
//! lost over a missing CR. Control characters stay in until [`postern_mail::Reply`] makes
//! them harmless.

use std::borrow::Cow;

use memchr::memchr;
use postern_mail::{Enhanced, Reply};

/// RFC 5321 §4.5.3.1.5 asks for 512; some say more.
pub const LINE_OCTETS_MAX: usize = 2048;

/// Lines of one reply. The longest EHLO reply known has some thirty.
pub const LINES_MAX: usize = 100;

/// Octets of one reply.
pub const REPLY_OCTETS_MAX: usize = 32 * 1024;

/// Why it is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A line without an end.
    #[error("a reply line longer than {LINE_OCTETS_MAX} octets")]
    LongLine,
    /// A reply without an end.
    #[error("a reply of more than {LINES_MAX} lines or {REPLY_OCTETS_MAX} octets")]
    TooMuch,
    /// No code from 200 to 599 before a space, a hyphen or the line's end.
    #[error("octets that are no reply")]
    NoCode,
    /// One code on one line, another on the next.
    #[error("a reply whose lines differ in code")]
    MixedCodes,
}

/// Collects the octets of one reply at a time. After an error it is of no further use: where the
/// next reply begins is not known.
#[derive(Debug, Default)]
pub struct Parser {
    /// The current reply's octets.
    held: Vec<u8>,
    /// Where the line that is not ended yet starts in `held`.
    line: usize,
    lines: usize,
    code: u16,
    complete: bool,
}

impl Parser {
    /// Waits for the first reply.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes octets from the front of `input`: how many, and the code of the reply that they
    /// complete. Without one all of `input` was taken.
    pub fn feed(&mut self, input: &[u8]) -> (usize, Result<Option<u16>, Malformed>) {
        if self.complete {
            self.clear();
        }
        let mut used = 0;
        while let Some(rest) = input.get(used..).filter(|rest| !rest.is_empty()) {
            let end = memchr(b'\n', rest).map(|at| at + 1);
            let part = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
            if self.held.len() - self.line + part.len() > LINE_OCTETS_MAX {
                return (used, Err(Malformed::LongLine));
            }
            if self.held.len() + part.len() > REPLY_OCTETS_MAX {
                return (used, Err(Malformed::TooMuch));
            }
            self.held.extend_from_slice(part);
            used += part.len();
            if end.is_some() {
                match self.end_line() {
                    Ok(false) => {}
                    Ok(true) => return (used, Ok(Some(self.code))),
                    Err(malformed) => return (used, Err(malformed)),
                }
            }
        }
        (used, Ok(None))
    }

    /// The reply that was completed last. Of a positive one the code is mostly enough, so the text
    /// is only made into a value when somebody asks.
    pub fn reply(&self) -> Reply {
        let mut enhanced = None;
        let lines: Vec<_> = self
            .held
            .split(|octet| *octet == b'\n')
            .filter(|line| line.len() >= 3)
            .map(|line| {
                let text = line.get(4..).unwrap_or_default();
                let text = String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(text));
                match split_enhanced(self.code, &text) {
                    Some((found, rest)) => {
                        enhanced.get_or_insert(found);
                        Cow::Owned(rest.to_owned())
                    }
                    None => Cow::Owned(text.into_owned()),
                }
            })
            .collect();
        Reply::multi(self.code, enhanced, lines)
    }

    /// The texts of the lines of the reply that was completed last, as octets.
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.held.split(|octet| *octet == b'\n').filter(|line| line.len() >= 3).map(|line| {
            let text = line.get(4..).unwrap_or_default();
            text.strip_suffix(b"\r").unwrap_or(text)
        })
    }

    /// Whether it holds the beginning of a reply.
    pub fn is_partial(&self) -> bool {
        !self.complete && !self.held.is_empty()
    }

    /// Reads the line that just got its end; whether it was the reply's last.
    fn end_line(&mut self) -> Result<bool, Malformed> {
        let line = self.held.get(self.line..).unwrap_or_default();
        let (code, last) = code_and_mark(line).ok_or(Malformed::NoCode)?;
        if self.lines > 0 && code != self.code {
            return Err(Malformed::MixedCodes);
        }
        self.code = code;
        self.lines += 1;
        self.line = self.held.len();
        self.complete = last;
        if !last && self.lines == LINES_MAX {
            return Err(Malformed::TooMuch);
        }
        Ok(last)
    }

    fn clear(&mut self) {
        self.held.clear();
        // A large reply (EHLO at most) must not stay allocated for a connection's whole life.
        self.held.shrink_to(1024);
        *self = Self { held: std::mem::take(&mut self.held), ..Self::default() };
    }
}

/// Code of a line, and whether it is the last one: no hyphen after the code.
fn code_and_mark(line: &[u8]) -> Option<(u16, bool)> {
    let [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', mark, ..] = line else { return None };
    let code = [a, b, c].iter().fold(0, |sum, digit| sum * 10 + u16::from(*digit - b'0'));
    match mark {
        b'-' => Some((code, false)),
        b' ' | b'\n' => Some((code, true)),
        b'\r' if line.len() == 5 => Some((code, true)),
        _ => None,
    }
}

/// The enhanced code (RFC 2034 §4) at the front of a text, when its class is the reply's.
fn split_enhanced(code: u16, text: &str) -> Option<(Enhanced, &str)> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut numbers = word.split('.').map(number);
    let (class, subject, detail) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let fits = numbers.next().is_none() && class == code / 100;
    fits.then_some((Enhanced(class as u8, subject, detail), rest))
}

/// One to three digits.
fn number(text: &str) -> Option<u16> {
    let digits = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests;
