//! The engine at one, a thousand and a million customers: admit, judge, and a window's decision.
//!
//! All of them write ordinary mail from a domain that is hosted elsewhere: in another customer's name
//! it would be refused, and one content in each customer's own name would take minutes to make.

use std::cell::{LazyCell, RefCell};
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
use postern_scoring::window::Windows;
use postern_scoring::{Engine, Facts, Settings, examine};

use crate::lookup::turns;

pub(crate) fn bench(criterion: &mut Criterion) {
    windows(criterion);
    let mut group = criterion.benchmark_group("engine");
    for count in [1, 1_000, 1_000_000] {
        // Every customer is known to it, as after a morning of mail.
        let facts = facts();
        let ready = LazyCell::new(|| {
            let settings = Arc::new(Settings::default());
            let mut engine = Engine::new(settings, Arc::new(directory(count)), 1);
            let mut mail = mail(count);
            for _ in 0..count.max(10_000) {
                let (submission, now) = mail();
                engine.judge(&submission, &facts, now);
            }
            RefCell::new((engine, mail))
        });
        group.bench_function(format!("admit, {count} customers"), |b| {
            let (engine, mail) = &mut *ready.borrow_mut();
            let admit = |(mail, now): Mail| {
                black_box(engine.admit(&mail.identity, &mail.client, now));
                mail
            };
            b.iter_batched(mail, admit, BatchSize::SmallInput);
        });
        group.bench_function(format!("judge, {count} customers"), |b| {
            let (engine, mail) = &mut *ready.borrow_mut();
            let judge = |(mail, now): Mail| {
                let judgement = engine.judge(&mail, &facts, now);
                (mail, judgement)
            };
            b.iter_batched(mail, judge, BatchSize::SmallInput);
        });
    }
    group.finish();
}

/// Counting a recipient in a minute, an hour and a day, and what they hold then.
fn windows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("window");
    for count in [1, 1_000, 1_000_000] {
        group.bench_function(format!("add in three spans, {count} customers"), |b| {
            let mut all = vec![Windows::default(); count];
            let (mut next, mut now) = (turns(count), START);
            b.iter(|| {
                now = now.plus(Duration::from_millis(1));
                all[next()].add(1, now)
            });
        });
    }
    group.finish();
}

type Mail = (Submission, Timestamp);

/// Mail of all customers in turn, a message every 10 ms in all, but no customer more than one in ten
/// minutes; to people of whom each customer knows some.
fn mail(count: usize) -> impl FnMut() -> Mail {
    let mut next = turns(count);
    let gap = Duration::from_millis((600_000 / count as u64).max(10));
    let (mut n, mut now) = (0, START);
    move || {
        n += 1;
        now = now.plus(gap);
        (submission(next(), n, now), now)
    }
}

/// The domain `shopN.example` of no customer.
const ELSEWHERE: usize = 5_000_000;

fn facts() -> Facts {
    let content = message(Kind::Html, 4 << 10, ELSEWHERE, 1);
    examine(&content, content.len() as u64, &envelope(0), &Settings::default())
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
        mail_from: format!("info@shop{ELSEWHERE}.example").parse().ok(),
        recipients: recipient.parse().map(Recipient::new).into_iter().collect(),
        ..Envelope::default()
    }
}

const START: Timestamp = Timestamp::from_millis(1_795_554_000_000);
