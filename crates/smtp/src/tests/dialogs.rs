//! Plays `tests/dialogs/*.smtp`; `tests/dialogs/README.md` says how to write one.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Recorder, settings};
use crate::session::{Stop, serve};
use crate::stream::Stream;
use crate::{Connection, Listener, Server, TlsMode};

#[tokio::test(start_paused = true)]
async fn files() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/dialogs");
    let mut played = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "smtp") {
            play(&path).await;
            played += 1;
        }
    }
    assert!(played > 5, "only {played} dialogs in {dir}");
}

async fn play(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let spill = tempfile::tempdir().unwrap();
    let mut settings = settings(spill.path());
    let mut client: SocketAddr = "192.0.2.1:4000".parse().unwrap();
    for (place, option) in lines(path, &text).filter_map(|(p, l)| Some((p, l.strip_prefix("@ ")?)))
    {
        let (name, value) = option.split_once(' ').unwrap_or((option, ""));
        let limits = &mut settings.limits;
        match name {
            "xclient" => drop(settings.xclient.insert(value.parse().unwrap(), ())),
            "client" => client = value.parse().unwrap(),
            "message_bytes" => limits.message_bytes = value.parse().unwrap(),
            "recipients_per_message" => limits.recipients_per_message = value.parse().unwrap(),
            "errors_per_connection" => limits.errors_per_connection = value.parse().unwrap(),
            "idle_commands_per_connection" => {
                limits.idle_commands_per_connection = value.parse().unwrap();
            }
            "messages_per_connection" => limits.messages_per_connection = value.parse().unwrap(),
            _ => panic!("{place}: unknown option {name}"),
        }
    }
    let recorder = Arc::new(Recorder::default());
    let server = Server::bind(settings, recorder.clone()).unwrap();
    let (ours, theirs) = duplex(64 * 1024);
    let stop = CancellationToken::new();
    let served = tokio::spawn({
        let (shared, live) = (server.shared.clone(), server.shared.live.load_full());
        let listener = Listener::new(client, TlsMode::Off);
        let connection = Connection { client, local: client, peer: client.ip() };
        let stop = Stop { token: stop.clone(), drain: Duration::from_secs(20) };
        async move { serve(shared, live, &listener, Stream::Plain(theirs), connection, stop).await }
    });
    let mut peer = Peer { pipe: ours, read: Vec::new() };
    for (place, line) in lines(path, &text) {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match kind {
            "@" => {}
            "C:" => peer.send(&[&octets(rest)[..], b"\r\n"].concat()).await,
            "c:" => peer.send(&octets(rest)).await,
            "S:" => peer.expect(rest, &place).await,
            "silent" => assert!(peer.line().await.is_none(), "{place}: a reply came"),
            "closed" => assert_eq!(peer.line().await.as_deref(), Some(""), "{place}"),
            "wait" => sleep(Duration::from_secs(rest.parse().unwrap())).await,
            "stop" => stop.cancel(),
            "message" => {
                let mut messages = recorder.messages.lock();
                assert!(!messages.is_empty(), "{place}: no message came");
                let message = messages.remove(0);
                let content = String::from_utf8_lossy(&message.content).into_owned();
                assert_eq!(content, String::from_utf8_lossy(&octets(rest)), "{place}");
            }
            "no-message" => assert!(recorder.messages.lock().is_empty(), "{place}"),
            _ => panic!("{place}: cannot read {line:?}"),
        }
    }
    drop(peer);
    served.await.unwrap();
}

/// Lines with their places, without comments and blank ones.
fn lines<'a>(path: &'a Path, text: &'a str) -> impl Iterator<Item = (String, &'a str)> {
    text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).map(
        |(n, line)| (format!("{}:{}", path.file_name().unwrap_or_default().display(), n + 1), line),
    )
}

/// `\r` `\n` `\t` `\0` `\\` `\xHH`, and `\*N{text}` for a text N times.
fn octets(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.extend_from_slice(plain.as_bytes());
        let (kind, mut after) = escape.split_at(1);
        match kind {
            "r" => out.push(b'\r'),
            "n" => out.push(b'\n'),
            "t" => out.push(b'\t'),
            "0" => out.push(0),
            "\\" => out.push(b'\\'),
            "x" => {
                out.push(u8::from_str_radix(&after[..2], 16).unwrap());
                after = &after[2..];
            }
            "*" => {
                let (times, more) = after.split_once('{').unwrap();
                let end = closing(more);
                out.extend(octets(&more[..end]).repeat(times.parse().unwrap()));
                after = &more[end + 1..];
            }
            _ => panic!("unknown escape \\{kind}"),
        }
        rest = after;
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// Where the brace is closed that was opened before `text`.
fn closing(text: &str) -> usize {
    let mut depth = 1;
    let mut braces = text.char_indices().filter(|(_, c)| matches!(c, '{' | '}'));
    let end = braces.find(|(_, c)| {
        depth += if *c == '{' { 1 } else { -1 };
        depth == 0
    });
    end.unwrap().0
}

struct Peer {
    pipe: DuplexStream,
    read: Vec<u8>,
}

impl Peer {
    /// The server may have closed already; what follows in the dialogue shows whether it may.
    async fn send(&mut self, octets: &[u8]) {
        let _ = self.pipe.write_all(octets).await;
    }

    /// One line without its CR LF; empty at the end; `None` when nothing comes.
    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.read.drain(..end + 2).take(end).collect();
                return Some(String::from_utf8(line).unwrap());
            }
            let mut buf = [0; 4096];
            match timeout(Duration::from_millis(100), self.pipe.read(&mut buf)).await {
                Err(_) => return None,
                Ok(Ok(n)) if n > 0 => self.read.extend_from_slice(&buf[..n]),
                Ok(_) => return Some(String::new()),
            }
        }
    }

    /// The next line, whole, or its beginning where the pattern ends with `*`.
    async fn expect(&mut self, pattern: &str, place: &str) {
        let line = self.line().await;
        let line = line.unwrap_or_else(|| panic!("{place}: no reply, expected {pattern:?}"));
        let fits = match pattern.strip_suffix('*') {
            Some(start) => line.starts_with(start),
            None => line == pattern,
        };
        assert!(fits, "{place}: got {line:?}, expected {pattern:?}");
    }
}
