use mail_parser::{MessageParser, MimeHeaders};
use postern_mail::{DsnNotify, Envelope};

use super::*;
use crate::KeepState;
use crate::testing::mail;

fn about(to: &[&str]) -> Submission {
    mail(Timestamp::from_millis(1_795_554_000_000), 1, "c1", to, KeepState::Ready).submission
}

fn write(about: &Submission, failures: &[Failure], original: &[u8]) -> String {
    let to: Address = "owner@c1.example".parse().unwrap();
    let original = original.to_vec();
    let bounce = Bounce {
        id: MessageId::new(about.received_at, 99),
        at: about.received_at,
        to: &to,
        hostname: "relay.example",
        about,
        failures,
        original: Some(&original),
    };
    let text = String::from_utf8(bounce.write()).unwrap();
    assert!(text.is_ascii());
    for line in text.split("\r\n") {
        assert!(line.len() <= 998 && !line.contains(['\r', '\n']), "{line:?}");
    }
    text
}

#[test]
fn parts_as_rfc_3464_wants_them() {
    let mut about = about(&["a@d.example", "b@d.example"]);
    about.envelope.dsn_envid = Some("QQ+3D1".to_owned());
    about.envelope.recipients[1].dsn_orcpt = Some("rfc822;B+2Bx@d.example".to_owned());
    let failure = Failure::refused(1, &Reply::new(550, 1, 1, "no such user"));
    let text = write(&about, &[failure], b"Subject: hello\r\n folded\r\n\r\nSECRET\r\n");
    assert!(!text.contains("SECRET") && !text.contains("a@d.example"));
    let parsed = MessageParser::default().parse(text.as_bytes()).unwrap();
    let kind = parsed.content_type().unwrap();
    assert_eq!((kind.ctype(), kind.subtype()), ("multipart", Some("report")));
    assert_eq!(kind.attribute("report-type"), Some("delivery-status"));
    assert_eq!(parsed.header("Auto-Submitted").and_then(|h| h.as_text()), Some("auto-replied"));
    let fields = "Content-Type: message/delivery-status\r\n\r\n\
        Reporting-MTA: dns; relay.example\r\n\
        Original-Envelope-Id: QQ=1\r\n\
        Arrival-Date: Tue, 24 Nov 2026 21:00:00 +0000\r\n\r\n\
        Original-Recipient: rfc822; B+x@d.example\r\n\
        Final-Recipient: rfc822; b@d.example\r\n\
        Action: failed\r\n\
        Status: 5.1.1\r\n\
        Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n";
    assert!(text.contains(fields), "{text}");
    assert!(text.contains("text/rfc822-headers\r\n\r\nSubject: hello\r\n folded\r\n\r\n--=_"));
}

#[test]
fn hostile_words_stay_words() {
    let mut about = about(&["gr\u{fc}n@d.example"]);
    about.envelope.dsn_envid = Some("x+0D+0ABcc:+20evil@e.example".to_owned());
    let words = format!("550 no\r\nBcc: evil@e.example\u{1b}[2J \u{e9} {}", "x".repeat(5000));
    let failure =
        Failure { recipient: 0, status: Enhanced(5, 0, 0), words: Words::Upstream(words) };
    let original = [b"Subject: \xff\xfe\0\x1b[2J\r\nX: ".as_slice(), &[b'y'; 5000], b"\r\n\r\n"];
    let text = write(&about, &[failure], &original.concat());
    assert!(!text.contains("\r\nBcc:"), "{text}");
    assert!(text.contains("Final-Recipient: utf-8; gr\\x{FC}n@d.example\r\n"), "{text}");
    assert!(text.contains("Subject: ????[2J"), "{text}");
}

#[test]
fn all_of_it_only_where_that_was_asked_and_can_be() {
    let mut about = about(&["a@d.example"]);
    let failure = [Failure::refused(0, &Reply::plain(554, "spam"))];
    let plain = b"Subject: s\r\n\r\nSECRET\r\n".as_slice();
    let rows: &[(Option<DsnReturn>, &[u8], bool)] = &[
        (None, plain, false),
        (Some(DsnReturn::Headers), plain, false),
        (Some(DsnReturn::Full), plain, true),
        (Some(DsnReturn::Full), b"Subject: s\r\n\r\nSECRET \xe9\r\n", false),
        (Some(DsnReturn::Full), b"Subject: s\r\n\r\nSECRET\rx\r\n", false),
        (Some(DsnReturn::Full), b"Subject: s\n\nSECRET\n", false),
    ];
    for (ret, original, whole) in rows {
        about.envelope.dsn_return = *ret;
        let text = write(&about, &failure, original);
        assert_eq!(text.contains("SECRET"), *whole, "{ret:?} {original:?}");
        assert_eq!(text.contains("message/rfc822"), *whole);
        assert!(text.contains("Status: 5.0.0\r\n"));
    }
}

#[test]
fn notify_is_honoured() {
    let mut about = about(&["a@d.example", "b@d.example", "c@d.example"]);
    let notify = |failure| Some(DsnNotify { success: true, failure, delay: false });
    about.envelope = Envelope {
        recipients: std::mem::take(&mut about.envelope.recipients)
            .into_iter()
            .zip([None, notify(false), notify(true)])
            .map(|(recipient, dsn_notify)| Recipient { dsn_notify, ..recipient })
            .collect(),
        ..Envelope::default()
    };
    let reply = Reply::plain(550, "no");
    let failures: Vec<Failure> = (0..3).map(|place| Failure::refused(place, &reply)).collect();
    let places: Vec<usize> = wanted(&about, &failures).iter().map(|f| f.recipient).collect();
    assert_eq!(places, [0, 2]);
}
