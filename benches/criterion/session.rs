//! The server's session machine without sockets: commands a second, and whole transactions of 4 KB.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use postern_benches::mail::{Kind, message};
use postern_wire::server::{Link, Session, Settings, Step};

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session");
    let envelope = b"MAIL FROM:<info@shop1.example> BODY=8BITMIME SIZE=4000\r\n\
        RCPT TO:<anna@d1.example>\r\nRCPT TO:<boris@d2.example>\r\nRSET\r\n";
    let commands = envelope.repeat(25);
    group.throughput(Throughput::Elements(100));
    group.bench_function("100 commands, pipelined", |b| {
        let mut session = greeted();
        b.iter(|| feed(&mut session, black_box(&commands)));
    });

    let content = message(Kind::Html, 4 << 10, 1, 1);
    let envelope = b"MAIL FROM:<info@shop1.example>\r\nRCPT TO:<anna@d1.example>\r\nDATA\r\n";
    let script = [envelope.as_slice(), &content, b".\r\n"].concat();
    group.throughput(Throughput::Elements(1));
    group.bench_function("transaction of 4k", |b| {
        let mut session = greeted();
        b.iter(|| assert_eq!(feed(&mut session, black_box(&script)), content.len()));
    });
    group.bench_function("connect and EHLO", |b| b.iter(greeted));
    group.finish();
}

fn settings() -> Arc<Settings> {
    Arc::new(Settings {
        hostname: "relay.example.test".to_owned(),
        auth: false,
        message_bytes: 50 << 20,
        recipients_per_message: 1000,
        messages_per_session: u32::MAX,
        errors_per_session: 50,
        idle_commands_per_session: u32::MAX,
        failed_logins_per_session: 5,
        command_line_bytes: 4096,
        command_timeout: Duration::from_secs(300),
        data_timeout: Duration::from_secs(180),
        data_bytes_per_second_min: 64,
    })
}

fn greeted() -> Session {
    let mut session = Session::new(settings(), Link::default(), Duration::ZERO);
    feed(&mut session, b"EHLO client.example\r\n");
    session
}

/// Feeds all of `input`, granting whatever is asked; octets of messages seen.
fn feed(session: &mut Session, mut input: &[u8]) -> usize {
    let now = Duration::from_secs(1);
    let mut octets = 0;
    loop {
        let (used, step) = session.step(input, now);
        input = &input[used..];
        match step {
            Step::Ask => session.answer(None, now),
            Step::Body(body) => octets += body.len(),
            Step::NeedMore | Step::Flush => {
                black_box(session.take_output());
                if input.is_empty() {
                    return octets;
                }
            }
            Step::Discard => {}
            Step::StartTls | Step::Close => unreachable!("the script asks for neither"),
        }
    }
}
