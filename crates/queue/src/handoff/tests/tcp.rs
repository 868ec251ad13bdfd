//! Over loopback, where a connection can also be reset.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;

/// Says each of `replies` (or nothing) after something was read, then closes hard or softly.
fn upstream(replies: &'static [&'static str], reset: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        // Whoever leaves early has an error, and nobody who hears of it.
        let _ = listener.accept().and_then(|(stream, _)| serve(stream, replies, reset));
    });
    address
}

fn serve(mut stream: TcpStream, replies: &[&str], reset: bool) -> io::Result<()> {
    let mut buf = [0; 65536];
    for (i, reply) in replies.iter().enumerate() {
        if i > 0 && stream.read(&mut buf)? == 0 {
            return Ok(());
        }
        if !reply.is_empty() {
            stream.write_all((reply.replace('|', "\r\n") + "\r\n").as_bytes())?;
        }
    }
    if reset {
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    }
    Ok(())
}

const HELLO: &str = "250-x|250 PIPELINING";
const GO: &str = "250 m|250 r|354 go";

#[tokio::test]
async fn resets_and_closes() {
    let good = || upstream(&["220 x", HELLO, GO, "250 2.0.0 second"], false);
    let rows: [(&'static [&'static str], bool, &str); 7] = [
        (&["220 x", HELLO, GO, "250 2.0.0 first"], true, "first"),
        (&["220 x", HELLO, GO, ""], true, "may have taken"),
        (&["220 x", HELLO, GO, ""], false, "may have taken"),
        (&["220 x", HELLO], true, "second"),
        (&["220 x"], true, "second"),
        (&[], true, "second"),
        (&["220 x", HELLO, "250 m|250 r"], false, "second"),
    ];
    for (replies, reset, expect) in rows {
        let (first, second) = (upstream(replies, reset), good());
        let handoff = Handoff::new(vec![pool(&[&first, &second])], Arc::new(Still), 1).unwrap();
        let delivery = send(&handoff, 1).await;
        let got = format!("{} {:?}", words(&delivery).join(""), delivery.reply);
        assert!(got.contains(expect), "{replies:?}: {got}");
    }
}

#[tokio::test]
async fn last_words_before_a_reset_are_heard() {
    // Refuses what is too big after the first octets and goes, with the rest unread.
    let big: Arc<dyn Content> = Arc::new(b"Subject: x\r\n".repeat(2_000_000));
    let address = upstream(&["220 x", HELLO, GO, "552 5.3.4 too big"], false);
    let handoff = Handoff::new(vec![pool(&[&address])], Arc::new(Still), 1).unwrap();
    let delivery = handoff.deliver("main", "customer", envelope(1), big).await;
    assert_eq!(words(&delivery), ["refused 552"]);
}

#[tokio::test]
async fn names_and_refused_ports() {
    let address = upstream(&["220 x", HELLO, GO, "250 2.0.0 id"], false);
    let port = address.rsplit_once(':').unwrap().1.to_owned();
    // Bound and closed again: nobody listens there.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let servers = [closed.as_str(), &format!("localhost:{port}")];
    let handoff = Handoff::new(vec![pool(&servers)], Arc::new(Still), 1).unwrap();
    let delivery = send(&handoff, 1).await;
    assert_eq!(words(&delivery), ["accepted"]);
    assert_eq!(delivery.server.unwrap().to_string(), address);
    assert_eq!(handoff.health()[0].failures, 1);
}
