//! A message as a person would read it: header fields, text, the names of what else is in it.
//!
//! By the same walk and decoders as the facts, within the same budget. The text is as hostile as
//! the message: whoever shows it on a terminal makes it safe first.

use crate::mime;
use crate::settings::Budget;
use crate::text;

/// What can be read of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadOut {
    /// Names and decoded values of the header's fields, in their order.
    pub fields: Vec<(String, String)>,
    /// Plain text where there is some, else the text of HTML.
    pub text: String,
    /// What else is in it: type and name of each file.
    pub parts: Vec<String>,
}

/// Reads the beginning of a message.
pub fn read_out(octets: &[u8], budget: &Budget) -> ReadOut {
    let mut structure = mime::walk(octets, budget);
    let reading = text::read(octets, &mut structure, budget);
    let fields = structure.header.iter(octets).map(|(name, value)| {
        let value = if value.contains("=?") { mime::parse_text(&value) } else { value };
        (name, value)
    });
    let parts = reading.files.iter().map(|file| match file.name.as_str() {
        "" => file.kind.clone(),
        name => format!("{}, {name:?}", file.kind),
    });
    ReadOut { fields: fields.collect(), text: reading.main, parts: parts.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_text_and_names_of_files() {
        let message = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nFrom: a@b.example\r\n\
            Content-Type: multipart/mixed; boundary=x\r\n\r\n\
            --x\r\nContent-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n\
            --x\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n\
            --x\r\nContent-Type: image/png; name=\"x.png\"\r\nContent-Disposition: attachment\r\n\r\n\
            octets\r\n--x--\r\n";
        let found = read_out(message, &Budget::default());
        assert_eq!(found.fields[0], ("Subject".to_owned(), "Grüße".to_owned()));
        assert_eq!(found.fields.len(), 3);
        assert_eq!(found.text.trim(), "Hello");
        assert_eq!(found.parts, ["image/png, \"x.png\""]);
    }

    #[test]
    fn without_plain_text_html_is_read() {
        let message = b"Content-Type: text/html\r\n\r\n<style>p{}</style><p>Pay <b>now</b></p>\r\n";
        let found = read_out(message, &Budget::default());
        assert_eq!(found.text.split_whitespace().collect::<Vec<_>>(), ["Pay", "now"]);
    }
}
