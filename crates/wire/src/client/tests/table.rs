//! The client's transitions as a table: what it waits for, by what the upstream answers: what it
//! says then, and what it waits for or how it ends. `UPDATE_EXPECT=1` rewrites the file, the
//! difference is read.

use std::fmt::Write;

use super::*;

/// What it waits for, whether it wants TLS, and the replies that lead there.
const WAITS: &[(&str, bool, &[&str])] = &[
    ("greeting", false, &[]),
    ("EHLO", false, &["220 up"]),
    ("HELO", false, &["220 up", "500 no"]),
    ("STARTTLS", true, &["220 up", "250-up|250 STARTTLS"]),
    ("MAIL", false, &["220 up", "250 up"]),
    ("RCPT", false, &["220 up", "250 up", "250 m"]),
    ("DATA", false, &["220 up", "250 up", "250 m", "250 r"]),
    ("MAIL, pipelined", false, &["220 up", "250-up|250 PIPELINING"]),
    ("RCPT, pipelined", false, &["220 up", "250-up|250 PIPELINING", "250 m"]),
    ("DATA, pipelined", false, &["220 up", "250-up|250 PIPELINING", "250 m", "250 r"]),
    ("DATA for nobody", false, &["220 up", "250-up|250 PIPELINING", "250 m", "550 r"]),
    ("dot for nobody", false, &["220 up", "250-up|250 PIPELINING", "250 m", "550 r", "354 go"]),
    ("nothing, amid content", false, &["220 up", "250 up", "250 m", "250 r", "354 go"]),
    ("end of data", false, &["220 up", "250 up", "250 m", "250 r", "354 go", "(content)"]),
];

const REPLIES: &[&str] =
    &["220 x", "250 x", "334 x", "354 x", "421 x", "450 x", "550 x", "nonsense"];

#[test]
fn transition_table() {
    let mut table = String::new();
    for (name, tls, before) in WAITS {
        writeln!(table, "{name}").unwrap();
        for reply in REPLIES {
            let mut session = session();
            for earlier in *before {
                hear(&mut session, *tls, earlier);
            }
            session.output().clear();
            let outcome = hear(&mut session, *tls, reply);
            let said = String::from_utf8_lossy(session.output()).trim_end().replace("\r\n", "|");
            writeln!(table, "    {:9} {:24} {said}", reply.trim_end_matches(" x"), outcome)
                .unwrap();
        }
    }
    let table: String = table.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/client-transitions.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let expect = std::fs::read_to_string(path).unwrap();
    assert!(table == expect, "differs from {path}; UPDATE_EXPECT=1 rewrites it\n{table}");
}

/// One reply, and what comes of it.
fn hear(session: &mut Session, tls: bool, reply: &str) -> String {
    let t0 = Duration::ZERO;
    if reply == "(content)" {
        session.content(CONTENT, t0);
        assert!(session.end_content(t0));
        return String::new();
    }
    let input = reply.replace('|', "\r\n") + "\r\n";
    match session.step(input.as_bytes(), t0).1 {
        Step::NeedMore => format!("{:?}", session.stage()),
        Step::Ready if tls && session.offers().starttls => {
            session.start_tls(t0);
            "StartTls".to_owned()
        }
        Step::Ready => {
            session.begin(&message(envelope(1)), t0);
            "ready".to_owned()
        }
        Step::StartTls => "handshake".to_owned(),
        Step::Content => "content".to_owned(),
        Step::Done(verdict) => {
            let then = if session.is_ready() { "ready" } else { "closed" };
            format!("{then} {}", show(&verdict))
        }
        Step::Broken(_) => {
            let verdict = session.abandon().as_ref().map(show).unwrap_or_default();
            format!("broken {verdict}")
        }
    }
}
