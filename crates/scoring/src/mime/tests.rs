use super::*;

fn walked(text: &str) -> Structure {
    walk(text.replace('\n', "\r\n").as_bytes(), &Budget::default())
}

/// Types and bodies of the leaves.
fn check(text: &str, parts: &[(&str, &str)], anomalies: &[Anomaly]) {
    let octets = text.replace('\n', "\r\n");
    let found = walk(octets.as_bytes(), &Budget::default());
    let got: Vec<_> = found
        .parts
        .iter()
        .map(|p| {
            (format!("{}/{}", p.kind.main, p.kind.sub), octets[p.body.clone()].trim().to_owned())
        })
        .collect();
    let expect: Vec<_> = parts.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    assert_eq!(got, expect, "{text}");
    assert_eq!(found.anomalies, anomalies, "{text}");
}

#[test]
fn structures() {
    let top = "Content-Type: multipart/mixed; boundary=B\n\npreamble\n";
    check("Subject: x\n\nhello\n", &[("text/plain", "hello")], &[]);
    check(
        &format!("{top}--B\n\none\n--B\nContent-Type: text/html\n\ntwo\n--B--\nepilogue\n"),
        &[("text/plain", "one"), ("text/html", "two")],
        &[],
    );
    check(
        &format!("{top}--B\n\none --B two\n--B--\n"),
        &[("text/plain", "one --B two")],
        &[Anomaly::BoundaryInLine],
    );
    check(&format!("{top}--B\n\none\n"), &[("text/plain", "one")], &[Anomaly::Unclosed]);
    check(&format!("{top}text\n"), &[], &[Anomaly::NoBoundary]);
    check(
        "Content-Type: multipart/mixed\n\nx\n",
        &[("multipart/mixed", "x")],
        &[Anomaly::NoBoundary],
    );
    check(
        "Content-Type: multipart/mixed; x=1;\n\tboundary=\n\t\"B\"\n\n--B\n\ny\n--B--\n",
        &[("text/plain", "y")],
        &[],
    );
    check(
        &format!("{top}--B\nContent-Type: message/rfc822\n\nSubject: in\n\ninner\n--B--\n"),
        &[("text/plain", "inner")],
        &[],
    );
    check(
        &format!(
            "{top}--B\nContent-Type: multipart/alternative; boundary=C\n\n--C\n\na\n--B\n\nb\n--B--\n"
        ),
        &[("text/plain", "a"), ("text/plain", "b")],
        &[Anomaly::Unclosed],
    );
}

#[test]
fn what_aborts_or_slows_others_is_bounded_here() {
    let deep: String = (0..10_000).map(|_| "Content-Type: message/rfc822\n\n").collect();
    assert_eq!(walked(&deep).anomalies, [Anomaly::TooDeep]);
    let many: String = (0..16_000)
        .map(|i| format!("--B\nContent-Type: multipart/mixed; boundary=x{i}\n\n"))
        .collect();
    let found = walked(&format!("Content-Type: multipart/mixed; boundary=B\n\n{many}"));
    assert!(found.anomalies.contains(&Anomaly::Unclosed));
    let parameters: String = (0..32_000).map(|i| format!(" f*{i}=x;\n")).collect();
    assert!(!walked(&format!("Content-Type: text/plain;\n{parameters}\n\nx\n")).parts.is_empty());
    let parts = "--B\n\nx\n".repeat(5000);
    let found = walked(&format!("Content-Type: multipart/mixed; boundary=B\n\n{parts}"));
    assert_eq!(found.parts.len(), Budget::default().parts);
    assert!(found.anomalies.contains(&Anomaly::TooManyParts));
}

#[test]
fn broken_encodings_still_show_their_text() {
    let rows: &[(&[u8], &[u8], usize)] = &[
        (b"aGVsbG8=", b"hello", 0),
        (b"aGVs\r\nbG8", b"hello", 0),
        (b"aGV!sbG8=", b"hello", 1),
        (b"aGVsbG8=IHdvcmxk", b"hello world", 0),
    ];
    for (coded, expect, junk) in rows {
        assert_eq!(base64(coded, 100), (expect.to_vec(), *junk));
    }
    let rows: &[(&[u8], &[u8], usize)] = &[
        (b"a=3Db=\r\nc", b"a=bc", 0),
        (b"a== b=ZZ", b"a== b=ZZ", 3),
        (b"soft= \r\nbreak", b"softbreak", 0),
        (b"end=", b"end=", 0),
    ];
    for (coded, expect, broken) in rows {
        assert_eq!(quoted_printable(coded, 100), (expect.to_vec(), *broken));
    }
    assert_eq!(to_text(b"gr\xfcn", Some("iso-8859-1")), "grün");
    assert_eq!(to_text(b"gr\xfcn", Some("utf-8")), "grün");
    assert_eq!(to_text("grün".as_bytes(), Some("x-unknown")), "grün");
}

#[test]
fn single_values() {
    assert_eq!(
        parse_address("=?utf-8?q?J=C3=B6rg?= <j@a.example>"),
        Some(("Jörg".into(), "j@a.example".into()))
    );
    assert_eq!(parse_text("=?UTF-8?B?SGFsbMO2?= x"), "Hallö x");
    assert_eq!(parse_date("Mon, 5 Feb 2024 00:16:40 +0100"), Some(1_707_088_600));
    assert_eq!(parse_date("yesterday"), None);
}
