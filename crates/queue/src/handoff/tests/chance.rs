//! Many messages, two servers, misfortunes by chance: whatever happens, one delivery never makes
//! two copies, and what is said of a recipient is what became of it.

use std::collections::HashMap;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::*;

const PLACES: [&str; 12] = [
    "connect", "greeting", "EHLO", "MAIL", "RCPT", "RCPT", "DATA", "content", "end", "end", "rest",
    "RSET",
];

const ACTS: [Act; 12] = [
    Act::Say("451 4.3.0 not now"),
    Act::Say("550 5.7.1 never"),
    Act::Say("250 2.0.0 fine"),
    Act::SayClose("421 4.3.2 bye"),
    Act::SayClose("552 5.3.4 big"),
    Act::SayClose("hm"),
    Act::SayClose("250 2.0.0 and gone"),
    Act::Close,
    Act::Close,
    Act::Hang,
    Act::Drip,
    Act::After(4),
];

fn misfortunes(random: &mut fastrand::Rng) -> Vec<Rule> {
    let rule = |random: &mut fastrand::Rng| Rule {
        server: random.choice([A, A, B]).unwrap(),
        place: random.choice(PLACES).unwrap(),
        act: random.choice(ACTS).unwrap(),
        times: random.usize(1..4),
    };
    // Who interrupts a content and then goes on says two things about one message, and who says
    // 250 to what it never took is beyond help.
    let fair = |rule: &Rule| match rule.act {
        _ if rule.place != "content" => true,
        Act::SayClose(text) => !text.starts_with('2'),
        act => matches!(act, Act::Close | Act::Hang),
    };
    (0..random.usize(1..10)).map(|_| rule(random)).filter(fair).collect()
}

/// One message with recipients of its own.
fn message(n: usize, recipients: usize) -> Arc<Envelope> {
    let mut envelope = (*envelope(recipients)).clone();
    for (i, recipient) in envelope.recipients.iter_mut().enumerate() {
        recipient.address = Address::parse(&format!("m{n}r{i}@d.example")).unwrap();
    }
    Arc::new(envelope)
}

async fn play(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let fake = Fake::new(misfortunes(&mut random));
    if random.bool() {
        fake.offers("SIZE 1000");
    }
    let mut settings = pool(&[A, B]);
    settings.connections_per_server = random.usize(1..4);
    settings.messages_per_connection = random.u32(1..5);
    let handoff = handoff(&fake, settings);
    for round in 0..3 {
        let envelopes: Vec<_> =
            (0..4).map(|n| message(round * 10 + n, random.usize(1..4))).collect();
        let deliveries = envelopes.iter().map(|envelope| {
            let content: Arc<dyn Content> = Arc::new(CONTENT.to_vec());
            handoff.deliver("main", "customer", Arc::clone(envelope), content)
        });
        let limit = Duration::from_secs(7200);
        let done = timeout(limit, join_all(deliveries)).await;
        let done = done.unwrap_or_else(|_| panic!("seed {seed}: no end"));
        let mut copies: HashMap<String, usize> = HashMap::new();
        for recipient in fake.taken().into_iter().flat_map(|taken| taken.recipients) {
            *copies.entry(recipient).or_default() += 1;
        }
        for (envelope, delivery) in envelopes.iter().zip(&done) {
            for (recipient, word) in envelope.recipients.iter().zip(words(delivery)) {
                let line = format!("RCPT TO:<{}>", recipient.address);
                let count = copies.get(&line).copied().unwrap_or(0);
                let right = match word.as_str() {
                    "accepted" => count == 1,
                    // 552 and a close after the end of data: the fake kept it all the same.
                    "refused 552" | "later 421" => count <= 1,
                    text if text.contains("may have taken") => count <= 1,
                    _ => count == 0,
                };
                assert!(right, "seed {seed}: {word}: {count} copies for {line}");
            }
        }
    }
    assert!(handoff.health().iter().all(|server| server.busy == 0), "seed {seed}");
}

#[tokio::test(start_paused = true)]
async fn one_delivery_makes_one_copy_at_most() {
    for seed in 0..400 {
        play(seed).await;
    }
}
