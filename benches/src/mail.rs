//! Generated mail: the kinds that a hosting cluster sends, of any size, the same for the same seed.

use std::fmt::Write;

use fastrand::Rng;

/// What a message is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One text part.
    Plain,
    /// Text and HTML with links, quoted-printable.
    Html,
    /// A short text and a PDF's worth of base64.
    Attachment,
}

impl Kind {
    /// Kinds in turn, as a mixed stream has them.
    pub fn of(seed: u64) -> Self {
        [Self::Plain, Self::Html, Self::Html, Self::Attachment][(seed % 4) as usize]
    }
}

/// A message of about `octets` octets with CR LF line ends, from `customer`'s mailbox.
pub fn message(kind: Kind, octets: usize, customer: usize, seed: u64) -> Vec<u8> {
    let mut rng = Rng::with_seed(seed);
    let mut text = header(&mut rng, customer, seed);
    match kind {
        Kind::Plain => {
            text.push_str("Content-Type: text/plain; charset=utf-8\r\n\r\n");
            paragraphs(&mut text, &mut rng, octets);
        }
        Kind::Html => {
            text.push_str("Content-Type: multipart/alternative; boundary=\"=_alt\"\r\n\r\n");
            alternative(&mut text, &mut rng, customer, octets);
        }
        Kind::Attachment => {
            text.push_str("Content-Type: multipart/mixed; boundary=\"=_mix\"\r\n\r\n--=_mix\r\n");
            text.push_str("Content-Type: text/plain; charset=utf-8\r\n\r\n");
            let body = text.len() + 800;
            paragraphs(&mut text, &mut rng, body.min(octets));
            text.push_str("--=_mix\r\nContent-Type: application/pdf; name=\"invoice.pdf\"\r\n");
            text.push_str("Content-Transfer-Encoding: base64\r\n");
            text.push_str("Content-Disposition: attachment; filename=\"invoice.pdf\"\r\n\r\n");
            while text.len() + 10 < octets {
                (0..76).for_each(|_| text.push(char::from(BASE64[rng.usize(..64)])));
                text.push_str("\r\n");
            }
            text.push_str("--=_mix--\r\n");
        }
    }
    text.into_bytes()
}

fn header(rng: &mut Rng, customer: usize, seed: u64) -> String {
    let mut text = String::with_capacity(1024);
    let subject = sentence(rng, 6);
    let recipient = rng.usize(..50);
    let lines = [
        format!("From: \"Shop {customer}\" <info@shop{customer}.example>"),
        format!("To: someone@d{recipient}.example"),
        format!("Subject: Order {seed}: {subject}"),
        "Date: Tue, 24 Nov 2026 21:00:00 +0000".to_owned(),
        format!("Message-ID: <{:016x}@shop{customer}.example>", rng.u64(..)),
        "MIME-Version: 1.0".to_owned(),
        "X-Mailer: shop 4.2".to_owned(),
    ];
    for line in lines {
        text.push_str(&line);
        text.push_str("\r\n");
    }
    text
}

fn paragraphs(text: &mut String, rng: &mut Rng, until: usize) {
    while text.len() < until {
        let words = 8 + rng.usize(..5);
        text.push_str(&sentence(rng, words));
        text.push_str(if rng.u8(..8) == 0 { ".\r\n\r\n" } else { ".\r\n" });
    }
}

fn alternative(text: &mut String, rng: &mut Rng, customer: usize, octets: usize) {
    text.push_str("--=_alt\r\nContent-Type: text/plain; charset=utf-8\r\n");
    text.push_str("Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    let third = text.len() + octets / 4;
    paragraphs(text, rng, third);
    text.push_str("--=_alt\r\nContent-Type: text/html; charset=utf-8\r\n");
    text.push_str("Content-Transfer-Encoding: quoted-printable\r\n\r\n<html><body>\r\n");
    while text.len() + 30 < octets {
        let words = 8 + rng.usize(..4);
        let line = sentence(rng, words);
        let _ = match rng.u8(..6) {
            0 => write!(
                text,
                "<p><a href=3D\"https://www.shop{customer}.example/p/{}\">{line}</a></p>\r\n",
                rng.u16(..)
            ),
            1 => write!(text, "<td style=3D\"padding:4px\"><b>{line}</b> f=C3=BCr</td>\r\n"),
            _ => write!(text, "<p>{line}=\r\n, {line}.</p>\r\n"),
        };
    }
    text.push_str("</body></html>\r\n--=_alt--\r\n");
}

fn sentence(rng: &mut Rng, words: usize) -> String {
    let words: Vec<_> = (0..words).map(|_| WORDS[rng.usize(..WORDS.len())]).collect();
    words.join(" ")
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const WORDS: [&str; 48] = [
    "order",
    "thank",
    "you",
    "the",
    "parcel",
    "leaves",
    "our",
    "house",
    "tomorrow",
    "with",
    "your",
    "invoice",
    "please",
    "find",
    "it",
    "below",
    "customer",
    "number",
    "garden",
    "chair",
    "blue",
    "table",
    "and",
    "lamp",
    "delivery",
    "address",
    "street",
    "city",
    "we",
    "write",
    "again",
    "when",
    "carrier",
    "has",
    "taken",
    "over",
    "questions",
    "answer",
    "this",
    "mail",
    "or",
    "call",
    "us",
    "between",
    "nine",
    "five",
    "workdays",
    "team",
];
