//! The trace field on top of what leaves, and the count that ends loops.

use std::fmt::Write;

use postern_mail::Submission;

/// RFC 5321 §6.3 asks for at least 100.
pub(crate) const HOPS_MAX: usize = 100;

/// Our `Received` field (RFC 5321 §4.4, protocol names of RFC 3848 and RFC 6531 §4.3).
pub(crate) fn received(submission: &Submission, hostname: &str, authenticated: bool) -> Vec<u8> {
    let client = &submission.client;
    let mut field = String::with_capacity(256);
    // A String takes every write.
    let _ = write!(
        field,
        "Received: from {} ([{}{}])\r\n\tby {hostname} with {} id {}",
        plain_name(&client.helo),
        if client.ip.is_ipv6() { "IPv6:" } else { "" },
        client.ip,
        protocol(submission, authenticated),
        submission.id,
    );
    if let [only] = submission.envelope.recipients.as_slice()
        && !only.address.is_utf8()
    {
        let _ = write!(field, "\r\n\tfor <{}>", only.address);
    }
    let _ = write!(field, ";\r\n\t{}\r\n", submission.received_at.rfc5322());
    field.into_bytes()
}

/// `ESMTPSA` and its relatives.
fn protocol(submission: &Submission, authenticated: bool) -> String {
    let client = &submission.client;
    let base = match (submission.envelope.smtputf8, client.esmtp) {
        (true, _) => "UTF8SMTP",
        (false, true) => "ESMTP",
        (false, false) => return "SMTP".to_owned(),
    };
    let secured = if client.tls { "S" } else { "" };
    format!("{base}{secured}{}", if authenticated { "A" } else { "" })
}

/// HELO's name as far as it is one; what else somebody wrote there stays out of our field.
fn plain_name(helo: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    if !helo.is_empty() && helo.len() <= 255 && helo.chars().all(plain) { helo } else { "unknown" }
}

/// Whether the header lies in `head` to its end: else fields that must not leave, and loops, could
/// hide behind what is looked at.
pub(crate) fn is_header_whole(head: &[u8], size: u64) -> bool {
    head.len() as u64 == size
        || head.starts_with(b"\r\n")
        || memchr::memmem::find(head, b"\r\n\r\n").is_some()
}

/// How many `Received` fields the header has.
pub(crate) fn hops(head: &[u8]) -> usize {
    let name = b"received:";
    let mut count = 0;
    for line in head.split(|octet| *octet == b'\n') {
        if line.is_empty() || line == b"\r" {
            break;
        }
        let start = line.get(..name.len());
        count += usize::from(start.is_some_and(|start| start.eq_ignore_ascii_case(name)));
    }
    count
}

#[cfg(test)]
mod tests {
    use postern_mail::{
        Client, CustomerId, Envelope, Identity, MessageId, Method, Origin, Recipient, Timestamp,
    };

    use super::*;

    fn submission(helo: &str, tls: bool) -> Submission {
        let ip = "2001:db8::1".parse().unwrap();
        let received_at = Timestamp::from_millis(1_795_554_000_000);
        Submission {
            id: MessageId::new(received_at, 7),
            received_at,
            identity: Identity {
                customer: Some(CustomerId::new("c")),
                reseller: None,
                origin: Origin::ip(ip),
                method: Method::Network,
            },
            client: Client { ip, helo: helo.to_owned(), tls, esmtp: true, queues: true },
            envelope: Envelope {
                recipients: vec![Recipient::new("b@d.example".parse().unwrap())],
                ..Envelope::default()
            },
            size: 0,
        }
    }

    #[test]
    fn received_says_who_to_whom_and_when() {
        let mail = submission("h.example", true);
        let field = String::from_utf8(received(&mail, "r.example", true)).unwrap();
        let expect = format!(
            "Received: from h.example ([IPv6:2001:db8::1])\r\n\tby r.example with ESMTPSA id {}\r\n\
             \tfor <b@d.example>;\r\n\tTue, 24 Nov 2026 21:00:00 +0000\r\n",
            mail.id
        );
        assert_eq!(field, expect);
        let evil = received(&submission("x) by evil\u{e9}", false), "r.example", false);
        assert!(evil.starts_with(b"Received: from unknown ([IPv6:"));
    }

    #[test]
    fn hops_are_counted_in_the_header_only() {
        let head = b"Received: a\r\n\tb\r\nRECEIVED: c\r\nReceivedX: d\r\n\r\nReceived: e\r\n";
        assert_eq!(hops(head), 2);
    }
}
