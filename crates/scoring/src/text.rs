//! What a reader sees of a message: subject, text, and links with the words they hide behind.

mod html;
mod links;
#[cfg(test)]
mod tests;

use self::links::links_in_text;
pub(crate) use self::links::{Link, registered_domain};
use crate::mime::{self, Anomaly, Encoding, Part, Structure};
use crate::settings::Budget;

/// The readable content of a message.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Decoded `Subject`.
    pub(crate) subject: String,
    /// Text of all readable parts, as written.
    pub(crate) text: String,
    /// The same and the subject in lower case: what rules look at.
    pub(crate) folded: String,
    /// The text that stands for the message in campaigns: plain where there is plain text.
    pub(crate) main: String,
    /// Links of text and HTML, as many as the budget lets.
    pub(crate) links: Vec<Link>,
    /// Letters that HTML hides from readers.
    pub(crate) hidden_octets: usize,
    /// Whether HTML has a field for a password.
    pub(crate) asks_password: bool,
    /// Whether there is HTML.
    pub(crate) has_html: bool,
    /// Attached files' names in lower case, with their first octets.
    pub(crate) files: Vec<File>,
}

/// An attached file.
#[derive(Debug)]
pub(crate) struct File {
    /// In lower case; empty where it has none.
    pub(crate) name: String,
    /// Its first octets, decoded.
    pub(crate) magic: Vec<u8>,
    /// The type that it claims.
    pub(crate) kind: String,
}

/// Reads a walked message.
pub(crate) fn read(octets: &[u8], structure: &mut Structure, budget: &Budget) -> Reading {
    let subject = structure.header.first(octets, "subject").unwrap_or_default();
    let mut reading = Reading { subject: mime::parse_text(&subject), ..Reading::default() };
    let mut html_text = String::new();
    for part in std::mem::take(&mut structure.parts) {
        let room = budget.text_octets.saturating_sub(reading.text.len() + html_text.len());
        let readable = part.kind.is("text", "plain") || part.kind.is("text", "html");
        if readable && !part.attached && !part.embedded && room > 0 {
            let text = decoded_text(octets, &part, room, structure);
            if part.kind.is("text", "html") {
                reading.has_html = true;
                html::read(&text, &mut html_text, &mut reading, budget.links);
            } else {
                links_in_text(&text, &mut reading.links, budget.links);
                reading.text.push_str(&text);
                reading.text.push('\n');
            }
        } else if part.attached || !readable {
            reading.files.push(file(octets, &part));
        }
        structure.parts.push(part);
    }
    let main = if reading.text.trim().is_empty() { &html_text } else { &reading.text };
    reading.main = main.clone();
    reading.text.push_str(&html_text);
    reading.folded = folded(format!("{}\n{}", reading.subject, reading.text));
    reading
}

/// In lower case.
fn folded(mut text: String) -> String {
    if text.is_ascii() {
        text.make_ascii_lowercase();
        return text;
    }
    // How this one is written small depends on the letters around it.
    if text.contains('Σ') {
        return text.to_lowercase();
    }
    let mut out = String::with_capacity(text.len() + text.len() / 64);
    let mut rest = text.as_str();
    while let Some(at) = rest.bytes().position(|octet| !octet.is_ascii()) {
        out.push_str(&rest[..at]);
        let mut letters = rest[at..].chars();
        out.extend(letters.next().into_iter().flat_map(char::to_lowercase));
        rest = letters.as_str();
    }
    out.push_str(rest);
    out.make_ascii_lowercase();
    out
}

fn decoded_text(octets: &[u8], part: &Part, room: usize, structure: &mut Structure) -> String {
    let body = &octets[part.body.clone()];
    let plain = match part.encoding {
        Encoding::Identity => {
            return mime::to_text(&body[..body.len().min(room)], part.kind.charset.as_deref());
        }
        Encoding::Base64 => {
            let (plain, junk) = mime::base64(body, room);
            if junk * JUNK_SHARE > body.len() {
                odd(structure, Anomaly::BadBase64);
            }
            plain
        }
        Encoding::Quoted => {
            let (plain, broken) = mime::quoted_printable(body, room);
            if broken * JUNK_SHARE > body.len() {
                odd(structure, Anomaly::BadQuoted);
            }
            plain
        }
    };
    mime::to_text(&plain, part.kind.charset.as_deref())
}

/// One in fifty octets wrong is no accident of a mail program.
const JUNK_SHARE: usize = 50;

fn odd(structure: &mut Structure, anomaly: Anomaly) {
    if !structure.anomalies.contains(&anomaly) {
        structure.anomalies.push(anomaly);
    }
}

fn file(octets: &[u8], part: &Part) -> File {
    let body = &octets[part.body.clone()];
    let magic = match part.encoding {
        Encoding::Base64 => mime::base64(&body[..body.len().min(2 * MAGIC_OCTETS)], MAGIC_OCTETS).0,
        Encoding::Quoted => mime::quoted_printable(body, MAGIC_OCTETS).0,
        Encoding::Identity => body[..body.len().min(MAGIC_OCTETS)].to_vec(),
    };
    let name = part.kind.name.as_deref().map(mime::parse_text).unwrap_or_default();
    let kind = format!("{}/{}", part.kind.main, part.kind.sub);
    File { name: name.to_lowercase(), magic, kind }
}

/// A zip's first local header with a name, and every magic number, lie in it.
const MAGIC_OCTETS: usize = 512;
