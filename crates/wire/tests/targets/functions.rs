//! What is fuzzed: plain functions that take any octets and fail by a panic. `tests/fuzz.rs` plays
//! inputs to them on stable, `fuzz/` at the top of the house gives them to libFuzzer.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postern_mail::{BodyKind, Envelope, Recipient, Reply};
use postern_wire::auth::Salt;
use postern_wire::client;
use postern_wire::codec::{Decoded, Decoder, Encoder, Watcher};
use postern_wire::command;
use postern_wire::proxy::{self, Parsed};
use postern_wire::reply::Parser;
use postern_wire::server::{Asked, Link, Session, Settings, Step};

const NOW: Duration = Duration::from_secs(1);

/// Cut or whole, the session says and takes the same; its replies are lines, and what it takes is
/// clean.
pub(crate) fn fuzz_server(data: &[u8]) {
    let Some((&[flags, cut], input)) = data.split_first_chunk() else { return };
    let link = Link {
        encrypted: flags & 1 != 0,
        starttls: flags & 2 != 0,
        tls_required: flags & 4 != 0,
        xclient: flags & 8 != 0,
        submission: flags & 16 != 0,
        scram: flags & 32 != 0,
    };
    let whole = serve(link, input, input.len());
    for line in whole.0.split_inclusive(|&octet| octet == b'\n') {
        assert!(line.len() <= 512 && line.ends_with(b"\r\n"), "{}", line.escape_ascii());
        let text = &line[..line.len() - 2];
        assert!(text.iter().all(|octet| !octet.is_ascii_control()), "{}", line.escape_ascii());
        assert!(text.first_chunk::<3>().is_some_and(|code| code.iter().all(u8::is_ascii_digit)));
    }
    assert!(serve(link, input, usize::from(cut) + 1) == whole, "cut by {cut}");
}

/// Output and messages of a session over `input` in pieces of `cut` octets. Half of what is asked
/// is refused. A session that starts TLS ends here.
fn serve(link: Link, input: &[u8], cut: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let settings = Settings {
        hostname: "mx.test".to_owned(),
        auth: true,
        message_bytes: 500,
        recipients_per_message: 3,
        messages_per_session: 20,
        errors_per_session: 40,
        idle_commands_per_session: 30,
        failed_logins_per_session: 5,
        command_line_bytes: 256,
        command_timeout: NOW,
        data_timeout: NOW,
        data_bytes_per_second_min: 1,
    };
    let mut session = Session::new(Arc::new(settings), link, NOW);
    let (mut output, mut messages, mut content) = (Vec::new(), Vec::new(), Vec::new());
    let (mut asked, mut held, mut pieces) = (0u32, Vec::new(), input.chunks(cut.max(1)));
    loop {
        let (used, step) = session.step(&held, NOW);
        match step {
            Step::NeedMore => {
                output.extend(session.take_output());
                held.drain(..used);
                match pieces.next() {
                    Some(piece) => held.extend_from_slice(piece),
                    None => return (output, messages),
                }
                continue;
            }
            Step::Flush => output.extend(session.take_output()),
            Step::Body(octets) => content.extend_from_slice(octets),
            Step::Discard => content.clear(),
            Step::Ask => {
                asked += 1;
                let refusal = Reply::new(550, 7, 1, "no");
                if answered_by_scram(&mut session) {
                    held.drain(..used);
                    continue;
                }
                let message = matches!(session.asked(), Some(Asked::Message));
                if message {
                    let octets = std::mem::take(&mut content);
                    let mut watcher = Watcher::new();
                    watcher.watch(&octets);
                    let binary = session.take_envelope().body == BodyKind::Binary;
                    assert!(binary || !watcher.defects().any(), "{}", octets.escape_ascii());
                    assert!(octets.len() <= 500);
                    messages.push(octets);
                }
                session.answer((asked % 4 == 3).then_some(refusal), NOW);
            }
            Step::StartTls | Step::Close => {
                output.extend(session.take_output());
                return (output, messages);
            }
        }
        held.drain(..used);
    }
}

/// Gives every login a salt, and takes every proof whose first octet is even.
fn answered_by_scram(session: &mut Session) -> bool {
    let signature = match session.asked() {
        Some(Asked::Salt { .. }) => None,
        Some(Asked::Prove(proof)) if proof.proof[0] % 2 == 0 => Some(proof.proof),
        _ => return false,
    };
    match signature {
        None => session.salted(
            &Salt { salt: vec![1; 64], iterations: 1_000_000, nonce: "ours".to_owned() },
            NOW,
        ),
        Some(signature) => session.signed(&signature, NOW),
    }
    true
}

/// The octets, cut at NUL, as the responses of a SCRAM exchange: replies are lines, and in gets
/// only who is asked about by name, salt and proof.
pub(crate) fn fuzz_scram(data: &[u8]) {
    let link = Link { encrypted: true, scram: true, ..Link::default() };
    let mut input = b"EHLO a\r\nAUTH SCRAM-SHA-256\r\n".to_vec();
    for response in data.split(|&octet| octet == 0).take(4) {
        input.extend_from_slice(STANDARD.encode(response).as_bytes());
        input.extend_from_slice(b"\r\n");
    }
    let (output, _) = serve(link, &input, input.len());
    for line in output.split_inclusive(|&octet| octet == b'\n') {
        assert!(line.len() <= 512 && line.ends_with(b"\r\n"), "{}", line.escape_ascii());
    }
    let challenges = output.windows(4).filter(|four| *four == b"334 ").count();
    let inside = output.windows(10).any(|ten| ten == b"235 2.7.0 ");
    assert!(!inside || challenges == 3, "{}", output.escape_ascii());
}

/// Whatever the line, a command or a refusal, and no control character in either.
pub(crate) fn fuzz_command(data: &[u8]) {
    match command::parse(data) {
        Ok(command) => {
            assert!(!data.contains(&0) && !data.contains(&b'\n'), "{}", data.escape_ascii());
            let debug = format!("{command:?}");
            assert!(!debug.contains(char::is_control));
        }
        Err(line) => assert!(line.len() <= 510),
    }
}

/// Encoded and decoded, clean content is what it was; and any octets end only at a true end.
pub(crate) fn fuzz_codec(data: &[u8]) {
    let Some((&cut, input)) = data.split_first() else { return };
    let (mut encoder, mut wire) = (Encoder::new(), Vec::new());
    for piece in input.chunks(usize::from(cut) + 1) {
        encoder.encode(piece, &mut wire);
    }
    encoder.finish(&mut wire);
    let clean = !encoder.defects().any() && !input.contains(&0);
    let (content, end) = decode(&wire, usize::from(cut) + 1);
    if clean {
        let mut expect = input.to_vec();
        if !input.is_empty() && !input.ends_with(b"\r\n") {
            expect.extend_from_slice(b"\r\n");
        }
        assert!(content == expect && end == Some(wire.len()));
    }
    let raw = [b"\r\n", input].concat();
    let first = raw.windows(5).position(|five| five == b"\r\n.\r\n").map(|at| at + 3);
    assert_eq!(decode(input, usize::from(cut) + 1).1, first);
}

fn decode(input: &[u8], cut: usize) -> (Vec<u8>, Option<usize>) {
    let (mut decoder, mut content, mut place) = (Decoder::new(), Vec::new(), 0);
    for mut piece in input.chunks(cut) {
        while !piece.is_empty() {
            let (used, decoded) = decoder.decode(piece);
            place += used;
            piece = &piece[used..];
            match decoded {
                Decoded::Data(octets) => content.extend_from_slice(octets),
                Decoded::End => return (content, Some(place)),
                Decoded::More => assert!(piece.is_empty()),
            }
        }
    }
    (content, None)
}

/// A header is judged the same as soon as it is whole, and never longer than allowed.
pub(crate) fn fuzz_proxy(data: &[u8]) {
    if let Parsed::Header { octets, .. } = proxy::parse(data) {
        assert!(octets <= data.len() && octets <= proxy::OCTETS_MAX);
        assert_eq!(proxy::parse(&data[..octets]), proxy::parse(data));
        for cut in 0..octets {
            assert_eq!(proxy::parse(&data[..cut]), Parsed::More);
        }
    }
}

/// Cut or whole, the same replies until the first malformed one.
pub(crate) fn fuzz_reply(data: &[u8]) {
    let Some((&cut, input)) = data.split_first() else { return };
    let read = |cut: usize| {
        let (mut parser, mut replies) = (Parser::new(), Vec::new());
        for mut piece in input.chunks(cut.max(1)) {
            while !piece.is_empty() {
                match parser.feed(piece) {
                    (used, Ok(code)) => {
                        replies.extend(code.map(|code| (code, parser.reply())));
                        piece = &piece[used..];
                    }
                    (_, Err(_)) => return replies,
                }
            }
        }
        replies
    };
    assert_eq!(read(usize::from(cut) + 1), read(input.len()));
}

/// An upstream may say anything at any time: the client's session survives, and sends content only
/// as lines that end as they should.
pub(crate) fn fuzz_client(data: &[u8]) {
    let settings = client::Settings {
        ehlo_name: "mx.test".to_owned(),
        reply_timeout: NOW,
        data_reply_timeout: NOW,
    };
    let to = ["c@d.test", "e@f.test"].iter().filter_map(|to| to.parse().ok());
    let envelope = Envelope { recipients: to.map(Recipient::new).collect(), ..Envelope::default() };
    let message = client::Message { envelope: Arc::new(envelope), size: 5, utf8_header: false };
    let mut session = client::Session::new(Arc::new(settings), NOW);
    let (mut rest, mut turns) = (data, 0);
    while turns < 50 {
        turns += 1;
        let (used, step) = session.step(rest, NOW);
        rest = &rest[used..];
        match step {
            client::Step::Ready => session.begin(&message, NOW),
            client::Step::StartTls => session.secured(client::Security::Encrypted, NOW),
            client::Step::Content => {
                session.content(b"a\r\n.b", NOW);
                session.end_content(NOW);
            }
            _ if rest.is_empty() || used == 0 => return,
            _ => {}
        }
        let output = std::mem::take(session.output());
        assert!(output.is_empty() || output.ends_with(b"\r\n"), "{}", output.escape_ascii());
    }
}
