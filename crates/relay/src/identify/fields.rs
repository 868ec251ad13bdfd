//! Fields of a message's header as ranges of octets, read leniently: a liar's spelling must not
//! hide a field from us that a later reader would see.

use std::ops::Range;

/// The fields, in order.
pub(super) struct Fields<'a> {
    head: &'a [u8],
    fields: Vec<Field>,
}

/// One field: all of it with its folds and line ends, and where its name ends.
struct Field {
    range: Range<usize>,
    name_end: usize,
}

/// Octets of header that are read; what a trusted peer writes stands on top.
const HEADER_OCTETS_MAX: usize = 256 * 1024;

impl<'a> Fields<'a> {
    /// Splits the header at line ends (CR LF or LF) that no fold follows. A line without a colon is
    /// stepped over: it may be one, or a reader may take it for the body's begin, we need not know.
    pub(super) fn read(head: &'a [u8]) -> Self {
        let head = &head[..head.len().min(HEADER_OCTETS_MAX)];
        let mut fields: Vec<Field> = Vec::new();
        let mut at = 0;
        while at < head.len() {
            let line_end =
                head[at..].iter().position(|o| *o == b'\n').map_or(head.len(), |n| at + n + 1);
            let line = &head[at..line_end];
            if matches!(line, b"\n" | b"\r\n") {
                break;
            }
            if matches!(line.first(), Some(b' ' | b'\t')) {
                if let Some(field) = fields.last_mut().filter(|f| f.range.end == at) {
                    field.range.end = line_end;
                }
            } else if let Some(colon) = line.iter().position(|o| *o == b':') {
                fields.push(Field { range: at..line_end, name_end: at + colon });
            }
            at = line_end;
        }
        Self { head, fields }
    }

    /// The unfolded, trimmed value of the first field of exactly this name, in any case.
    pub(super) fn topmost(&self, name: &str) -> Option<String> {
        let field = self.fields.iter().find(|field| {
            self.head[field.range.start..field.name_end].eq_ignore_ascii_case(name.as_bytes())
        })?;
        let value = &self.head[field.name_end + 1..field.range.end];
        let text = String::from_utf8_lossy(value);
        let unfolded: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        Some(unfolded.trim().to_owned())
    }

    /// Ranges of all fields that carry one of the names, or nearly: white space and control
    /// characters around or inside do not make another name of it.
    pub(super) fn ranges_like(&self, names: &[String]) -> Vec<Range<u64>> {
        let like = |field: &&Field| {
            let name = &self.head[field.range.start..field.name_end];
            names.iter().any(|wanted| is_like(name, wanted))
        };
        let range = |f: &Field| f.range.start as u64..f.range.end as u64;
        self.fields.iter().filter(like).map(range).collect()
    }
}

fn is_like(name: &[u8], wanted: &str) -> bool {
    let seen = name.iter().filter(|o| o.is_ascii_graphic()).map(u8::to_ascii_lowercase);
    seen.eq(wanted.bytes().map(|o| o.to_ascii_lowercase()))
}
