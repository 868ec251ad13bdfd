mod table;

use postern_mail::{Address, DsnNotify, DsnReturn, Recipient};
use proptest::prelude::*;

use super::*;

const CONTENT: &[u8] = b"A: b\r\n\r\n.dot\r\n";

fn envelope(recipients: usize) -> Envelope {
    let address = |text: String| Address::parse(&text).unwrap();
    Envelope {
        mail_from: Some(address("s@a.example".to_owned())),
        recipients: (1..=recipients)
            .map(|n| Recipient::new(address(format!("r{n}@b.example"))))
            .collect(),
        ..Envelope::default()
    }
}

fn session() -> Session {
    let settings = Settings {
        ehlo_name: "me.example".to_owned(),
        reply_timeout: Duration::from_secs(30),
        data_reply_timeout: Duration::from_secs(600),
    };
    Session::new(Arc::new(settings), Duration::ZERO)
}

fn message(envelope: Envelope) -> Message {
    Message { envelope: Arc::new(envelope), size: CONTENT.len() as u64, utf8_header: false }
}

/// Plays `replies`, one read each, against a session that hands over `messages`, and writes down
/// what it sends (lines joined by `|`, reads separated by ` / `) and how it ends.
fn play(messages: &[Envelope], tls: bool, replies: &[&str]) -> String {
    let mut session = session();
    let mut log = Vec::new();
    let mut next = messages.iter();
    let mut secure = tls;
    for reply in replies {
        let input = reply.replace('|', "\r\n") + "\r\n";
        let mut from = 0;
        while from < input.len() {
            let (used, step) = session.step(&input.as_bytes()[from..], Duration::ZERO);
            from += used;
            match step {
                Step::NeedMore => assert_eq!(from, input.len()),
                Step::Ready if secure && session.offers().starttls => {
                    session.start_tls(Duration::ZERO);
                }
                Step::Ready => begin(&mut session, next.next(), &mut log),
                Step::StartTls => {
                    secure = false;
                    session.secured(Security::Verified, Duration::ZERO);
                }
                Step::Content => {
                    session.content(CONTENT, Duration::ZERO);
                    assert!(session.end_content(Duration::ZERO));
                }
                Step::Done(verdict) => {
                    log.push(show(&verdict));
                    if session.is_ready() {
                        begin(&mut session, next.next(), &mut log);
                    }
                }
                Step::Broken(trouble) => {
                    log.push(format!("broken: {trouble}"));
                    log.extend(session.abandon().as_ref().map(show));
                    return log.join(" / ");
                }
            }
        }
        let sent = String::from_utf8_lossy(session.output()).trim_end().replace("\r\n", "|");
        session.output().clear();
        if !sent.is_empty() {
            log.push(sent);
        }
    }
    log.join(" / ")
}

fn begin(session: &mut Session, envelope: Option<&Envelope>, log: &mut Vec<String>) {
    match envelope.map(|envelope| message(envelope.clone())) {
        Some(message) => match session.lacks(&message) {
            Some(reply) => log.push(format!("lacks: {reply}")),
            None => session.begin(&message, Duration::ZERO),
        },
        None => session.quit(),
    }
}

fn show(verdict: &Verdict) -> String {
    let answers: Vec<_> = verdict
        .answers
        .iter()
        .map(|answer| match answer {
            Answer::None => "none".to_owned(),
            Answer::Taken => "taken".to_owned(),
            Answer::Accepted => "accepted".to_owned(),
            Answer::Refused(reply) => format!("refused {}", reply.code),
            Answer::Later(reply) => format!("later {}", reply.code),
        })
        .collect();
    format!("[{}]", answers.join(", "))
}

/// A pipelining upstream greets; what follows is told by the row.
fn pipelined(messages: &[Envelope], replies: &[&str]) -> String {
    let hello = ["220 up.example", "250-up.example|250 PIPELINING"];
    let played = play(messages, false, &[&hello, replies].concat());
    played.strip_prefix("EHLO me.example / ").unwrap_or(&played).to_owned()
}

const ONE: &str = "MAIL FROM:<s@a.example>|RCPT TO:<r1@b.example>|DATA";
const TWO: &str = "MAIL FROM:<s@a.example>|RCPT TO:<r1@b.example>|RCPT TO:<r2@b.example>|DATA";
const BODY: &str = "A: b||..dot|.";

#[test]
fn answers_to_a_pipelined_group() {
    let rows: &[Row<'_>] = &[
        (1, &["250 m|250 r|354 go", "250 2.0.0 id"], &[ONE, BODY, "[accepted]", "QUIT"]),
        (1, &["250 m", "250 r", "354 go", "250-a|250 b"], &[ONE, BODY, "[accepted]", "QUIT"]),
        (1, &["250 m|250 r|354 go", "451 no"], &[ONE, BODY, "[later 451]", "QUIT"]),
        (1, &["250 m|250 r|354 go", "550 no"], &[ONE, BODY, "[refused 550]", "QUIT"]),
        (1, &["250 m|250 r|354 go", "421 bye"], &[ONE, BODY, "[later 421]"]),
        (
            1,
            &["250 m|250 r|354 go", "354 go on"],
            &[
                ONE,
                BODY,
                "broken: answered the end of data with 354 go on, which means nothing there",
                "[taken]",
            ],
        ),
        // half the recipients
        (
            2,
            &["250 m|250 r|550 no|354 go", "250 ok"],
            &[TWO, BODY, "[accepted, refused 550]", "QUIT"],
        ),
        (2, &["250 m|450 r|250 r|354 go", "250 ok"], &[TWO, BODY, "[later 450, accepted]", "QUIT"]),
        (
            2,
            &["250 m|450 r|250 r|354 go", "554 ok"],
            &[TWO, BODY, "[later 450, refused 554]", "QUIT"],
        ),
        (
            2,
            &["250 m|250 r|552 much|354 go", "250 ok"],
            &[TWO, BODY, "[accepted, later 552]", "QUIT"],
        ),
        (
            2,
            &["250 m|250 r|552 5.2.2 full|354 go", "250 ok"],
            &[TWO, BODY, "[accepted, refused 552]", "QUIT"],
        ),
        (2, &["250 m|552 size|552 size|503 no"], &[TWO, "[refused 552, refused 552]", "QUIT"]),
        // nobody left: no empty message to anybody
        (2, &["250 m|550 r|451 r|503 no"], &[TWO, "[refused 550, later 451]", "QUIT"]),
        (
            2,
            &["250 m|550 r|550 r|354 go", "554 nobody"],
            &[TWO, ".", "[refused 550, refused 550]", "QUIT"],
        ),
        (
            2,
            &["250 m|550 r|550 r|354 go", "250 fine"],
            &[TWO, ".", "[refused 550, refused 550]", "QUIT"],
        ),
        (2, &["550 m|503 r|503 r|503 d"], &[TWO, "[refused 550, refused 550]", "QUIT"]),
        (2, &["451 m|503 r|503 r|354 d", "503 x"], &[TWO, ".", "[later 451, later 451]", "QUIT"]),
        (
            2,
            &["451 m|250 r|250 r|354 d"],
            &[
                TWO,
                "broken: answered RCPT with 250 r, which means nothing there",
                "[later 451, later 451]",
            ],
        ),
    ];
    rows_hold(rows);
}

#[test]
fn troubles_of_a_pipelined_group() {
    let rows: &[Row<'_>] = &[
        // DATA
        (2, &["250 m|550 r|250 r|451 d"], &[TWO, "[refused 550, later 451]", "QUIT"]),
        (2, &["250 m|250 r|250 r|550 d"], &[TWO, "[refused 550, refused 550]", "QUIT"]),
        (
            1,
            &["250 m|250 r|250 d"],
            &[ONE, "broken: answered DATA with 250 d, which means nothing there", "[taken]"],
        ),
        // one reply too many is never taken for the answer to the content
        (
            1,
            &["250 m|250 m|250 r|354 go|250 ok"],
            &[ONE, "broken: answered DATA with 250 r, which means nothing there", "[taken]"],
        ),
        (
            1,
            &["250 m|250 r|354 go|250 ok"],
            &[ONE, "broken: broke off the content with 250 ok", "[taken]"],
        ),
        (
            1,
            &["250 m|250 r|354 go|552 big"],
            &[ONE, "broken: broke off the content with 552 big", "[refused 552]"],
        ),
        // 421 anywhere, garbage anywhere
        (
            2,
            &["421 bye"],
            &[TWO, "broken: closed the session at MAIL with 421 bye", "[none, none]"],
        ),
        (
            2,
            &["250 m|550 r|421 bye"],
            &[TWO, "broken: closed the session at RCPT with 421 bye", "[refused 550, none]"],
        ),
        (1, &["250 m|hm"], &[ONE, "broken: answered RCPT with octets that are no reply", "[none]"]),
        (
            1,
            &["250 m|250 r|354 go", "hm"],
            &[
                ONE,
                BODY,
                "broken: answered the end of data with octets that are no reply",
                "[taken]",
            ],
        ),
        (
            1,
            &["354 m"],
            &[ONE, "broken: answered MAIL with 354 m, which means nothing there", "[none]"],
        ),
    ];
    rows_hold(rows);
}

/// Recipients, replies, and what is sent and concluded.
type Row<'a> = (usize, &'a [&'a str], &'a [&'a str]);

fn rows_hold(rows: &[Row<'_>]) {
    for (recipients, replies, expect) in rows {
        assert_eq!(pipelined(&[envelope(*recipients)], replies), expect.join(" / "), "{replies:?}");
    }
}

#[test]
fn the_next_message_follows_without_a_round_trip() {
    let got = pipelined(
        &[envelope(1), envelope(1), envelope(1)],
        &[
            "250 m|250 r|354 go",
            "250 ok",
            "250 m|550 r|503 d",
            "250 reset|250 m|250 r|354 go",
            "250 ok",
        ],
    );
    let reset = format!("RSET|{ONE}");
    let expect =
        [ONE, BODY, "[accepted]", ONE, "[refused 550]", &reset, BODY, "[accepted]", "QUIT"];
    assert_eq!(got, expect.join(" / "));
}

#[test]
fn without_pipelining_each_command_waits() {
    let rows: &[(&[&str], &str)] = &[
        (
            &["220 x", "500 what", "250 x", "250 m", "250 r", "550 r", "354 go", "250 ok"],
            "EHLO me.example / HELO me.example / MAIL FROM:<s@a.example> / RCPT TO:<r1@b.example> / \
             RCPT TO:<r2@b.example> / DATA / A: b||..dot|. / [accepted, refused 550] / QUIT",
        ),
        (
            &["220 x", "250 x", "250 m", "550 r", "550 r"],
            "EHLO me.example / MAIL FROM:<s@a.example> / RCPT TO:<r1@b.example> / \
             RCPT TO:<r2@b.example> / [refused 550, refused 550] / QUIT",
        ),
        (
            &["220 x", "250 x", "451 m"],
            "EHLO me.example / MAIL FROM:<s@a.example> / [later 451, later 451] / QUIT",
        ),
    ];
    for (replies, expect) in rows {
        assert_eq!(play(&[envelope(2)], false, replies), *expect);
    }
}

#[test]
fn greetings_and_tls() {
    let tls = "250-x|250 STARTTLS";
    let rows: &[(&[&str], &str)] = &[
        (&["554 no"], "broken: answered the greeting with 554 no"),
        (&["421 no"], "broken: closed the session at the greeting with 421 no"),
        (&["hm"], "broken: answered the greeting with octets that are no reply"),
        (&["220 x", "450 x"], "EHLO me.example / broken: answered EHLO with 450 x"),
        (
            &["220 x", "550 x", "550 x"],
            "EHLO me.example / HELO me.example / broken: answered EHLO with 550 x",
        ),
        (
            &["220 x", tls, "220 go", "250 x", "451 m"],
            "EHLO me.example / STARTTLS / EHLO me.example / MAIL FROM:<s@a.example> / [later 451] / QUIT",
        ),
        (
            &["220 x", tls, "454 no", "451 m"],
            "EHLO me.example / STARTTLS / MAIL FROM:<s@a.example> / [later 451] / QUIT",
        ),
        (
            &["220 x", tls, "220 go|250 evil"],
            "EHLO me.example / STARTTLS / broken: sent octets in clear after its reply to STARTTLS",
        ),
    ];
    for (replies, expect) in rows {
        assert_eq!(play(&[envelope(1)], true, replies), *expect);
    }
}

#[test]
fn parameters_go_on_where_offered() {
    let mut given = envelope(1);
    given.body = BodyKind::EightBit;
    given.smtputf8 = true;
    given.dsn_return = Some(DsnReturn::Headers);
    given.dsn_envid = Some("QQ+2B1".to_owned());
    given.recipients[0].dsn_notify = Some(DsnNotify { success: false, failure: true, delay: true });
    given.recipients[0].dsn_orcpt = Some("rfc822;r1@b.example".to_owned());
    let all = "250-x|250-size 100|250-8BITMIME|250-DSN|250-SMTPUTF8|250 X-OTHER y";
    let played = play(&[given.clone()], false, &["220 x", all, "250 m"]);
    assert_eq!(
        played,
        "EHLO me.example / MAIL FROM:<s@a.example> SIZE=14 BODY=8BITMIME SMTPUTF8 RET=HDRS \
         ENVID=QQ+2B1 / RCPT TO:<r1@b.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;r1@b.example"
    );
    let played = play(&[given.clone()], false, &["220 x", "250 x", "250 m"]);
    assert_eq!(played, "EHLO me.example / MAIL FROM:<s@a.example> / RCPT TO:<r1@b.example>");
    given.dsn_envid = Some("a\r\nRCPT TO:<evil@b.example>".to_owned());
    given.recipients[0].dsn_orcpt = Some("rfc822;a b".to_owned());
    let played = play(&[given], false, &["220 x", "250-x|250 DSN", "250 m"]);
    assert_eq!(
        played,
        "EHLO me.example / MAIL FROM:<s@a.example> RET=HDRS / \
         RCPT TO:<r1@b.example> NOTIFY=FAILURE,DELAY"
    );
}

#[test]
fn what_an_upstream_lacks() {
    let utf8 = |e: &mut Envelope| {
        e.recipients[0].address = Address::parse("grün@b.example").unwrap();
    };
    let binary = |e: &mut Envelope| e.body = BodyKind::Binary;
    let require_tls = |e: &mut Envelope| e.require_tls = true;
    type Change<'a> = &'a dyn Fn(&mut Envelope);
    let rows: &[(Change<'_>, &str, Option<&str>)] = &[
        (&utf8, "250-x|250 PIPELINING", Some("550 5.6.7")),
        (&utf8, "250-x|250 SMTPUTF8", None),
        (&binary, "250-x|250 BINARYMIME", Some("554 5.6.3")),
        (&binary, "250-x|250-CHUNKING|250 BINARYMIME", None),
        (&require_tls, "250-x|250 REQUIRETLS", Some("550 5.7.30")),
    ];
    for (change, hello, expect) in rows {
        let mut given = envelope(1);
        change(&mut given);
        let mut session = session();
        for reply in ["220 x", hello] {
            let input = reply.replace('|', "\r\n") + "\r\n";
            session.step(input.as_bytes(), Duration::ZERO);
        }
        let lacks = session.lacks(&message(given)).map(|reply| reply.to_string());
        assert_eq!(lacks.as_deref().map(|text| &text[..expect.unwrap_or("").len()]), *expect);
    }
}

#[test]
fn binary_content_goes_by_bdat() {
    let mut given = envelope(1);
    given.body = BodyKind::Binary;
    let hello = "250-x|250-PIPELINING|250-CHUNKING|250 BINARYMIME";
    let played = play(&[given.clone()], false, &["220 x", hello, "250 m|250 r", "250 ok"]);
    assert_eq!(
        played,
        "EHLO me.example / MAIL FROM:<s@a.example> BODY=BINARYMIME|RCPT TO:<r1@b.example> / \
         BDAT 14 LAST|A: b||.dot / [accepted] / QUIT"
    );
    let played = play(&[given.clone(), given], false, &["220 x", hello, "250 m|550 r", "250 r"]);
    assert!(played.contains("/ [refused 550] / RSET|MAIL"), "{played}");
}

#[test]
fn bare_newlines_never_leave() {
    for content in [&b"a\nb\r\n"[..], b"a\rb\r\n", b"a\r"] {
        let mut session = session();
        for reply in ["220 x\r\n", "250 x\r\n"] {
            session.step(reply.as_bytes(), Duration::ZERO);
        }
        session.begin(&message(envelope(1)), Duration::ZERO);
        let (_, step) = ["250 m\r\n", "250 r\r\n", "354 go\r\n"]
            .iter()
            .map(|reply| session.step(reply.as_bytes(), Duration::ZERO))
            .last()
            .unwrap();
        assert_eq!(step, Step::Content);
        session.content(content, Duration::ZERO);
        assert!(!session.end_content(Duration::ZERO));
        assert!(!session.output().ends_with(b".\r\n") && !session.is_committed());
    }
}

#[test]
fn many_recipients_go_in_groups() {
    let count = 250;
    let mut session = session();
    session.step(b"220 x\r\n", Duration::ZERO);
    session.step(b"250-x\r\n250 PIPELINING\r\n", Duration::ZERO);
    session.output().clear();
    session.begin(&message(envelope(count)), Duration::ZERO);
    let mut groups = Vec::new();
    loop {
        let sent = String::from_utf8(std::mem::take(session.output())).unwrap();
        groups.push(sent.lines().count());
        let data = sent.contains("DATA");
        let replies = "250 ok\r\n".repeat(sent.lines().count() - usize::from(data));
        session.step(replies.as_bytes(), Duration::ZERO);
        if data {
            break;
        }
    }
    assert_eq!(groups, [100, 100, 52]);
    assert_eq!(session.step(b"354 go\r\n", Duration::ZERO).1, Step::Content);
}

#[test]
fn deadlines_run_from_the_last_reply() {
    let secs = Duration::from_secs;
    let mut session = session();
    assert_eq!(session.deadline(), secs(30));
    session.step(b"220 x", secs(20));
    assert_eq!(session.deadline(), secs(30), "dripping octets buy no time");
    session.step(b"\r\n250 x\r\n", secs(25));
    session.begin(&message(envelope(1)), secs(40));
    session.step(b"250 m\r\n250 r\r\n354 go\r\n", secs(50));
    assert_eq!(session.deadline(), secs(80));
    session.end_content(secs(60));
    assert_eq!(session.deadline(), secs(660));
    assert!(session.is_committed());
}

/// Lets an upstream say anything; `Accepted` must rest on a 2xx after the end of data.
fn fuzz_session(choices: &[u8]) {
    const REPLIES: [&str; 12] = [
        "220 x",
        "250 x",
        "250-x|250 PIPELINING",
        "250-x|250-STARTTLS|250 DSN",
        "354 go",
        "421 bye",
        "450 4.2.0 no",
        "550 5.1.1 no",
        "552 5.5.3 many",
        "\0",
        "250-open",
        "334 hm",
    ];
    let mut session = session();
    let given = message(envelope(2));
    let mut begun = 0;
    for choice in choices {
        let pick = REPLIES[usize::from(*choice) % REPLIES.len()];
        let input = pick.replace('|', "\r\n") + "\r\n";
        let committed = session.is_committed();
        let (_, step) = session.step(input.as_bytes(), Duration::ZERO);
        match step {
            Step::NeedMore => {}
            Step::Ready if session.offers().starttls && choice & 0x80 != 0 => {
                session.start_tls(Duration::ZERO);
            }
            Step::Ready => session.begin(&given, Duration::ZERO),
            Step::StartTls => session.secured(Security::Encrypted, Duration::ZERO),
            Step::Content => {
                session.content(CONTENT, Duration::ZERO);
                assert!(session.end_content(Duration::ZERO));
            }
            Step::Done(verdict) => {
                let accepted = verdict.answers.contains(&Answer::Accepted);
                assert!(!accepted || (committed && pick.starts_with('2')), "{pick}");
                assert!(!verdict.answers.contains(&Answer::None), "{verdict:?}");
                begun += 1;
                if !session.is_ready() || begun > 3 {
                    return;
                }
                session.begin(&given, Duration::ZERO);
            }
            Step::Broken(_) => {
                let answers = session.abandon().map(|verdict| verdict.answers);
                assert!(!answers.unwrap_or_default().contains(&Answer::Accepted));
                return;
            }
        }
        session.output().clear();
    }
}

proptest! {
    #[test]
    fn any_upstream_is_survived(choices in prop::collection::vec(any::<u8>(), 0..40)) {
        fuzz_session(&choices);
        // A friendly start, so that the later states are reached as well.
        fuzz_session(&[&[0, 2], choices.as_slice()].concat());
        fuzz_session(&[&[0, 2, 1, 1, 1, 4], choices.as_slice()].concat());
    }
}
