//! Notices of failure (RFC 3464): who gets one, and its octets.
//!
//! One message of `multipart/report` with a text for people, fields for programs, and the
//! original's header. ASCII only, whatever an upstream or a customer wrote: so it can be handed to
//! any upstream. From the null sender, hence never about one.

use std::fmt::Write;

use postern_mail::{
    Address, Content, DsnReturn, Enhanced, MessageId, Recipient, Reply, Submission, Timestamp,
};

/// One recipient that could not be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Its place in the envelope.
    pub(crate) recipient: usize,
    /// Class 5 always: it is over.
    pub(crate) status: Enhanced,
    /// What was said, and by whom.
    pub(crate) words: Words,
}

/// Whose words a failure tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Words {
    /// An upstream's reply.
    Upstream(String),
    /// Ours.
    Own(String),
}

impl Failure {
    /// An upstream refused it.
    pub(crate) fn refused(recipient: usize, reply: &Reply) -> Self {
        let status = match reply.enhanced {
            Some(Enhanced(5, subject, detail)) => Enhanced(5, subject, detail),
            _ => Enhanced(5, 0, 0),
        };
        Self { recipient, status, words: Words::Upstream(reply.to_string()) }
    }

    /// As lists show it.
    pub(crate) fn text(&self) -> &str {
        match &self.words {
            Words::Upstream(text) | Words::Own(text) => text,
        }
    }
}

/// Everything a notice is made of.
pub(crate) struct Bounce<'a> {
    /// The notice's own id.
    pub(crate) id: MessageId,
    pub(crate) at: Timestamp,
    pub(crate) to: &'a Address,
    pub(crate) hostname: &'a str,
    pub(crate) about: &'a Submission,
    pub(crate) failures: &'a [Failure],
    /// The original; without it only the fields are told.
    pub(crate) original: Option<&'a dyn Content>,
}

/// The failures that the sender wants to hear of (RFC 3461 §4.1): all, unless a recipient's
/// `NOTIFY` leaves `FAILURE` out.
pub(crate) fn wanted(about: &Submission, failures: &[Failure]) -> Vec<Failure> {
    let wants = |failure: &&Failure| {
        let recipient = about.envelope.recipients.get(failure.recipient);
        recipient.is_some_and(|recipient| recipient.dsn_notify.is_none_or(|notify| notify.failure))
    };
    failures.iter().filter(wants).cloned().collect()
}

impl Bounce<'_> {
    /// Its octets.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = String::with_capacity(4096);
        let boundary = format!("=_{}", self.id);
        self.header(&mut out, &boundary);
        let _ = write!(out, "--{boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n");
        self.text(&mut out);
        let _ = write!(out, "\r\n--{boundary}\r\nContent-Type: message/delivery-status\r\n\r\n");
        self.fields(&mut out);
        let _ = write!(out, "\r\n--{boundary}\r\n");
        self.returned(&mut out);
        let _ = write!(out, "\r\n--{boundary}--\r\n");
        out.into_bytes()
    }

    // A String takes every write, so results of `write!` are dropped here and below.
    fn header(&self, out: &mut String, boundary: &str) {
        let hostname = self.hostname;
        let _ = write!(
            out,
            "From: Mail Delivery System <MAILER-DAEMON@{hostname}>\r\n\
             To: {}\r\n\
             Subject: Your message could not be delivered\r\n\
             Date: {}\r\n\
             Message-ID: <{}@{hostname}>\r\n\
             Auto-Submitted: auto-replied\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n\
             \tboundary=\"{boundary}\"\r\n\r\n",
            // An empty group where the address itself is not ASCII (RFC 5322 §3.4).
            if self.to.is_utf8() { "sender:;".to_owned() } else { format!("<{}>", self.to) },
            self.at.rfc5322(),
            self.id,
        );
    }

    fn text(&self, out: &mut String) {
        let _ = write!(
            out,
            "This is the mail relay at {}.\r\n\r\n\
             The message that it took from you on\r\n{}\r\n\
             as {} could not be delivered to:\r\n\r\n",
            self.hostname,
            self.about.received_at.rfc5322(),
            self.about.id,
        );
        for (recipient, failure) in self.named() {
            let said = match &failure.words {
                Words::Upstream(text) => format!("the receiving side said: {text}"),
                Words::Own(text) => text.clone(),
            };
            let address = plain(&address_text(&recipient.address));
            let _ = write!(out, "<{address}>\r\n    {}\r\n\r\n", plain(&said));
        }
        out.push_str("It will not be tried again for these recipients.\r\n");
    }

    fn fields(&self, out: &mut String) {
        let _ = write!(out, "Reporting-MTA: dns; {}\r\n", self.hostname);
        if let Some(envid) = &self.about.envelope.dsn_envid {
            let _ = write!(out, "Original-Envelope-Id: {}\r\n", plain(&xtext_decoded(envid)));
        }
        let _ = write!(out, "Arrival-Date: {}\r\n", self.about.received_at.rfc5322());
        for (recipient, failure) in self.named() {
            out.push_str("\r\n");
            if let Some(orcpt) = &recipient.dsn_orcpt {
                let (kind, text) = orcpt.split_once(';').unwrap_or(("rfc822", orcpt));
                let text = xtext_decoded(text);
                let _ = write!(out, "Original-Recipient: {}; {}\r\n", plain(kind), plain(&text));
            }
            let kind = if recipient.address.is_utf8() { "utf-8" } else { "rfc822" };
            let address = plain(&address_text(&recipient.address));
            let _ = write!(
                out,
                "Final-Recipient: {kind}; {address}\r\nAction: failed\r\nStatus: {}\r\n",
                failure.status
            );
            let _ = match &failure.words {
                Words::Upstream(text) => {
                    write!(out, "Diagnostic-Code: smtp; {}\r\n", plain(text))
                }
                Words::Own(text) => write!(out, "Diagnostic-Code: x-postern; {}\r\n", plain(text)),
            };
        }
    }

    fn named(&self) -> impl Iterator<Item = (&Recipient, &Failure)> {
        let recipients = &self.about.envelope.recipients;
        self.failures.iter().filter_map(|f| Some((recipients.get(f.recipient)?, f)))
    }

    /// The original: its header; all of it when `RET=FULL` asks for that and it is small and
    /// plain, since a part of type `message/rfc822` may not be encoded (RFC 2046 §5.2.1).
    fn returned(&self, out: &mut String) {
        let Some(original) = self.original else {
            out.push_str("Content-Type: text/rfc822-headers\r\n\r\n");
            return;
        };
        let head = original.head();
        let full = self.about.envelope.dsn_return == Some(DsnReturn::Full);
        if full && head.len() as u64 == original.size() && is_plain(head) {
            out.push_str("Content-Type: message/rfc822\r\n\r\n");
            out.push_str(&String::from_utf8_lossy(head));
            return;
        }
        out.push_str("Content-Type: text/rfc822-headers\r\n\r\n");
        let start = out.len();
        for line in head.split(|octet| *octet == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() || out.len() - start > HEADERS_OCTETS_MAX {
                break;
            }
            out.push_str(&plain(&String::from_utf8_lossy(line)));
            out.push_str("\r\n");
        }
    }
}

/// Of the original's header so much is returned.
const HEADERS_OCTETS_MAX: usize = 16 * 1024;
/// Keeps every line of ours below RFC 5321's 998 with its field name before it.
const TEXT_CHARS_MAX: usize = 900;
/// RFC 5322 §2.1.1.
const LINE_OCTETS_MAX: usize = 998;

/// Printable ASCII on one line, cut where it is too long for one.
fn plain(text: &str) -> String {
    let harmless = |c: char| if c.is_ascii_graphic() || c == ' ' || c == '\t' { c } else { '?' };
    text.chars().take(TEXT_CHARS_MAX).map(harmless).collect()
}

/// Whether it can be returned as it stands: ASCII, lines of CR LF, none too long.
fn is_plain(octets: &[u8]) -> bool {
    let fits = |line: &[u8]| {
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        let ascii = text.iter().all(|o| matches!(o, b'\t' | b' '..=b'~'));
        ascii && text.len() <= LINE_OCTETS_MAX && !text.starts_with(b"--=_")
    };
    let mut lines = octets.split(|octet| *octet == b'\n').peekable();
    while let Some(line) = lines.next() {
        let last = lines.peek().is_none();
        if !fits(line) || (!last && !line.ends_with(b"\r")) || (last && line.ends_with(b"\r")) {
            return false;
        }
    }
    true
}

/// An address in ASCII; what is not becomes `\x{…}` (RFC 6533 §3, utf-8-addr-xtext).
fn address_text(address: &Address) -> String {
    let mut text = String::with_capacity(address.as_str().len());
    for c in address.as_str().chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            let _ = write!(text, "\\x{{{:X}}}", u32::from(c));
        }
    }
    text
}

/// RFC 3461 §4: `+` and two hexadecimal digits are one octet. What is malformed stays.
fn xtext_decoded(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex =
            after.get(..2).filter(|hex| *first == b'+' && hex.iter().all(u8::is_ascii_hexdigit));
        let octet = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        octets.push(octet.unwrap_or(*first));
        rest = after.get(if octet.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests;
