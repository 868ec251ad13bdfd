use super::*;
use crate::auth::Salt;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;

fn settings() -> Settings {
    Settings {
        hostname: "mx.test".to_owned(),
        auth: true,
        message_bytes: 1000,
        recipients_per_message: 3,
        messages_per_session: 100,
        errors_per_session: 20,
        idle_commands_per_session: 10_000,
        failed_logins_per_session: 3,
        command_line_bytes: 512,
        command_timeout: Duration::from_secs(300),
        data_timeout: Duration::from_secs(180),
        data_bytes_per_second_min: 10,
    }
}

const OPEN: Link = Link {
    encrypted: false,
    starttls: true,
    tls_required: false,
    submission: false,
    xclient: true,
    scram: true,
};
const SAFE: Link = Link { encrypted: true, ..OPEN };
const T0: Duration = Duration::from_secs(1000);

fn salt() -> Salt {
    Salt { salt: vec![1; 16], iterations: 4096, nonce: "ours".to_owned() }
}

/// What a session said and what it handed over.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    output: String,
    /// Each with sender, recipients and content.
    messages: Vec<String>,
    closed: bool,
}

/// Runs a session over input cut into pieces; everything asked is granted, but logins other than
/// `u`, and recipients named `no`.
fn run(link: Link, input: &[u8], cuts: &[usize]) -> Seen {
    let mut session = Session::new(Arc::new(settings()), link, T0);
    let (mut seen, mut content, mut buffer) = (Seen::default(), Vec::new(), Vec::new());
    let (mut rest, mut turn) = (input, 0);
    loop {
        let (used, step) = session.step(&buffer, T0);
        let mut drop_input = false;
        match step {
            Step::Body(octets) => content.extend_from_slice(octets),
            Step::Discard => content.clear(),
            Step::Flush => {
                seen.output.push_str(&String::from_utf8(session.take_output()).unwrap());
            }
            Step::StartTls => {
                drop_input = true;
                seen.output.push_str(&String::from_utf8(session.take_output()).unwrap());
                session.secured(T0);
            }
            Step::Ask => {
                let no = |code, text: &'static str| Some(Reply::new(code, 7, 1, text));
                let reply = match session.asked() {
                    Some(Asked::Login(c)) if c.login != "u" => no(535, "wrong"),
                    Some(Asked::Salt { .. }) => {
                        session.salted(&salt(), T0);
                        buffer.drain(..used);
                        continue;
                    }
                    Some(Asked::Prove(p)) if p.login == "u" => {
                        session.signed(&[7; 32], T0);
                        buffer.drain(..used);
                        continue;
                    }
                    Some(Asked::Rcpt(_, r)) if r.address.local() == "no" => no(550, "not them"),
                    Some(Asked::Message) => {
                        let envelope = session.take_envelope();
                        let content = std::mem::take(&mut content);
                        let text = String::from_utf8_lossy(&content).into_owned();
                        let to = envelope.recipients.iter().map(|r| r.address.as_str());
                        let to = to.collect::<Vec<_>>().join(",");
                        seen.messages.push(format!("{:?}>{to}:{text}", envelope.mail_from));
                        None
                    }
                    _ => None,
                };
                session.answer(reply, T0);
            }
            Step::NeedMore if rest.is_empty() => break,
            Step::NeedMore => {
                buffer.drain(..used);
                let take = cuts[turn % cuts.len()].clamp(1, rest.len());
                turn += 1;
                buffer.extend_from_slice(&rest[..take]);
                rest = &rest[take..];
                seen.output.push_str(&String::from_utf8(session.take_output()).unwrap());
                continue;
            }
            Step::Close => {
                seen.closed = true;
                break;
            }
        }
        buffer.drain(..used);
        if drop_input {
            buffer.clear();
        }
    }
    seen.output.push_str(&String::from_utf8(session.take_output()).unwrap());
    seen
}

/// The codes of all replies but the banner's, of each reply the last line's.
fn codes(seen: &Seen) -> String {
    let last = |line: &&str| line.as_bytes().get(3) == Some(&b' ');
    let codes = seen.output.lines().filter(last).skip(1).map(|line| &line[..3]);
    codes.collect::<Vec<_>>().join(" ")
}

const ENVELOPE: &str = "EHLO a\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<r@x.test>\r\n";

/// A SCRAM dialogue with a proof that the gate takes from `u`, and what follows it.
fn scram(login: &str, nonce: &str, then: &str) -> String {
    let b64 = |text: String| STANDARD.encode(text);
    let first = b64(format!("n,,n={login},r=ccc"));
    let last = b64(format!("c=biws,r={nonce},p={}", STANDARD.encode([9; 32])));
    format!("EHLO a\r\nAUTH SCRAM-SHA-256 {first}\r\n{last}\r\n{then}")
}

#[test]
fn a_salt_and_a_proof_are_not_granted_by_yes() {
    let input = scram("u", "cccours", "");
    let mut session = Session::new(Arc::new(settings()), SAFE, T0);
    let mut rest = input.as_bytes();
    let mut asked = 0;
    loop {
        let (used, step) = session.step(rest, T0);
        rest = &rest[used..];
        match step {
            Step::Ask if asked == 1 => {
                assert!(matches!(session.asked(), Some(Asked::Salt { login: "u" })));
                session.answer(None, T0);
                break;
            }
            Step::Ask => {
                session.answer(None, T0);
                asked += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    let output = String::from_utf8(session.take_output()).unwrap();
    assert!(output.contains("AUTH PLAIN LOGIN SCRAM-SHA-256\r\n"), "{output}");
    assert!(output.ends_with("535 5.7.8 Authentication failed\r\n"), "{output}");
}

#[test]
fn dialogues() {
    let long = "NOOP ".to_owned() + &"a".repeat(600) + "\r\nNOOP\r\n";
    let big = "x".repeat(98) + "\r\n";
    let over = ENVELOPE.to_owned() + "DATA\r\n" + &big.repeat(11) + "\n.\nQUIT\r\n.\r\nNOOP\r\n";
    let over_chunk =
        ENVELOPE.to_owned() + "BDAT 1100\r\n" + &big.repeat(11) + "BDAT 1 LAST\r\nxNOOP\r\n";
    let endless = ENVELOPE.to_owned() + "DATA\r\n" + &big.repeat(90);
    let with = |rest: &str| ENVELOPE.to_owned() + rest;
    let rows: &[(Link, String, &str, &[&str])] = &[
        (OPEN, long, "500 250", &[]),
        (OPEN, over, "250 250 250 354 552 250", &[]),
        (OPEN, over_chunk, "250 250 250 552 552 250", &[]),
        (OPEN, endless, "250 250 250 354 552", &[]),
        (OPEN, with("DATA\r\na\r\n..b\r\n.\r\nNOOP\r\n"), "250 250 250 354 250 250", &["a\r\n.b\r\n"]),
        (OPEN, with("DATA\r\n.\r\n"), "250 250 250 354 250", &[""]),
        (OPEN, with("DATA\r\na\n.\nQUIT\r\n.\r\nNOOP\r\n"), "250 250 250 354 550 250", &[]),
        (OPEN, with("DATA\r\na\0\r\n.\r\nNOOP\r\n"), "250 250 250 354 550 250", &[]),
        (OPEN, with("BDAT 3\r\na\r\nBDAT 5 LAST\r\n.\r\n\r\nNOOP\r\n"), "250 250 250 250 250 250", &["a\r\n.\r\n\r\n"]),
        (OPEN, with("BDAT 2\r\na\rBDAT 1 LAST\r\n\nNOOP\r\n"), "250 250 250 250 250 250", &["a\r\n"]),
        (OPEN, with("BDAT 2 LAST\r\na\rNOOP\r\n"), "250 250 250 550 250", &[]),
        (OPEN, with("BDAT 4\r\na\r\nbDATA\r\nMAIL FROM:<>\r\nRSET\r\nDATA\r\n"), "250 250 250 250 503 503 250 503", &[]),
        (OPEN, "EHLO a\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n".to_owned(), "250 503 250", &[]),
        (OPEN, with("BDAT 99999999999 LAST\r\n"), "250 250 250 552", &[]),
        (OPEN, with("BDAT 18446744073709551617\r\nNOOP\r\n"), "250 250 250 501 250", &[]),
        (OPEN, "EHLO a\r\nMAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<r@x.test>\r\nDATA\r\nBDAT 5 LAST\r\n\ra\n\0.NOOP\r\n".to_owned(), "250 250 250 503 250 250", &["\ra\n\0."]),
        (OPEN, "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<no@x.test>\r\nDATA\r\nNOOP\r\n".to_owned(), "250 250 550 554 250", &[]),
        (OPEN, "EHLO a\r\nSTARTTLS\r\nMAIL FROM:<>\r\nQUIT\r\n".to_owned(), "250 220", &[]),
        (OPEN, "EHLO a\r\nAUTH PLAIN AHUAcA==\r\n".to_owned(), "250 538", &[]),
        (SAFE, "EHLO a\r\nAUTH PLAIN AHUAcA==\r\nAUTH PLAIN\r\nSTARTTLS\r\n".to_owned(), "250 235 503 503", &[]),
        (SAFE, "EHLO a\r\nAUTH LOGIN\r\ndQ==\r\ncA==\r\nNOOP\r\n".to_owned(), "250 334 334 235 250", &[]),
        (SAFE, "EHLO a\r\nAUTH PLAIN\r\n*\r\nAUTH PLAIN =\r\nAUTH FOO\r\nNOOP\r\n".to_owned(), "250 334 501 501 504 250", &[]),
        (SAFE, "EHLO a\r\n".to_owned() + &"AUTH PLAIN AHgAcA==\r\n".repeat(5), "250 535 535 535 421", &[]),
        (SAFE, scram("u", "cccours", "\r\nNOOP\r\nAUTH PLAIN\r\n"), "250 334 334 235 250 503", &[]),
        (SAFE, scram("u", "cccours", "*\r\nNOOP\r\nAUTH PLAIN AHUAcA==\r\n"), "250 334 334 501 250 235", &[]),
        (SAFE, scram("u", "cccours", "AAAA\r\nNOOP\r\nMAIL FROM:<>\r\n"), "250 334 334 501 250 250", &[]),
        (SAFE, scram("x", "cccours", "NOOP\r\n"), "250 334 535 250", &[]),
        (SAFE, scram("u", "cccOURS", "NOOP\r\n"), "250 334 535 250", &[]),
        (Link { scram: false, ..SAFE }, "EHLO a\r\nAUTH SCRAM-SHA-256\r\n".to_owned(), "250 504", &[]),
        (OPEN, "EHLO a\r\nAUTH SCRAM-SHA-256\r\n".to_owned(), "250 538", &[]),
        (OPEN, with("XCLIENT ADDR=192.0.2.1\r\nRSET\r\nXCLIENT ADDR=192.0.2.1\r\nMAIL FROM:<>\r\nEHLO b\r\nDATA\r\n"), "250 250 250 503 250 220 503 250 503", &[]),
        (Link { xclient: false, ..OPEN }, "EHLO a\r\nXCLIENT ADDR=192.0.2.1\r\nXFORWARD ADDR=192.0.2.1\r\n".to_owned(), "250 502 502", &[]),
        (Link { tls_required: true, ..OPEN }, "EHLO a\r\nMAIL FROM:<>\r\n".to_owned(), "250 530", &[]),
        (OPEN, "EHLO a\r\nMAIL FROM:<é@x.test>\r\nMAIL FROM:<> REQUIRETLS\r\nMAIL FROM:<> AUTH=<>\r\nMAIL FROM:<> SIZE=1001\r\nMAIL FROM:<>\r\nRCPT TO:<é@x.test>\r\n".to_owned(), "250 550 555 555 552 250 553", &[]),
        (SAFE, "EHLO a\r\nMAIL FROM:<é@x.test> SMTPUTF8 REQUIRETLS AUTH=<>\r\nRCPT TO:<é@x.test>\r\n".to_owned(), "250 250 250", &[]),
        (OPEN, with("RCPT TO:<b@x.test>\r\nRCPT TO:<c@x.test>\r\nRCPT TO:<d@x.test>\r\n"), "250 250 250 250 250 452", &[]),
        (OPEN, "FROB\r\n".repeat(30), "500 500 500 500 500 500 500 500 500 500 500 500 500 500 500 500 500 500 500 500 421", &[]),
        (OPEN, "GET / HTTP/1.1\r\nHost: x\r\n".to_owned(), "554", &[]),
        (OPEN, "NOOP\nQUIT\r\nNO\0OP\r\nNOOP\r\r\nNOOP\r\n".to_owned(), "500 500 500 250", &[]),
    ];
    for (link, input, expect, messages) in rows {
        let whole = run(*link, input.as_bytes(), &[usize::MAX]);
        let shown = input.get(..200).unwrap_or(input);
        assert_eq!(codes(&whole), *expect, "{shown:?}\n{}", whole.output);
        assert_eq!(whole.messages.len(), messages.len(), "{shown:?}");
        for (message, content) in whole.messages.iter().zip(*messages) {
            assert!(message.ends_with(&format!(">r@x.test:{content}")), "{message:?}");
        }
        // A cut behind STARTTLS would leave octets for TLS.
        if !input.contains("STARTTLS") {
            for cuts in [&[1][..], &[2, 5], &[7, 1, 64]] {
                assert_eq!(run(*link, input.as_bytes(), cuts), whole, "{shown:?} {cuts:?}");
            }
        }
    }
}

/// Phase by command: which code, which phase then. A change here is a change of the protocol:
/// `UPDATE_EXPECT=1` rewrites the file, the difference is read.
#[test]
fn transition_table() {
    let phases: &[(&str, Link, &str)] = &[
        ("connected", OPEN, ""),
        ("idle", OPEN, "EHLO a\r\n"),
        ("idle, encrypted", SAFE, "EHLO a\r\n"),
        ("idle, authenticated", SAFE, "EHLO a\r\nAUTH PLAIN AHUAcA==\r\n"),
        ("idle, TLS required", Link { tls_required: true, ..OPEN }, "EHLO a\r\n"),
        ("idle, plain peer", Link::default(), "EHLO a\r\n"),
        ("idle, submission", Link { submission: true, ..SAFE }, "EHLO a\r\n"),
        (
            "authenticated, submission",
            Link { submission: true, ..SAFE },
            "EHLO a\r\nAUTH PLAIN AHUAcA==\r\n",
        ),
        ("exchange", SAFE, "EHLO a\r\nAUTH PLAIN\r\n"),
        ("envelope, no recipient", OPEN, "EHLO a\r\nMAIL FROM:<>\r\n"),
        ("envelope", OPEN, ENVELOPE),
        ("data", OPEN, "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<r@x.test>\r\nDATA\r\n"),
        ("chunks", OPEN, "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<r@x.test>\r\nBDAT 3\r\na\r\n"),
    ];
    let commands = [
        "EHLO a",
        "HELO a",
        "EHLO",
        "MAIL FROM:<s@x.test>",
        "MAIL FROM:s",
        "RCPT TO:<r@x.test>",
        "RCPT TO:<>",
        "DATA",
        "BDAT 0",
        "BDAT 0 LAST",
        "BDAT x",
        "RSET",
        "NOOP",
        "HELP",
        "VRFY r",
        "EXPN r",
        "ETRN x",
        "STARTTLS",
        "AUTH PLAIN AHUAcA==",
        "AUTH LOGIN",
        "AUTH SCRAM-SHA-256",
        "*",
        "XCLIENT LOGIN=u",
        "XFORWARD NAME=u",
        "FROB",
        "",
        "NO\nOP",
        ".",
        "GET /",
        "QUIT",
    ];
    let mut table = String::new();
    for (name, link, before) in phases {
        writeln!(table, "{name}").unwrap();
        for command in commands {
            let (code, phase) = transition(*link, before, command);
            writeln!(table, "    {:24} {code:3}  {phase}", command.escape_debug().to_string())
                .unwrap();
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/server-transitions.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let expect = std::fs::read_to_string(path).unwrap();
    assert!(table == expect, "differs from {path}; UPDATE_EXPECT=1 rewrites it\n{table}");
}

fn transition(link: Link, before: &str, command: &str) -> (String, &'static str) {
    let mut session = Session::new(Arc::new(settings()), link, T0);
    let mut feed = |input: &str| {
        let mut input = input.as_bytes();
        session.take_output();
        loop {
            let (used, step) = session.step(input, T0);
            let step_name = match step {
                Step::Ask => {
                    session.answer(None, T0);
                    None
                }
                Step::NeedMore => Some(match &session.phase {
                    Phase::Connected => "connected",
                    Phase::Idle => "idle",
                    Phase::Exchange(_) => "exchange",
                    Phase::Envelope(_) => "envelope",
                    Phase::Data(..) => "data",
                    Phase::Chunk(..) => "chunk",
                    Phase::Chunks(_) => "chunks",
                    Phase::Asking(_) | Phase::Closed => "?",
                }),
                Step::StartTls => Some("handshake"),
                Step::Close => Some("closed"),
                Step::Flush | Step::Body(_) | Step::Discard => None,
            };
            input = &input[used..];
            if let Some(name) = step_name {
                let output = String::from_utf8(session.take_output()).unwrap();
                return (output.get(..3).unwrap_or("-").to_owned(), name);
            }
        }
    };
    feed(before);
    feed(&format!("{command}\r\n"))
}

/// Ends by its deadline at exactly that second, and with this code.
#[test]
fn deadlines() {
    let rows: &[(&str, u64, &str)] = &[
        ("", 300, "421 4.4.2 Timeout waiting"),
        ("EHLO a\r\nNOO", 300, "421 4.4.2 Timeout waiting"),
        ("EHLO a\r\nMAIL FROM:<>\r\n", 300, "421 4.4.2 Timeout waiting"),
        (
            "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<r@x.test>\r\nDATA\r\nab",
            60,
            "421 4.4.2 Timeout: the message",
        ),
        ("EHLO a\r\nBDAT 5\r\nab", 60, "421 4.4.2 Timeout: the message"),
    ];
    for (input, seconds, text) in rows {
        let mut session = Session::new(Arc::new(settings()), OPEN, T0);
        let mut rest = input.as_bytes();
        loop {
            let (used, step) = session.step(rest, T0);
            match step {
                Step::Ask => session.answer(None, T0),
                Step::NeedMore => break,
                _ => {}
            }
            rest = &rest[used..];
        }
        session.take_output();
        let deadline = T0 + Duration::from_secs(*seconds);
        assert_eq!(session.deadline(), Some(deadline), "{input:?}");
        assert!(!session.expire(deadline - Duration::from_millis(1)));
        assert!(session.expire(deadline));
        let output = String::from_utf8(session.take_output()).unwrap();
        assert!(output.starts_with(text), "{input:?}: {output}");
        assert_eq!(session.step(b"", deadline), (0, Step::Close));
    }
}

#[test]
fn content_that_keeps_its_rate_may_take_long() {
    let mut session = Session::new(Arc::new(settings()), OPEN, T0);
    let mut now = T0;
    let feed = |session: &mut Session, input: &[u8], now| {
        let mut rest = input;
        loop {
            let (used, step) = session.step(rest, now);
            rest = &rest[used..];
            match step {
                Step::Ask => session.answer(None, now),
                Step::NeedMore => break,
                _ => {}
            }
        }
    };
    feed(&mut session, ENVELOPE.as_bytes(), now);
    feed(&mut session, b"DATA\r\n", now);
    for _ in 0..4 {
        now += Duration::from_secs(15);
        assert!(!session.expire(now));
        feed(&mut session, &[b'a'; 249], now);
    }
    // 996 octets at 10 a second are good for 99 seconds.
    assert_eq!(session.deadline(), Some(T0 + Duration::from_secs(99)));
}

#[test]
fn a_stop_lets_transactions_end() {
    let drain = |session: &mut Session| {
        session.drain(
            Duration::from_secs(2),
            T0 + Duration::from_secs(5),
            T0 + Duration::from_secs(30),
        );
    };
    let mut idle = Session::new(Arc::new(settings()), OPEN, T0);
    drain(&mut idle);
    assert_eq!(idle.deadline(), Some(T0 + Duration::from_secs(2)));
    assert!(idle.expire(T0 + Duration::from_secs(2)));
    assert!(String::from_utf8(idle.take_output()).unwrap().contains("421 4.3.2"));

    let mut busy = Session::new(Arc::new(settings()), OPEN, T0);
    drain(&mut busy);
    let late = T0 + Duration::from_secs(4);
    for line in ["EHLO a\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<r@x.test>\r\n"] {
        assert_eq!(busy.step(line.as_bytes(), late), (line.len(), Step::Ask));
        busy.answer(None, late);
    }
    assert_eq!(busy.deadline(), Some(T0 + Duration::from_secs(30)));
    busy.step(b"DATA\r\n.\r\n", late);
    busy.answer(None, late);
    busy.take_output();
    busy.step(b"MAIL FROM:<>\r\n", T0 + Duration::from_secs(6));
    assert!(String::from_utf8(busy.take_output()).unwrap().starts_with("421 4.3.2"));
}

#[test]
fn a_flood_of_commands_is_answered_in_portions() {
    let mut session = Session::new(Arc::new(settings()), OPEN, T0);
    let flood = b"HELP\r\n".repeat(10_000);
    let (used, step) = session.step(&flood, T0);
    assert_eq!(step, Step::Flush);
    assert!(used < flood.len() && session.take_output().len() < 2 * OUTPUT_OCTETS_MAX);
}

/// The limit is 10,000 here. What is accepted forgives what came before it.
#[test]
fn commands_that_move_no_mail_are_not_endless() {
    let message = ENVELOPE.to_owned() + "DATA\r\n.\r\n";
    let rows = [
        ("NOOP\r\n".repeat(9999), "250"),
        ("NOOP\r\n".repeat(10_000), "421"),
        ("EHLO a\r\n".repeat(10_001), "421"),
        ("RSET\r\nHELP\r\nVRFY a\r\nXFORWARD NAME=a\r\n".repeat(2500), "421"),
        (ENVELOPE.to_owned() + &"BDAT 0\r\n".repeat(10_000), "421"),
        (ENVELOPE.to_owned() + &"RCPT TO:<r@x.test>\r\n".repeat(10_003), "421"),
        ("NOOP\r\n".repeat(9000) + &message + &"NOOP\r\n".repeat(9000), "250"),
    ];
    for (input, last) in rows {
        let seen = run(OPEN, input.as_bytes(), &[usize::MAX]);
        let shown = &input[input.len() - 30..];
        assert!(codes(&seen).ends_with(last), "{shown:?}");
        assert_eq!(seen.closed, last == "421", "{shown:?}");
    }
}

#[test]
fn content_that_cannot_be_kept_is_read_over() {
    let mut session = Session::new(Arc::new(settings()), OPEN, T0);
    let mut rest: &[u8] = &[ENVELOPE.as_bytes(), b"DATA\r\nabc\r\n.\r\nNOOP\r\n"].concat();
    loop {
        let (used, step) = session.step(rest, T0);
        rest = &rest[used..];
        match step {
            Step::Ask => session.answer(None, T0),
            Step::Body(_) => session.fail_content(Reply::new(452, 3, 1, "disk full")),
            Step::NeedMore => break,
            other => panic!("{other:?}"),
        }
    }
    let output = String::from_utf8(session.take_output()).unwrap();
    assert!(output.ends_with("452 4.3.1 disk full\r\n250 2.0.0 Ok\r\n"), "{output}");
}

mod cuts {
    use proptest::prelude::*;

    use super::*;

    /// Fragments of which any sequence is a dialogue of sorts.
    fn fragment() -> impl Strategy<Value = &'static str> {
        proptest::sample::select(vec![
            "EHLO a\r\n",
            "HELO a\r\n",
            "MAIL FROM:<s@x.test>\r\n",
            "RCPT TO:<r@x.test>\r\n",
            "RCPT TO:<no@x.test>\r\n",
            "DATA\r\n",
            ".\r\n",
            "\r\n.\r\n",
            "a\r\n",
            "..\r\n",
            "\n.\n",
            "\r",
            "\n",
            "\0",
            "BDAT 3\r\nabc",
            "BDAT 4 LAST\r\na\r\nb",
            "BDAT 7\r\nNOOP\r\n",
            "RSET\r\n",
            "BDAT 2000\r\n",
            "BDAT x\r\n",
            "NOOP\r\n",
            "AUTH LOGIN\r\n",
            "dQ==\r\n",
            "*\r\n",
            "AUTH PLAIN AHUAcA==\r\n",
            "AUTH SCRAM-SHA-256 biwsbj11LHI9Y2Nj\r\n",
            "Yz1iaXdzLHI9Y2Njb3VycyxwPUNRa0pDUWtKQ1FrSkNRa0pDUWtKQ1FrSkNRa0pDUWtKQ1FrSkNRa0pDUWs9\r\n",
            "XCLIENT LOGIN=u\r\n",
            "VRFY a\r\n",
            "FROB\r\n",
            "MAIL FROM:<> BODY=BINARYMIME\r\n",
            "QUIT\r\n",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ])
    }

    proptest! {
        #[test]
        fn change_nothing(
            fragments in proptest::collection::vec(fragment(), 1..40),
            cuts in proptest::collection::vec(1usize..9, 1..6),
        ) {
            let input = fragments.concat();
            prop_assert_eq!(run(SAFE, input.as_bytes(), &cuts), run(SAFE, input.as_bytes(), &[usize::MAX]));
        }
    }
}
