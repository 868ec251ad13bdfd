//! Each content rule on mail that it means and on mail that it must not mean.

use postern_mail::Envelope;

use crate::{Settings, examine};

/// Rules that hit a message.
fn hits(message: &str) -> Vec<String> {
    let octets = message.replace('\n', "\r\n").into_bytes();
    let facts = examine(&octets, octets.len() as u64, &Envelope::default(), &Settings::default());
    facts.findings.into_iter().map(|f| f.rule).collect()
}

fn mail(from: &str, subject: &str, text: &str) -> String {
    format!("From: {from}\nSubject: {subject}\n\n{text}\n")
}

fn file(name: &str, body: &str) -> String {
    format!(
        "From: a@a.example\nContent-Type: multipart/mixed; boundary=B\n\n--B\n\npassword: 123\n--B\n\
         Content-Disposition: attachment; filename=\"{name}\"\nContent-Type: application/octet-stream\n\
         Content-Transfer-Encoding: base64\n\n{body}\n--B--\n"
    )
}

fn html(body: &str) -> String {
    format!("From: a@a.example\nContent-Type: text/html\n\n{body}\n")
}

#[test]
fn rules_hit_what_they_mean() {
    let me = "Shop <info@shop.example>";
    let rows: Vec<(&str, String)> = vec![
        (
            "ACCOUNT_THREAT",
            mail(me, "x", "Ihr Konto wurde vorübergehend eingeschränkt: https://evil.example/a"),
        ),
        ("ACCOUNT_THREAT", mail(me, "x", "verify your account at http://evil.example")),
        (
            "ADVANCE_FEE",
            mail(
                me,
                "x",
                "I am the barrister of the late client, next of kin of an inheritance in a consignment",
            ),
        ),
        ("BRAND_FROM", mail("DHL Paket <service@shop.example>", "x", "y")),
        ("BRAND_LINK", mail(me, "Ihre Sparkasse informiert", "https://evil.example/a")),
        ("BRAND_LINK", mail(me, "x", "https://evil.example/a\n\nIhre Sparkasse")),
        ("DISGUISED_FILE", file("invoice.pdf.exe", "TVqQAAM=")),
        ("ENCRYPTED_ARCHIVE", file("docs.zip", "UEsDBAoACQAA")),
        (
            "EVAL_SCRIPT",
            "X-PHP-Originating-Script: 33:a.php(3) : eval()'d code\nSubject: x\n\ny\n".to_owned(),
        ),
        ("FREEMAIL_UNSIGNED", mail("x@gmail.com", "x", "y")),
        ("GAMBLING", mail(me, "50 Freispiele", "im Casino ohne Einzahlung")),
        ("HIDDEN_TEXT", html(&format!("<p style='display:none'>{}</p>buy", "ham ".repeat(400)))),
        ("HTML_FILE", file("invoice.html", "PGh0bWw+")),
        (
            "INVESTMENT",
            mail(me, "Bitcoin", "So verdienen Sie 900 EUR pro Tag, ab 250 EUR Einzahlung"),
        ),
        ("LINK_ADDRESS", mail(me, "x", "http://203.0.113.9/login")),
        ("LINK_HACKED_PATH", mail(me, "x", "https://www.x.example/wp-content/uploads/1/abc/")),
        ("LINK_MISMATCH", html("<a href='https://evil.example/a'>https://www.bank.de/login</a>")),
        ("LINK_SHORTENER", mail(me, "x", "https://bit.ly/abc")),
        ("LINK_THROWAWAY", mail(me, "x", "https://a-b.top/x")),
        ("LOADER_FILE", file("rechnung.docm", "UEsDBA==")),
        ("MIME_BROKEN", "From: a@a.example\nFrom: b@b.example\nSubject: x\n\ny\n".to_owned()),
        (
            "PARCEL_FEE",
            mail(me, "x", "Ihr Paket konnte nicht zugestellt werden: https://evil.example/p"),
        ),
        ("PASSWORD_FORM", html("<form action='https://evil.example'><input type=password></form>")),
        ("PHARMA", mail(me, "Viagra & Cialis", "cheap")),
        ("PHISH_RESULT", mail(me, "New login", "user : a@b.de\npass : x1\nIP : 203.0.113.1")),
        ("PROGRAM_FILE", file("setup.exe", "TVqQAAM=")),
        ("REPLY_WITHOUT_THREAD", mail(me, "Re: your order", "y")),
        (
            "SEXTORTION",
            mail(
                me,
                "x",
                "I hacked your webcam with a trojan and recorded you on a porn site, send bitcoin in 48 hours",
            ),
        ),
        ("SUBJECT_TOKEN", mail(me, "your order x7k2q", "y")),
        ("URGENT_LINK", mail(me, "x", "innerhalb von 24 Stunden: https://evil.example/a")),
    ];
    for rule in crate::rules::CONTENT {
        let id = rule.rule.id;
        assert!(rows.iter().any(|(row, _)| *row == id), "no sample of {id}");
    }
    for (id, message) in rows {
        let hits = hits(&message);
        assert!(hits.iter().any(|hit| hit == id), "{id} missed, got {hits:?}: {message}");
    }
}

#[test]
fn rules_spare_ordinary_mail() {
    let shop = "Weinhandel <info@shop.example>";
    let rows = [
        mail(
            shop,
            "Passwort zurücksetzen",
            "Zum Vergeben eines neuen Passworts: https://www.shop.example/reset?x=1",
        ),
        mail(
            shop,
            "Bestellung 12345",
            "Ihre Bestellung ist da. https://shop.example/account\n\nIhr Weinhandel",
        ),
        mail(
            shop,
            "Ihr Paket ist unterwegs",
            "Sendungsnummer 1234, https://www.dhl.de/verfolgen?x=1",
        ),
        mail("Server <root@shop.example>", "Backup 2024-01-02", "Speicher: 80 GB, Dauer 3 s"),
        mail(
            shop,
            "Rechnung R2024-001",
            "Zahlbar bis zum 15. ohne Abzug. http://www.shop.example/wp-content/uploads/agb.pdf",
        ),
        mail("Anna <a@firm.example>", "Angebot", "Hallo, anbei das Angebot. Viele Grüße, Anna"),
        mail(
            "Formular <wp@shop.example>",
            "Anfrage",
            "Name: A\nE-Mail: a@b.de\nIP-Adresse: 203.0.113.1\nNachricht: Hallo",
        ),
        file("angebot.pdf", "JVBERi0xLjQ="),
        html(
            "<p>Neues vom Verein</p><a href='https://www.club.example/x'>www.club.example</a><p style='display:none'>Vorschau</p>",
        ),
    ];
    for message in rows {
        let hits = hits(&message);
        assert!(hits.is_empty(), "{hits:?}: {message}");
    }
}

#[test]
fn ids_are_unique_and_in_form() {
    let mut ids: Vec<_> = crate::rules::all().map(|rule| rule.id).collect();
    let well_formed = |id: &&str| id.bytes().all(|o| o.is_ascii_uppercase() || o == b'_');
    assert!(ids.iter().all(well_formed));
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}
