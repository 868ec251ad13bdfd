use super::*;

fn reading(message: &str) -> Reading {
    let octets = message.replace('\n', "\r\n").into_bytes();
    let budget = Budget::default();
    let mut structure = mime::walk(&octets, &budget);
    read(&octets, &mut structure, &budget)
}

#[test]
fn html_reads_as_shown() {
    let found = reading(
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nContent-Type: text/html\n\n<style>p{x}</style><p>Hello <b>wor</b>ld\n\
         <span style='display: none'>secret <br> words</span>seen</p><a href='https://evil.example/a'>bank.example</a>\
         <input type=password>",
    );
    assert_eq!(found.subject, "Grüße");
    assert_eq!(found.text.trim(), "Hello world seen\nbank.example");
    assert_eq!(found.hidden_octets, "secret ".len() + " words".len());
    assert!(found.asks_password);
    let link = &found.links[0];
    assert_eq!((link.host.as_str(), link.words.as_str()), ("evil.example", "bank.example"));
}

#[test]
fn letters_of_all_kinds_fold() {
    for text in ["", "PLAIN Text", "ÄÖÜ ẞ Grüße", "İSTANBUL x", "ΟΔΟΣ Σα", "Ж日本É", "x\u{212a}Y"]
    {
        assert_eq!(folded(text.to_owned()), text.to_lowercase(), "{text}");
    }
}

#[test]
fn links_in_plain_text() {
    let rows = [
        ("see https://a.example/x?y=1.", Some(("a.example", "/x?y=1"))),
        ("(http://user@B.example:8080)", Some(("b.example", ""))),
        ("www.c.example/z, or", Some(("www.c.example", "/z"))),
        ("ftp://d.example", None),
        ("nothing:// here", None),
        ("ühttp://e.example/", Some(("e.example", "/"))),
    ];
    for (text, expect) in rows {
        let mut links = Vec::new();
        links_in_text(text, &mut links, 10);
        let got = links.first().map(|l| (l.host.as_str(), l.path.as_str()));
        assert_eq!(got, expect, "{text}");
    }
    assert_eq!(registered_domain("www.shop.a.co.uk"), "a.co.uk");
}

#[test]
fn files_are_known_by_name_and_magic() {
    let found = reading(
        "Content-Type: multipart/mixed; boundary=B\n\n--B\n\nhi\n--B\nContent-Type: application/octet-stream\n\
         Content-Disposition: attachment; filename=\"Rechnung.PDF.exe\"\nContent-Transfer-Encoding: base64\n\nTVqQAAM=\n--B--\n",
    );
    assert_eq!(found.files.len(), 1);
    assert_eq!(found.files[0].name, "rechnung.pdf.exe");
    assert!(found.files[0].magic.starts_with(b"MZ"));
    assert_eq!(found.text.trim(), "hi");
}
