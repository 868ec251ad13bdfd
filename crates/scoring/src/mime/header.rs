//! Header fields as ranges, and single values read by mail-parser: unfolded and bounded first.

use std::ops::Range;

use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, Address, HeaderValue};

use super::Anomaly;
use crate::settings::Budget;

/// A header's fields, in order.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    fields: Vec<Field>,
    field_octets: usize,
}

#[derive(Debug)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

/// Fields of which RFC 5322 §3.6 allows one, and a reader may take either.
const SINGLE: [&str; 9] = [
    "from",
    "sender",
    "to",
    "subject",
    "date",
    "message-id",
    "content-type",
    "content-transfer-encoding",
    "mime-version",
];

/// Reads a header block; gives its fields and where the body begins.
pub(super) fn read(
    octets: &[u8],
    from: usize,
    budget: &Budget,
    anomalies: &mut Vec<Anomaly>,
) -> (Fields, usize) {
    let mut odd = |anomaly| {
        if !anomalies.contains(&anomaly) {
            anomalies.push(anomaly);
        }
    };
    let mut found = Fields { fields: Vec::new(), field_octets: budget.field_octets };
    let mut at = from;
    let mut counted = [0_u8; SINGLE.len()];
    while at < octets.len() {
        let end = memchr::memchr(b'\n', &octets[at..]).map_or(octets.len(), |n| at + n + 1);
        let line = &octets[at..end];
        if matches!(line, b"\n" | b"\r\n") {
            return (found, end);
        }
        if at - from > budget.header_octets || found.fields.len() >= budget.fields {
            odd(Anomaly::HeaderTooBig);
            return (found, end);
        }
        // A fold of nothing is a field with a blank before it, as some readers take it.
        let folded = matches!(line[0], b' ' | b'\t') && !found.fields.is_empty();
        let colon = memchr::memchr(b':', line).filter(|n| (1..=NAME_OCTETS_MAX).contains(n));
        match (folded, colon) {
            (true, _) => {
                if let Some(last) = found.fields.last_mut() {
                    last.value.end = end;
                }
            }
            (false, Some(n)) => {
                let blank = line.iter().take_while(|o| matches!(o, b' ' | b'\t')).count().min(n);
                let name = trim_end(&octets[at + blank..at + n]);
                if let Some(i) = SINGLE.iter().position(|s| name.eq_ignore_ascii_case(s.as_bytes()))
                {
                    counted[i] = counted[i].saturating_add(1);
                    if counted[i] == 2 {
                        odd(Anomaly::Duplicate);
                    }
                }
                let from = at + blank;
                found.fields.push(Field { name: from..from + name.len(), value: at + n + 1..end });
            }
            (false, None) => {
                odd(Anomaly::NoField);
                // A boundary right after the fields: the part has no body.
                if line.starts_with(b"--") {
                    return (found, at);
                }
            }
        }
        if memchr::memchr(0, line).is_some() {
            odd(Anomaly::Nul);
        }
        at = end;
    }
    (found, octets.len())
}

/// Longer "names" are text before a colon.
const NAME_OCTETS_MAX: usize = 80;

fn trim_end(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|o| !matches!(o, b' ' | b'\t')).map_or(0, |n| n + 1);
    &name[..end]
}

impl Fields {
    /// Unfolded, trimmed values of all fields of this name (in lower case), in order.
    pub(crate) fn all<'a>(
        &'a self,
        octets: &'a [u8],
        name: &'a str,
    ) -> impl Iterator<Item = String> + 'a {
        self.fields
            .iter()
            .filter(move |f| octets[f.name.clone()].eq_ignore_ascii_case(name.as_bytes()))
            .map(move |f| self.unfolded(octets, f))
    }

    /// Names as written and unfolded values of all fields, in order.
    pub(crate) fn iter<'a>(
        &'a self,
        octets: &'a [u8],
    ) -> impl Iterator<Item = (String, String)> + 'a {
        self.fields.iter().map(|f| {
            let name = String::from_utf8_lossy(&octets[f.name.clone()]).into_owned();
            (name, self.unfolded(octets, f))
        })
    }

    /// The first one's value.
    pub(crate) fn first(&self, octets: &[u8], name: &str) -> Option<String> {
        self.all(octets, name).next()
    }

    /// Whether there is one.
    pub(crate) fn has(&self, octets: &[u8], name: &str) -> bool {
        self.fields.iter().any(|f| octets[f.name.clone()].eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Bounded, and without line ends, so that no fold hides a parameter.
    fn unfolded(&self, octets: &[u8], field: &Field) -> String {
        let value = &octets[field.value.clone()];
        let value = &value[..value.len().min(self.field_octets)];
        let text = String::from_utf8_lossy(value);
        let flat: String = text
            .chars()
            .filter(|c| !matches!(c, '\r' | '\n'))
            .map(|c| if c == '\t' || c == '\0' { ' ' } else { c })
            .collect();
        flat.trim().to_owned()
    }

    /// What the entity says it is; `text/plain` where it says nothing (RFC 2045 §5.2).
    pub(crate) fn content_type(&self, octets: &[u8]) -> ContentType {
        let value = self.first(octets, "content-type").unwrap_or_default();
        let mut kind = ContentType::parse(&value);
        if kind.name.is_none() {
            let disposition = self.first(octets, "content-disposition").unwrap_or_default();
            kind.name = parameter(&disposition, "filename");
        }
        kind
    }

    /// `Content-Disposition: attachment`.
    pub(crate) fn is_attachment(&self, octets: &[u8]) -> bool {
        self.first(octets, "content-disposition").is_some_and(|v| {
            v.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("attachment"))
        })
    }
}

/// `Content-Type` as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ContentType {
    /// In lower case.
    pub(crate) main: String,
    /// In lower case.
    pub(crate) sub: String,
    /// As written.
    pub(crate) boundary: Option<Vec<u8>>,
    /// In lower case.
    pub(crate) charset: Option<String>,
    /// Of `name` or `filename`.
    pub(crate) name: Option<String>,
}

impl ContentType {
    fn parse(value: &str) -> Self {
        let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let (main, sub) = essence.split_once('/').unwrap_or(("text", "plain"));
        Self {
            main: main.trim().to_owned(),
            sub: sub.trim().to_owned(),
            boundary: parameter(value, "boundary").map(String::into_bytes),
            charset: parameter(value, "charset").map(|c| c.to_ascii_lowercase()),
            name: parameter(value, "name"),
        }
    }

    /// Whether it is of this type; an empty `sub` takes any.
    pub(crate) fn is(&self, main: &str, sub: &str) -> bool {
        self.main == main && (sub.is_empty() || self.sub == sub)
    }
}

/// A parameter's value, read by hand: linear, whatever the number of parameters, and RFC 2231
/// names (`filename*=`, `filename*0=`) count by their first piece.
fn parameter(value: &str, name: &str) -> Option<String> {
    let mut rest = value;
    for _ in 0..PARAMETERS_MAX {
        let at = rest.find(';')?;
        rest = rest[at + 1..].trim_start();
        let (key, after) = rest.split_once('=')?;
        let key = key.trim();
        let base = key.split('*').next().unwrap_or_default();
        let after = after.trim_start();
        let (found, left) = if let Some(quoted) = after.strip_prefix('"') {
            unquote(quoted)
        } else {
            let end = after.find(';').unwrap_or(after.len());
            (after[..end].trim().to_owned(), &after[end..])
        };
        if base.eq_ignore_ascii_case(name) {
            return Some(found);
        }
        rest = left;
    }
    None
}

/// RFC 2045 sets no limit; mail programs write four at most.
const PARAMETERS_MAX: usize = 64;

fn unquote(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return (out, &text[i + 1..]),
            '\\' => out.extend(chars.next().map(|(_, c)| c)),
            _ => out.push(c),
        }
    }
    (out, "")
}

/// The first address of a list: display name and address, both possibly empty.
pub(crate) fn parse_address(value: &str) -> Option<(String, String)> {
    let line = format!("{value}\r\n");
    let HeaderValue::Address(found) = MessageStream::new(line.as_bytes()).parse_address() else {
        return None;
    };
    let first: Addr<'_> = match found {
        Address::List(list) => list.into_iter().next()?,
        Address::Group(groups) => {
            groups.into_iter().find_map(|g| g.addresses.into_iter().next())?
        }
    };
    let text = |t: Option<std::borrow::Cow<'_, str>>| t.map(std::borrow::Cow::into_owned);
    Some((text(first.name).unwrap_or_default(), text(first.address).unwrap_or_default()))
}

/// Text with encoded words decoded (RFC 2047).
pub(crate) fn parse_text(value: &str) -> String {
    let line = format!("{value}\r\n");
    match MessageStream::new(line.as_bytes()).parse_unstructured() {
        HeaderValue::Text(text) => text.into_owned(),
        _ => String::new(),
    }
}

/// `Date:` in seconds since 1970.
pub(crate) fn parse_date(value: &str) -> Option<u64> {
    let line = format!("{value}\r\n");
    match MessageStream::new(line.as_bytes()).parse_date() {
        HeaderValue::DateTime(date) if date.is_valid() => date.to_timestamp().try_into().ok(),
        _ => None,
    }
}
