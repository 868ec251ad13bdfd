//! The engine at one, a thousand and a million customers: admit, judge, and a window's decision.

use std::cell::LazyCell;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use postern_benches::customers::directory;
use postern_benches::mail::{Kind, message};
use postern_mail::{
    Client, CustomerId, Envelope, Identity, MessageId, Method, Origin, Recipient, Submission,
    Timestamp,
};
use postern_scoring::{Engine, Facts, Settings, examine};

use crate::lookup::turns;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine");
    for count in [1, 1_000, 1_000_000] {
        let facts = facts();
        // Every customer is known to it, as after a morning of mail.
        let ready = LazyCell::new(|| {
            let mut engine = engine(count);
            let mut mail = mail(count);
            for _ in 0..count.max(10_000) {
                let (submission, now) = mail();
                engine.judge(&submission, &facts, now);
            }
            std::cell::RefCell::new((engine, mail))
        });
        group.bench_function(format!("admit, {count} customers"), |b| {
            let (engine, mail) = &mut *ready.borrow_mut();
            let admit = |(mail, now): (Submission, _)| {
                black_box(engine.admit(&mail.identity, &mail.client, now));
                mail
            };
            b.iter_batched(mail, admit, BatchSize::SmallInput);
        });
        group.bench_function(format!("judge, {count} customers"), |b| {
            let (engine, mail) = &mut *ready.borrow_mut();
            let judge = |(mail, now): (Submission, _)| {
                let judgement = engine.judge(&mail, &facts, now);
                (mail, judgement)
            };
            b.iter_batched(mail, judge, BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn engine(count: usize) -> Engine {
    Engine::new(Arc::new(Settings::default()), Arc::new(directory(count)), 1)
}

fn facts() -> Facts {
    let content = message(Kind::Html, 4 << 10, 1, 1);
    examine(&content, content.len() as u64, &envelope(0), &Settings::default())
}

/// Mail of all customers in turn, a message every 10 ms, to people of whom each customer knows some.
fn mail(count: usize) -> impl FnMut() -> (Submission, Timestamp) {
    let mut next = turns(count);
    let mut n = 0;
    move || {
        n += 1;
        let now = START.plus(Duration::from_millis(10 * n));
        (submission(next(), n, now), now)
    }
}

fn submission(customer: usize, n: u64, now: Timestamp) -> Submission {
    Submission {
        id: MessageId::new(now, n as u32),
        received_at: now,
        identity: Identity {
            customer: Some(CustomerId::new(format!("c{customer}"))),
            reseller: None,
            origin: Origin::login(&format!("info@shop{customer}.example")),
            method: Method::Xclient,
        },
        client: Client {
            ip: [192, 0, 2, 10].into(),
            helo: "web1.example".to_owned(),
            tls: false,
            esmtp: true,
            queues: false,
        },
        envelope: envelope(n),
        size: 4096,
    }
}

fn envelope(n: u64) -> Envelope {
    let recipient = format!("user{}@d{}.example", n % 5000, n % 50);
    Envelope {
        mail_from: "info@shop1.example".parse().ok(),
        recipients: recipient.parse().map(Recipient::new).into_iter().collect(),
        ..Envelope::default()
    }
}

const START: Timestamp = Timestamp::from_millis(1_795_554_000_000);
