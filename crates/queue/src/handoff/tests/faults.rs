//! Every behaviour of an upstream at every place of the dialogue.

use tokio::time::Instant;

use super::*;

/// Where something happens, and what.
const PLACES: [&str; 8] = ["connect", "greeting", "EHLO", "MAIL", "RCPT", "DATA", "content", "end"];

/// Short for the rows of the table.
fn act(place: &str, name: &str) -> Act {
    match name {
        // Who interrupts a content has to close: going on would be a second answer.
        "451" if place == "content" => Act::SayClose("451 4.3.0 not now"),
        "550" if place == "content" => Act::SayClose("550 5.7.1 never"),
        "354" if place == "content" => Act::SayClose("354 go on"),
        "451" => Act::Say("451 4.3.0 not now"),
        "550" => Act::Say("550 5.7.1 never"),
        "421" => Act::SayClose("421 4.3.2 bye"),
        "close" => Act::Close,
        "hang" => Act::Hang,
        "drip" => Act::Drip,
        "garbage" => Act::SayClose("\0\u{1b}hm"),
        "354" => Act::Say("354 go on"),
        "slow" => Act::After(20),
        _ => panic!("{name}"),
    }
}

/// What one server alone, that always does so, makes of a message; `+` where the message arrived
/// all the same (nobody can know).
fn alone(place: &str, name: &str) -> &'static str {
    match (place, name) {
        ("connect", "hang") => "later: a.example:25: cannot connect: ",
        ("connect", _) => "later: a.example:25: cannot connect: connection refused",
        // One server's greeting is no judgement of the message.
        ("greeting" | "EHLO", "451") => "later 451",
        ("greeting", "550") => "later: a.example:25: answered the greeting with 550 5.7.1 never",
        // Without EHLO there is HELO.
        ("EHLO", "550") => "accepted",
        ("greeting" | "EHLO", "354") => "later: a.example:25: answered ",
        ("MAIL" | "RCPT" | "DATA", "451") | ("end", "451") => "later 451",
        ("MAIL" | "RCPT" | "DATA", "550") | ("end", "550") => "refused 550",
        // Broken off, but with a word that says why.
        ("content", "451") => "later 451",
        ("content", "550") => "refused 550",
        ("content", "354") => "later: a.example:25: ",
        ("DATA", "354") => "accepted",
        ("MAIL" | "RCPT", "354") => "later: a.example:25: answered ",
        ("end", "354") => "later: a.example:25: answered the end of data with 354",
        ("end", "421") => "+later 421",
        (_, "421") => "later 421",
        ("end", "close") => "+later: a.example:25: closed the connection at the end of data",
        ("end", "hang" | "drip") => "+later: a.example:25: silent at the end of data; it may have",
        ("end", "garbage") => "+later: a.example:25: answered the end of data with octets",
        // Small content is out in one piece, so its end is out too.
        ("content", "close") => "later: a.example:25: closed the connection at the end of data; it",
        ("content", "hang" | "drip") => "later: a.example:25: silent at the end of data; it may",
        ("content", "garbage") => "later: a.example:25: answered the end of data with octets",
        (_, "close") => "later: a.example:25: closed the connection at",
        (_, "hang" | "drip") => "later: a.example:25: silent at",
        (_, "garbage") => "later: a.example:25: answered",
        (_, "slow") => "slow",
        _ => panic!("{place} {name}"),
    }
}

/// Whether a second server that is fine gets the message: when the first never said what it thinks
/// of it, and cannot have it.
fn goes_on(place: &str, name: &str) -> bool {
    let before_content = !matches!(place, "content" | "end");
    match name {
        "451" | "550" => {
            matches!(place, "connect" | "greeting") || (place, name) == ("EHLO", "451")
        }
        "354" => before_content && place != "DATA",
        "slow" => place == "connect",
        _ => before_content,
    }
}

const BEHAVIOURS: [&str; 8] = ["451", "550", "421", "close", "hang", "drip", "garbage", "354"];

#[tokio::test(start_paused = true)]
async fn one_server() {
    for place in PLACES {
        for name in BEHAVIOURS {
            let fake = Fake::new(vec![rule(A, place, act(place, name))]);
            let handoff = handoff(&fake, pool(&[A]));
            let start = Instant::now();
            let delivery = send(&handoff, 1).await;
            let expect = alone(place, name);
            let (arrived, expect) = match expect.strip_prefix('+') {
                Some(expect) => (1, expect),
                None => (usize::from(expect == "accepted"), expect),
            };
            let got = words(&delivery).join(", ");
            assert!(got.starts_with(expect), "{place} {name}: {got}");
            assert_eq!(fake.taken().len(), arrived, "{place} {name}: {got}");
            assert!(start.elapsed() <= Duration::from_secs(700), "{place} {name}");
            assert!(!got.chars().any(char::is_control), "{place} {name}: {got:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_server_takes_over_only_what_cannot_have_been_taken() {
    for place in PLACES {
        for name in BEHAVIOURS {
            let fake = Fake::new(vec![rule(A, place, act(place, name))]);
            let handoff = handoff(&fake, pool(&[A, B]));
            let delivery = send(&handoff, 2).await;
            let got = words(&delivery).join(", ");
            let at_b = fake.taken().iter().filter(|taken| taken.server == B).count();
            assert_eq!(at_b, usize::from(goes_on(place, name)), "{place} {name}: {got}");
            if at_b == 1 {
                assert_eq!(got, "accepted, accepted", "{place} {name}");
                assert_eq!(fake.taken().len(), 1, "{place} {name}: at both");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_waited_for() {
    for place in ["MAIL", "RCPT", "end"] {
        let fake = Fake::new(vec![rule(A, place, Act::After(20))]);
        let handoff = handoff(&fake, pool(&[A, B]));
        assert_eq!(words(&send(&handoff, 1).await), ["accepted"], "{place}");
        assert_eq!(fake.taken().len(), 1, "{place}");
    }
    let fake = Fake::new(vec![rule(A, "end", Act::After(590))]);
    assert_eq!(words(&send(&handoff(&fake, pool(&[A])), 1).await), ["accepted"]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_costs_little_where_there_is_another() {
    let fake = Fake::new(vec![rule(A, "greeting", Act::Hang)]);
    let handoff = handoff(&fake, pool(&[A, B]));
    let start = Instant::now();
    assert_eq!(words(&send(&handoff, 1).await), ["accepted"]);
    assert!(start.elapsed() < Duration::from_secs(3));
    // Where the other one is no help, the slow one gets its time.
    fake.rules(vec![rule(B, "connect", Act::Close), once(A, "greeting", Act::Hang)]);
    assert_eq!(words(&send(&handoff, 1).await), ["accepted"]);
}

#[tokio::test(start_paused = true)]
async fn recipients_are_answered_one_by_one() {
    let refuse = once(A, "RCPT", Act::Say("550 5.1.1 no such user"));
    let later = once(A, "RCPT", Act::Say("450 4.2.0 greylisted"));
    let fake = Fake::new(vec![refuse, later]);
    let delivery = send(&handoff(&fake, pool(&[A])), 4).await;
    assert_eq!(words(&delivery), ["refused 550", "later 450", "accepted", "accepted"]);
    assert_eq!(delivery.reply.unwrap().to_string(), "250 2.0.0 id");
    assert_eq!(fake.taken()[0].recipients, ["RCPT TO:<r3@d.example>", "RCPT TO:<r4@d.example>"]);
    assert_eq!(fake.taken()[0].content, WIRE);
}

#[tokio::test(start_paused = true)]
async fn too_many_recipients_go_in_parts() {
    let many =
        |times| Rule { server: A, place: "RCPT", act: Act::Say("452 4.5.3 too many"), times };
    let after = |n| Rule { server: A, place: "RCPT", act: Act::After(0), times: n };
    let fake = Fake::new(vec![after(2), many(3), after(2), many(1)]);
    let delivery = send(&handoff(&fake, pool(&[A])), 5).await;
    assert_eq!(words(&delivery), ["accepted"; 5]);
    let parts: Vec<_> = fake.taken().iter().map(|taken| taken.recipients.len()).collect();
    assert_eq!(parts, [2, 2, 1]);
    // Where it brings nothing further, it ends.
    let fake = Fake::new(vec![after(1), many(usize::MAX)]);
    let delivery = send(&handoff(&fake, pool(&[A])), 3).await;
    assert_eq!(words(&delivery), ["accepted", "later 452", "later 452"]);
    assert_eq!(fake.commands().matches("MAIL").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_pool_is_told_of() {
    let handoff = handoff(&Fake::new(vec![]), pool(&[A]));
    let content: Arc<dyn Content> = Arc::new(CONTENT.to_vec());
    let delivery = handoff.deliver("other", "customer", envelope(1), content).await;
    assert_eq!(words(&delivery), ["later: no pool is named other"]);
    assert!(handoff.is_down("other"));
}
