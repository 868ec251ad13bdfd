//! Connections that are kept, pools that are short of them, servers that come back.

use std::io;

use futures_util::future::join_all;
use tokio::time::sleep;

use super::*;

#[tokio::test(start_paused = true)]
async fn one_connection_carries_many_messages() {
    let fake = Fake::new(vec![]);
    let mut settings = pool(&[A]);
    settings.messages_per_connection = 3;
    let handoff = handoff(&fake, settings);
    for _ in 0..4 {
        assert_eq!(words(&send(&handoff, 1).await), ["accepted"]);
    }
    assert_eq!(fake.dials(A), 2);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(
        fake.commands(),
        "EHLO MAIL RCPT DATA MAIL RCPT DATA MAIL RCPT DATA QUIT EHLO MAIL RCPT DATA"
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_at_rest_is_closed_in_time() {
    let fake = Fake::new(vec![]);
    let handoff = handoff(&fake, pool(&[A]));
    send(&handoff, 1).await;
    sleep(Duration::from_secs(59)).await;
    assert_eq!(fake.open(A), 1);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(fake.open(A), 0);
    assert!(fake.commands().ends_with("QUIT"));
    // And again, with a sweeper of its own.
    send(&handoff, 1).await;
    sleep(Duration::from_secs(130)).await;
    assert_eq!((fake.open(A), fake.dials(A)), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_that_died_costs_nothing() {
    let rows = [
        // It says so while at rest, or just closes.
        ("rest", Act::SayClose("421 4.4.2 idle")),
        ("rest", Act::Close),
        ("rest", Act::Say("250 one too many")),
        // Or only when it is used.
        ("MAIL", Act::Close),
        ("MAIL", Act::SayClose("421 4.7.0 too many messages")),
        ("DATA", Act::Close),
    ];
    for (place, act) in rows {
        let fake = Fake::new(vec![]);
        if place == "rest" {
            fake.rules(vec![once(A, place, act)]);
        }
        let handoff = handoff(&fake, pool(&[A]));
        assert_eq!(words(&send(&handoff, 1).await), ["accepted"], "{place} {act:?}");
        if place != "rest" {
            fake.rules(vec![once(A, place, act)]);
        }
        assert_eq!(words(&send(&handoff, 1).await), ["accepted"], "{place} {act:?}");
        assert_eq!((fake.dials(A), fake.taken().len()), (2, 2), "{place} {act:?}");
        assert_eq!(handoff.health()[0].failures, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_that_dies_after_the_end_of_data_is_no_reason_to_send_twice() {
    for act in [Act::Close, Act::SayClose("hm"), Act::SayClose("421 4.3.2 bye"), Act::Hang] {
        let fake = Fake::new(vec![]);
        let handoff = handoff(&fake, pool(&[A, B]));
        send(&handoff, 1).await;
        fake.rules(vec![once(A, "end", act)]);
        let got = words(&send(&handoff, 1).await).join("");
        assert!(got.starts_with("later"), "{act:?}: {got}");
        assert_eq!((fake.dials(A), fake.dials(B), fake.taken().len()), (1, 0, 2), "{act:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_leaves_the_connection_usable() {
    for place in ["MAIL", "RCPT", "DATA", "end"] {
        let fake = Fake::new(vec![once(A, place, Act::Say("550 5.7.1 no"))]);
        let handoff = handoff(&fake, pool(&[A]));
        assert_eq!(words(&send(&handoff, 1).await), ["refused 550"], "{place}");
        assert_eq!(words(&send(&handoff, 1).await), ["accepted"], "{place}");
        assert_eq!((fake.dials(A), fake.taken().len()), (1, 1), "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn never_more_connections_than_allowed_and_customers_take_turns() {
    let fake = Fake::new(vec![rule(A, "end", Act::After(1))]);
    let mut settings = pool(&[A]);
    settings.connections_per_server = 2;
    let handoff = handoff(&fake, settings);
    let start = Instant::now();
    let one = |key: &'static str| {
        let content: Arc<dyn Content> = Arc::new(CONTENT.to_vec());
        let delivery = handoff.deliver("main", key, envelope(1), content);
        async move { (key, delivery.await.outcomes, start.elapsed()) }
    };
    let keys = ["flood"; 20].into_iter().chain(["calm"]);
    let done = join_all(keys.map(one)).await;
    assert_eq!((fake.most(), fake.taken().len()), (2, 21));
    assert!(done.iter().all(|(_, outcomes, _)| *outcomes == [Outcome::Accepted]));
    let (_, _, calm) = done.last().unwrap();
    assert!(*calm <= Duration::from_secs(2), "{calm:?}");
    assert_eq!(handoff.health()[0].busy, 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_room_passes_on_to_the_next() {
    let fake = Fake::new(vec![rule(A, "end", Act::After(1))]);
    let mut settings = pool(&[A, B]);
    settings.connections_per_server = 1;
    let handoff = handoff(&fake, settings);
    let (first, second) = tokio::join!(send(&handoff, 1), send(&handoff, 1));
    assert_eq!([words(&first), words(&second)].concat(), ["accepted"; 2]);
    assert_eq!((fake.dials(A), fake.dials(B)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_server_with_a_smaller_limit_than_ours_is_not_taken_for_dead() {
    let fake = Fake::new(vec![rule(A, "end", Act::After(1))]);
    fake.take_at_most(3);
    let mut settings = pool(&[A]);
    settings.connections_per_server = 20;
    let handoff = handoff(&fake, settings);
    for _ in 0..2 {
        let done = join_all((0..40).map(|_| send(&handoff, 1))).await;
        assert!(done.iter().all(|delivery| words(delivery) == ["accepted"]));
        assert!(!handoff.is_down("main"));
    }
    assert!(fake.dials(A) < 30, "{}", fake.dials(A));
    assert_eq!(fake.taken().len(), 80);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_room_has_an_end() {
    let fake = Fake::new(vec![rule(A, "end", Act::Hang)]);
    let mut settings = pool(&[A]);
    settings.connections_per_server = 1;
    let handoff = handoff(&fake, settings);
    let (first, second) = tokio::join!(send(&handoff, 1), send(&handoff, 1));
    assert!(words(&first)[0].contains("silent at the end of data"));
    assert!(words(&second)[0].contains("no free connection within 30 s"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_sender_is_no_fault_of_a_sloppy_server() {
    let fake = Fake::new(vec![
        rule(A, "MAIL", Act::Say("550 5.7.1 never")),
        rule(A, "RCPT without MAIL", Act::Say("250 2.1.5 ok")),
    ]);
    let handoff = handoff(&fake, pool(&[A]));
    for _ in 0..10 {
        assert_eq!(words(&send(&handoff, 1).await), ["refused 550"]);
    }
    let health = &handoff.health()[0];
    assert!(health.up && health.failures == 0, "{health:?}");
    fake.rules(vec![]);
    assert_eq!(words(&send(&handoff, 1).await), ["accepted"]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_server_is_left_alone_and_found_again() {
    let fake = Fake::new(vec![rule(A, "connect", Act::Close)]);
    let handoff = handoff(&fake, pool(&[A]));
    for n in 0..3 {
        assert!(!handoff.is_down("main"), "after {n}");
        assert!(words(&send(&handoff, 1).await)[0].contains("cannot connect"));
    }
    assert!(handoff.is_down("main") && !handoff.health()[0].up);
    sleep(Duration::from_secs(600)).await;
    let probes = fake.dials(A);
    assert!((50..100).contains(&probes), "{probes}");
    fake.rules(vec![]);
    sleep(Duration::from_secs(11)).await;
    assert!(!handoff.is_down("main"));
    assert_eq!(words(&send(&handoff, 1).await), ["accepted"]);
    assert_eq!(fake.dials(A), probes + 1, "the probe's connection is used");
}

#[tokio::test(start_paused = true)]
async fn the_first_server_is_used_again_when_it_is_back() {
    let fake = Fake::new(vec![rule(A, "connect", Act::Close)]);
    let handoff = handoff(&fake, pool(&[A, B]));
    for _ in 0..10 {
        assert_eq!(words(&send(&handoff, 1).await), ["accepted"]);
    }
    assert_eq!(fake.dials(A), 3, "left alone once it is known");
    assert!(!handoff.is_down("main"));
    fake.rules(vec![]);
    sleep(Duration::from_secs(12)).await;
    send(&handoff, 1).await;
    assert_eq!(fake.taken().last().unwrap().server, A);
}

#[tokio::test(start_paused = true)]
async fn when_all_are_down_one_probe_serves_all_that_wait() {
    let fake = Fake::new(vec![rule(A, "connect", Act::Close)]);
    let handoff = handoff(&fake, pool(&[A]));
    join_all((0..3).map(|_| send(&handoff, 1))).await;
    assert!(handoff.is_down("main"));
    let before = fake.dials(A);
    let done = join_all((0..50).map(|_| send(&handoff, 1))).await;
    assert!(
        done.iter().all(|delivery| words(delivery)[0].starts_with("later: a.example:25: down"))
    );
    assert!(fake.dials(A) - before <= 2);
    // It may be back before the next probe is due: a message finds out.
    fake.rules(vec![]);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(words(&send(&handoff, 1).await), ["accepted"]);
}

/// Only the first octets lie in memory.
struct Spilled(Vec<u8>, u64);

impl Content for Spilled {
    fn size(&self) -> u64 {
        self.1
    }
    fn head(&self) -> &[u8] {
        &self.0[..100]
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, buf)
    }
}

fn big() -> Vec<u8> {
    let mut content = b"Subject: big\r\n\r\n".to_vec();
    for n in 0..20_000 {
        content.extend_from_slice(format!("x{}\r\n", ".".repeat(n % 50)).as_bytes());
    }
    content
}

#[tokio::test(start_paused = true)]
async fn big_content_arrives_octet_for_octet() {
    let octets = big();
    let contents: [Arc<dyn Content>; 2] =
        [Arc::new(octets.clone()), Arc::new(Spilled(octets.clone(), octets.len() as u64))];
    for content in contents {
        let fake = Fake::new(vec![]);
        let handoff = handoff(&fake, pool(&[A]));
        let delivery = handoff.deliver("main", "customer", envelope(1), content).await;
        assert_eq!(words(&delivery), ["accepted"]);
        assert!(fake.taken()[0].content == octets);
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_message_never_gets_its_end() {
    // The file is shorter than it says.
    let octets = big();
    let size = octets.len() as u64 + 10;
    let fake = Fake::new(vec![]);
    let handoff = handoff(&fake, pool(&[A, B]));
    let content: Arc<dyn Content> = Arc::new(Spilled(octets, size));
    let delivery = handoff.deliver("main", "customer", envelope(1), content).await;
    assert!(words(&delivery)[0].contains("cannot be read here"), "{delivery:?}");
    assert_eq!((fake.taken().len(), fake.dials(B)), (0, 0));
    assert_eq!(handoff.health()[0].failures, 0, "no fault of the server");
}

#[tokio::test(start_paused = true)]
async fn bare_newlines_are_refused() {
    let fake = Fake::new(vec![]);
    let handoff = handoff(&fake, pool(&[A]));
    let content: Arc<dyn Content> = Arc::new(b"a\r\n\r\nb\n.\r\n".to_vec());
    let delivery = handoff.deliver("main", "customer", envelope(2), content).await;
    assert_eq!(words(&delivery), ["refused 554", "refused 554"]);
    assert_eq!(fake.taken(), []);
}

#[tokio::test(start_paused = true)]
async fn trouble_in_big_content() {
    let rows = [
        (Act::SayClose("552 5.3.4 too big"), false, "refused 552"),
        (Act::Say("552 5.3.4 too big"), false, "refused 552"),
        (Act::SayClose("451 4.3.1 full"), false, "later 451"),
        (Act::SayClose("421 4.3.2 bye"), true, "accepted"),
        (Act::Close, true, "accepted"),
        (Act::Hang, true, "accepted"),
        (Act::SayClose("250 what?"), true, "accepted"),
    ];
    for (act, at_b, expect) in rows {
        let fake = Fake::new(vec![rule(A, "content", act)]);
        let handoff = handoff(&fake, pool(&[A, B]));
        let content: Arc<dyn Content> = Arc::new(big());
        let delivery = handoff.deliver("main", "customer", envelope(1), content).await;
        assert_eq!(words(&delivery), [expect], "{act:?}");
        let servers: Vec<_> = fake.taken().into_iter().map(|taken| taken.server).collect();
        assert_eq!(servers, if at_b { vec![B] } else { vec![] }, "{act:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_is_the_same() {
    let fake = Fake::new(vec![]);
    let handoff = handoff(&fake, pool(&[A]));
    send(&handoff, 1).await;
    handoff.reload(vec![pool(&[A])]).unwrap();
    send(&handoff, 1).await;
    assert_eq!(fake.dials(A), 1);
    handoff.reload(vec![pool(&[B])]).unwrap();
    send(&handoff, 1).await;
    assert_eq!((fake.dials(A), fake.dials(B)), (1, 1));
    let broken = handoff.reload(vec![pool(&["no port"])]);
    assert!(matches!(broken, Err(PoolError::Server { .. })));
    assert_eq!(words(&send(&handoff, 1).await), ["accepted"]);
    assert_eq!(fake.dials(B), 1);
}
