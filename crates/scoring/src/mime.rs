//! Our own walk over a message's structure: parts as ranges of octets, and what is odd about them.
//!
//! Linear in the octets looked at; depth, parts, header octets and fields are limited, and reaching
//! a limit is an [`Anomaly`], not an error. Boundaries count only at the start of a line and alone
//! on it (RFC 2046 §5.1.1). This and [`crate::facts`] are the only places that name mail-parser,
//! which sees single, unfolded, bounded field values and never a message: whole hostile messages
//! make it abort or take quadratic time.

mod decode;
mod header;
#[cfg(test)]
mod tests;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub(crate) use self::decode::{base64, quoted_printable, to_text};
pub(crate) use self::header::{ContentType, Fields, parse_address, parse_date, parse_text};
use crate::settings::Budget;

/// Something that no well-made message has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Anomaly {
    /// More octets than are looked at.
    Truncated,
    /// Parts nested deeper than the limit.
    TooDeep,
    /// More parts than the limit.
    TooManyParts,
    /// A header block or its number of fields over the limit.
    HeaderTooBig,
    /// A line in a header that is no field.
    NoField,
    /// A multipart whose end is missing.
    Unclosed,
    /// A multipart without a boundary, or one that never occurs.
    NoBoundary,
    /// A boundary inside a line, where careless readers end the part.
    BoundaryInLine,
    /// A field that may stand once stands twice.
    Duplicate,
    /// Base64 with much that is none.
    BadBase64,
    /// Quoted-printable with broken escapes.
    BadQuoted,
    /// A transfer encoding that nobody knows.
    UnknownEncoding,
    /// A NUL in header or text.
    Nul,
}

/// A leaf of the structure.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// What it says it is.
    pub(crate) kind: ContentType,
    /// `Content-Transfer-Encoding`, in lower case.
    pub(crate) encoding: Encoding,
    /// Whether it is meant to be saved, not read.
    pub(crate) attached: bool,
    /// Whether it is inside an attached message.
    pub(crate) embedded: bool,
    /// The octets of its body, as they stand.
    pub(crate) body: Range<usize>,
}

/// Transfer encodings of RFC 2045 §6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As it stands.
    Identity,
    /// Base64.
    Base64,
    /// Quoted-printable.
    Quoted,
}

/// A message's structure.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    /// The message's own header.
    pub(crate) header: Fields,
    /// Leaves, in order.
    pub(crate) parts: Vec<Part>,
    /// Types of all multiparts, in order.
    pub(crate) multiparts: Vec<ContentType>,
    /// What is odd, each kind once.
    pub(crate) anomalies: Vec<Anomaly>,
}

impl Structure {
    fn odd(&mut self, anomaly: Anomaly) {
        if !self.anomalies.contains(&anomaly) {
            self.anomalies.push(anomaly);
        }
    }
}

/// An open multipart.
struct Open {
    boundary: Vec<u8>,
    depth: usize,
    embedded: bool,
    seen: bool,
}

/// Walks over the first octets of a message.
pub(crate) fn walk(octets: &[u8], budget: &Budget) -> Structure {
    let mut walk = Walk { octets, budget, open: Vec::new(), found: Structure::default() };
    if octets.len() > budget.octets {
        walk.octets = &octets[..budget.octets];
        walk.found.odd(Anomaly::Truncated);
    }
    walk.all();
    walk.found
}

struct Walk<'a> {
    octets: &'a [u8],
    budget: &'a Budget,
    open: Vec<Open>,
    found: Structure,
}

/// What a line that begins with two hyphens turned out to be.
enum Mark {
    /// Begin of the next part of the multipart at this place of the stack.
    Next(usize),
    /// End of that multipart.
    End(usize),
}

impl Walk<'_> {
    fn all(&mut self) {
        let mut at = self.entity(0, 0, false, true);
        while at < self.octets.len() {
            let end = self.line_end(at);
            match self.mark(at, end) {
                Some(Mark::Next(level)) => {
                    self.close_above(level);
                    let (depth, embedded) = {
                        let open = &mut self.open[level];
                        open.seen = true;
                        (open.depth + 1, open.embedded)
                    };
                    if self.found.parts.len() >= self.budget.parts {
                        self.found.odd(Anomaly::TooManyParts);
                        return;
                    }
                    at = self.entity(end, depth, embedded, false);
                }
                Some(Mark::End(level)) => {
                    self.close_above(level);
                    self.open.truncate(level);
                    at = end;
                }
                None => at = end,
            }
        }
        for open in std::mem::take(&mut self.open) {
            let anomaly = if open.seen { Anomaly::Unclosed } else { Anomaly::NoBoundary };
            self.found.odd(anomaly);
        }
    }

    /// Multiparts inside the one at `level` end with it, whether they say so or not.
    fn close_above(&mut self, level: usize) {
        if self.open.len() > level + 1 {
            self.found.odd(Anomaly::Unclosed);
            self.open.truncate(level + 1);
        }
    }

    /// Reads an entity's header and, for a leaf, its body; gives where the next line to look at
    /// begins. An attached message is entered like a part of its own.
    fn entity(&mut self, from: usize, depth: usize, embedded: bool, top: bool) -> usize {
        let (fields, body) =
            header::read(self.octets, from, self.budget, &mut self.found.anomalies);
        let kind = fields.content_type(self.octets);
        let encoding = self.encoding(&fields);
        let attached = fields.is_attachment(self.octets) || (!top && kind.name.is_some());
        if top {
            self.found.header = fields;
        }
        let deeper = depth < self.budget.depth;
        if !deeper && (kind.is("multipart", "") || kind.is("message", "rfc822")) {
            self.found.odd(Anomaly::TooDeep);
        }
        if deeper && kind.is("multipart", "") {
            match kind.boundary.clone().filter(|b| !b.is_empty()) {
                Some(boundary) => {
                    self.open.push(Open { boundary, depth, embedded, seen: false });
                    self.found.multiparts.push(kind);
                    return body;
                }
                None => self.found.odd(Anomaly::NoBoundary),
            }
        } else if deeper && kind.is("message", "rfc822") && encoding == Encoding::Identity {
            self.found.multiparts.push(kind);
            return self.entity(body, depth + 1, true, false);
        }
        let end = self.body_end(body);
        self.found.parts.push(Part { kind, encoding, attached, embedded, body: body..end });
        end
    }

    fn encoding(&mut self, fields: &Fields) -> Encoding {
        let value = fields.first(self.octets, "content-transfer-encoding").unwrap_or_default();
        // Comments and parameters after the name: readers differ, the name comes first in all.
        let name = value.split(|c: char| c == '(' || c == ';' || c.is_whitespace()).next();
        match name.unwrap_or_default().to_ascii_lowercase().as_str() {
            "base64" => Encoding::Base64,
            "quoted-printable" => Encoding::Quoted,
            "" | "7bit" | "8bit" | "binary" => Encoding::Identity,
            _ => {
                self.found.odd(Anomaly::UnknownEncoding);
                Encoding::Identity
            }
        }
    }

    /// Where a leaf's body ends: before the line end that belongs to the next boundary of any open
    /// multipart (RFC 2046 §5.1.1).
    fn body_end(&mut self, from: usize) -> usize {
        let mut at = from;
        while at < self.octets.len() {
            let end = self.line_end(at);
            if self.mark(at, end).is_some() {
                return at;
            }
            at = end;
        }
        self.octets.len()
    }

    fn line_end(&self, from: usize) -> usize {
        memchr::memchr(b'\n', &self.octets[from..]).map_or(self.octets.len(), |n| from + n + 1)
    }

    fn mark(&mut self, from: usize, end: usize) -> Option<Mark> {
        let line = &self.octets[from..end];
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(rest) = line.strip_prefix(b"--") else {
            self.notice_boundary_inside(line);
            return None;
        };
        let blank = |rest: &[u8]| rest.iter().all(|o| matches!(o, b' ' | b'\t'));
        for (level, open) in self.open.iter().enumerate().rev() {
            let Some(after) = rest.strip_prefix(open.boundary.as_slice()) else { continue };
            if blank(after) {
                return Some(Mark::Next(level));
            }
            if after.strip_prefix(b"--").is_some_and(blank) {
                return Some(Mark::End(level));
            }
        }
        None
    }

    /// Only the innermost boundary, only in lines that hold two hyphens at all: stays linear.
    fn notice_boundary_inside(&mut self, line: &[u8]) {
        let Some(open) = self.open.last() else { return };
        if line.len() <= LINE_OCTETS_LOOKED_AT
            && memchr::memmem::find(line, b"--")
                .is_some_and(|n| line[n + 2..].starts_with(&open.boundary))
        {
            self.found.odd(Anomaly::BoundaryInLine);
        }
    }
}

/// RFC 5322 §2.1.1: 998 octets and CR LF.
const LINE_OCTETS_LOOKED_AT: usize = 1000;
