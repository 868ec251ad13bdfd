//! The queue with an upstream of its own, on tokio's paused clock.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use postern_mail::{BatchId, CaseId, CustomerId, Hit, MessageId, Points, Timestamp};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::store;
use crate::testing::{Bench, Listener, Taken, Upstream, mail, octets};
use crate::{
    Delivery, KeepState, Later, Outcome, PersonAct, Progress, Queue, Selector, State, What,
};

const SECOND: Duration = Duration::from_secs(1);

struct Running {
    listener: Arc<Listener>,
    upstream: Upstream,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn run(queue: &Queue, upstream: Upstream) -> Running {
    let (listener, stop) = (Arc::new(Listener::default()), CancellationToken::new());
    let (queue, heard, stopped, to) =
        (queue.clone(), listener.clone(), stop.clone(), upstream.clone());
    let task = tokio::spawn(async move { queue.run_with(to, heard, stopped).await });
    Running { listener, upstream, stop, task }
}

impl Running {
    /// Turns the clock until nothing waits.
    async fn until_empty(&self, bench: &Bench) -> Vec<Taken> {
        bench.until_empty(SECOND).await;
        self.upstream.taken()
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    fn events(&self, id: MessageId) -> Vec<What> {
        let events = self.listener.events.lock();
        events.iter().filter(|(of, _)| *of == id).map(|(_, what)| what.clone()).collect()
    }
}

fn act(bench: &Bench, dry_run: bool) -> PersonAct {
    let (by, reason) = ("eve".to_owned(), "looked at it".to_owned());
    PersonAct { by, reason, at: bench.now(), dry_run }
}

fn to(taken: &[Taken]) -> Vec<&str> {
    let mut to: Vec<&str> = taken.iter().flat_map(|t| &t.to).map(String::as_str).collect();
    to.sort_unstable();
    to
}

#[tokio::test(start_paused = true)]
async fn each_recipient_ends_in_exactly_one_way() {
    let bench = Bench::new();
    let recipients = ["good@d.example", "never@d.example", "second@d.example"];
    let id = bench.keep(1, "c1", &recipients, KeepState::Ready).await;
    assert_eq!(bench.queue.counts().queued, 1);
    let running = run(&bench.queue, Upstream::default());
    let taken = running.until_empty(&bench).await;
    let owner = "owner@c1.example";
    assert_eq!(to(&taken), ["good@d.example", owner, "second@d.example"]);
    assert_eq!(taken[0].octets, octets(1));
    let notice = taken.iter().find(|t| t.to == [owner]).unwrap();
    assert_eq!(notice.from, None);
    let text = String::from_utf8(notice.octets.clone()).unwrap();
    assert!(text.contains("Final-Recipient: rfc822; never@d.example\r\n"), "{text}");
    assert!(!text.contains("good@"), "{text}");
    let kinds: Vec<_> = running.events(id).iter().map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 5, "forwarded, refused, deferred, bounced, forwarded: {kinds:?}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_no_upstream_takes_comes_back_after_its_age() {
    let bench = Bench::with(|settings| settings.max_age = 600 * SECOND);
    let id = bench.keep(1, "c1", &["stuck@d.example"], KeepState::Ready).await;
    let start = bench.now();
    let running = run(&bench.queue, Upstream::default());
    bench.until_empty(10 * SECOND).await;
    let taken = running.upstream.taken();
    assert_eq!(to(&taken), ["owner@c1.example"]);
    let text = String::from_utf8(taken[0].octets.clone()).unwrap();
    assert!(text.contains("Status: 5.4.7\r\n") && text.contains("451 4.2.0 not now"), "{text}");
    let age = bench.now().since(start);
    assert!((590..630).contains(&age.as_secs()), "{age:?}");
    // Waits of 2, 4, 8, 8, … seconds, jittered, looked at each ten seconds.
    let tries = running.upstream.tries.load(Ordering::SeqCst);
    assert!((30..=94).contains(&tries), "{tries}");
    assert!(running.events(id).iter().any(|what| matches!(what, What::Expired { .. })));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn no_notice_about_a_notice_nor_where_none_is_wanted() {
    let bench = Bench::new();
    let mut notice = mail(bench.now(), 1, "c1", &["never@d.example"], KeepState::Ready);
    notice.submission.envelope.mail_from = None;
    let mut unwanted = mail(bench.now(), 2, "c1", &["never@d.example"], KeepState::Ready);
    let never = postern_mail::DsnNotify { success: false, failure: false, delay: false };
    unwanted.submission.envelope.recipients[0].dsn_notify = Some(never);
    let ids = [notice.submission.id, unwanted.submission.id];
    bench.queue.keep(notice).await.unwrap();
    bench.queue.keep(unwanted).await.unwrap();
    let running = run(&bench.queue, Upstream::default());
    assert!(running.until_empty(&bench).await.is_empty());
    for id in ids {
        let told = running.events(id);
        assert!(told.iter().any(|what| matches!(what, What::Unnotified { .. })), "{told:?}");
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn held_mail_leaves_at_its_time_with_a_release_record() {
    let bench = Bench::new();
    let until = bench.now().plus(Duration::from_secs(1800));
    bench.keep(1, "c1", &["a@d.example"], KeepState::Held { until }).await;
    bench.keep(2, "c1", &["b@d.example"], KeepState::Paced { until }).await;
    assert_eq!((bench.queue.counts().held, bench.queue.counts().paced), (1, 1));
    let running = run(&bench.queue, Upstream::default());
    bench.turn(1799 * SECOND).await;
    assert!(running.upstream.taken().is_empty());
    let taken = running.until_empty(&bench).await;
    assert_eq!(to(&taken), ["a@d.example", "b@d.example"]);
    assert!(bench.now().since(until) <= 3 * SECOND);
    assert_eq!(releases(&bench).await, 1);
    running.stop().await;
}

async fn releases(bench: &Bench) -> i64 {
    let count = |c: &rusqlite::Connection| {
        c.query_row("SELECT count(*) FROM releases", [], |row| row.get(0))
    };
    bench.queue.0.store.read(count).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_person_releases_and_refuses() {
    let bench = Bench::new();
    let let_go = bench.keep(1, "c1", &["a@d.example"], KeepState::Quarantined).await;
    let given_back = bench.keep(2, "c2", &["b@d.example"], KeepState::Quarantined).await;
    let running = run(&bench.queue, Upstream::default());
    let one = Selector { ids: vec![let_go], ..Selector::default() };
    let dry = bench.queue.release(&one, &act(&bench, true)).await.unwrap();
    assert_eq!((dry, bench.queue.counts().quarantined), (vec![let_go], 2));
    assert_eq!(bench.queue.release(&one, &act(&bench, false)).await.unwrap(), [let_go]);
    let rest = bench.queue.refuse(&Selector::default(), &act(&bench, false)).await.unwrap();
    assert_eq!(rest, [given_back]);
    let taken = running.until_empty(&bench).await;
    assert_eq!(to(&taken), ["a@d.example", "owner@c2.example"]);
    assert!(matches!(&running.events(let_go)[..], [What::Released { .. }, What::Forwarded { .. }]));
    assert_eq!(releases(&bench).await, 1);
    let log = bench.queue.audit_log(10).await.unwrap();
    let acts: Vec<_> = log.iter().map(|e| (e.act.as_str(), e.by.as_str(), e.messages)).collect();
    assert_eq!(acts, [("refuse", "eve", 1), ("release", "eve", 1)]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_leaves_quarantine_without_a_release_record() {
    let bench = Bench::new();
    bench.keep(1, "c1", &["a@d.example"], KeepState::Quarantined).await;
    for state in [0, 1, 2] {
        let sql = format!("UPDATE queue SET state = {state}");
        let forced = bench.queue.0.store.write(move |c, _| c.execute(&sql, [])).await;
        assert!(forced.unwrap_err().to_string().contains("release record"));
    }
    let retried = bench.queue.retry_now(&Selector::default(), &act(&bench, false)).await.unwrap();
    assert!(retried.is_empty() && bench.queue.audit_log(10).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_nobody_released_is_given_back() {
    let bench = Bench::new();
    let id = bench.keep(1, "c1", &["a@d.example"], KeepState::Quarantined).await;
    let running = run(&bench.queue, Upstream::default());
    bench.turn((7 * 86_400 - 5) * SECOND).await;
    assert_eq!(bench.queue.counts().quarantined, 1);
    let taken = running.until_empty(&bench).await;
    assert_eq!(to(&taken), ["owner@c1.example"]);
    assert!(running.events(id).iter().any(|what| matches!(what, What::RefusedHere { .. })));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_released_in_a_row_or_quarantined_as_one() {
    let bench = Bench::new();
    let until = bench.now().plus(Duration::from_secs(600));
    for (n, batch) in [(1, "b1"), (2, "b1"), (3, "b1"), (4, "b2"), (5, "b2")] {
        let mut keep = mail(bench.now(), n, "c1", &["a@d.example"], KeepState::Held { until });
        keep.decision.batch = Some(BatchId::new(batch));
        bench.queue.keep(keep).await.unwrap();
    }
    let spread = Duration::from_secs(30);
    let (b1, b2) = (BatchId::new("b1"), BatchId::new("b2"));
    let from = bench.now();
    let released = bench.queue.release_batch(&b1, from, spread).await.unwrap();
    let hit = Hit { rule: "corroborated".into(), points: Points::from(5.0), why: "x".to_owned() };
    let case = CaseId::new("case-1");
    let quarantined = bench.queue.quarantine_batch(&b2, Some(&case), &[hit]).await.unwrap();
    assert_eq!((released, quarantined), (3, 2));
    let items = bench.queue.list(&Selector::default()).await.unwrap();
    let dues: Vec<u64> = items[..3].iter().map(|i| i.due.since(bench.now()).as_secs()).collect();
    assert!(
        dues[0] <= 1 && (9..=10).contains(&dues[1]) && (19..=20).contains(&dues[2]),
        "{dues:?}"
    );
    assert!(items[..3].iter().all(|item| item.state == State::Paced));
    let by_case = Selector { case: Some(case.clone()), ..Selector::default() };
    let by_rule = Selector { rule: Some("corroborated".to_owned()), ..Selector::default() };
    for selector in [by_case, by_rule] {
        let found = bench.queue.list(&selector).await.unwrap();
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|i| i.state == State::Quarantined && i.decision.case.is_some()));
    }
    // A batch that was let go can still be stopped, as far as it has not left.
    assert_eq!(bench.queue.quarantine_batch(&b1, None, &[]).await.unwrap(), 3);
    assert_eq!(bench.queue.counts().quarantined, 5);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_in_session_is_learned() {
    let bench = Bench::new();
    let recipients = ["a@d.example", "b@d.example", "c@d.example"];
    let id = bench.keep(1, "c1", &recipients, KeepState::InFlight).await;
    let running = run(&bench.queue, Upstream::default());
    bench.turn(100 * SECOND).await;
    assert!(running.upstream.taken().is_empty(), "it is still in flight elsewhere");
    let later = Outcome::Later(Later::Trouble("reset".to_owned()));
    let no = Outcome::Refused(postern_mail::Reply::new(550, 1, 1, "no"));
    let outcomes = vec![Outcome::Accepted, later, no];
    let delivery = Delivery { outcomes, server: None, reply: None };
    bench.queue.settle(id, delivery).await.unwrap();
    let taken = running.until_empty(&bench).await;
    assert_eq!(to(&taken), ["b@d.example", "owner@c1.example"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_one_customer_makes_no_other_wait() {
    let bench = Bench::new();
    for n in 0..300 {
        bench.keep(n, "flood", &["a@d.example"], KeepState::Ready).await;
    }
    bench.keep(1000, "calm", &["b@d.example"], KeepState::Ready).await;
    let slow = Duration::from_secs(1);
    let running = run(&bench.queue, Upstream { slow, ..Upstream::default() });
    let taken = running.until_empty(&bench).await;
    let place = taken.iter().position(|t| t.customer == "calm").unwrap();
    assert!(place < 10, "{place}");
    assert_eq!(taken.len(), 301);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_orderly_stop_waits_for_what_runs() {
    let bench = Bench::new();
    bench.keep(1, "c1", &["a@d.example"], KeepState::Ready).await;
    let slow = Duration::from_secs(10);
    let running = run(&bench.queue, Upstream { slow, ..Upstream::default() });
    bench.settle().await;
    bench.turn(2 * SECOND).await;
    bench.keep(2, "c2", &["b@d.example"], KeepState::InFlight).await;
    running.stop.cancel();
    bench.turn(7 * SECOND).await;
    assert!(!running.task.is_finished());
    let upstream = running.upstream.clone();
    bench.turn(2 * SECOND).await;
    running.stop().await;
    assert_eq!(to(&upstream.taken()), ["a@d.example"]);
    assert_eq!(bench.queue.counts().queued, 1, "recorded as done; the other one waits");
}

#[tokio::test(start_paused = true)]
async fn a_damaged_message_is_set_aside_and_the_rest_leaves() {
    let bench = Bench::new();
    let bad = bench.keep(1, "c1", &["a@d.example"], KeepState::Ready).await;
    bench.disk.damage();
    bench.keep(2, "c1", &["b@d.example"], KeepState::Ready).await;
    let running = run(&bench.queue, Upstream::default());
    let taken = running.until_empty(&bench).await;
    assert_eq!(to(&taken), ["b@d.example"]);
    assert_eq!(bench.queue.counts().damaged, 1);
    let items = bench.queue.list(&Selector::default()).await.unwrap();
    assert_eq!((items[0].submission.id, items[0].state), (bad, State::Damaged));
    assert!(bench.queue.find(bad).await.is_err());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_now_does_not_wait_for_its_time() {
    let bench = Bench::with(|settings| settings.retry = vec![Duration::from_secs(1000)]);
    let upstream = Upstream::default();
    upstream.down.store(true, Ordering::SeqCst);
    let id = bench.keep(1, "c1", &["a@d.example"], KeepState::Ready).await;
    let running = run(&bench.queue, upstream.clone());
    bench.settle().await;
    let item = bench.queue.find(id).await.unwrap().unwrap().0;
    assert_eq!(item.progress, [Progress::Pending(Some("connection refused".to_owned()))]);
    assert_eq!(item.attempts, 1);
    upstream.down.store(false, Ordering::SeqCst);
    let before = bench.now();
    let all = Selector::default();
    assert_eq!(bench.queue.retry_now(&all, &act(&bench, true)).await.unwrap(), [id]);
    assert!(bench.queue.audit_log(10).await.unwrap().is_empty());
    assert_eq!(bench.queue.retry_now(&all, &act(&bench, false)).await.unwrap(), [id]);
    let log = bench.queue.audit_log(10).await.unwrap();
    let told: Vec<_> = log.iter().map(|e| (&*e.act, &*e.target, e.messages)).collect();
    assert_eq!(told, [("retry", "everything", 1)]);
    running.until_empty(&bench).await;
    assert!(bench.now().since(before) <= SECOND);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn new_settings_hold_from_the_next_try_on() {
    let bench = Bench::with(|settings| settings.retry = vec![1000 * SECOND]);
    bench.keep(1, "c1", &["stuck@d.example"], KeepState::Ready).await;
    let running = run(&bench.queue, Upstream::default());
    bench.settle().await;
    assert_eq!(running.upstream.tries.load(Ordering::SeqCst), 1);
    let mut settings = bench.settings();
    settings.retry = vec![10 * SECOND];
    bench.queue.reload(settings);
    bench.queue.retry_now(&Selector::default(), &act(&bench, false)).await.unwrap();
    bench.settle().await;
    bench.turn(13 * SECOND).await;
    assert_eq!(running.upstream.tries.load(Ordering::SeqCst), 3);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_try_that_ends_while_its_line_is_looked_at_is_repeated() {
    let bench = Bench::new();
    let line = |record: &store::Record| store::line_of(&record.item.submission, "main");
    let id = bench.keep(1, "c1", &["a@d.example"], KeepState::Ready).await;
    let (shared, now) = (bench.queue.0.store.shared.clone(), bench.now());
    let next_at = now.plus(2 * SECOND);
    let both = move |c: &rusqlite::Connection, fx: &mut store::Effects| {
        let mut claims = store::claim(c, &shared, &store::Condition::id(id), 1, now)?;
        let claim = claims.pop().unwrap().unwrap();
        let line = line(&claim.record);
        let conclusion = store::Conclusion {
            progress: claim.record.item.progress.clone(),
            last_answer: None,
            attempted: true,
            next_at: Some(next_at),
            audit: None,
        };
        let whose = (claim.record.row, line.clone(), claim.hold());
        store::conclude(c, fx, whose, &conclusion, None)?;
        store::claim_due(c, fx, &shared, (&line, 1), now).map(|claimed| claimed.len())
    };
    assert_eq!(bench.queue.0.store.write(both).await.unwrap(), 0);
    let running = run(&bench.queue, Upstream::default());
    bench.turn(2 * SECOND).await;
    assert_eq!(to(&running.upstream.taken()), ["a@d.example"]);
    running.stop().await;
}

fn accepted() -> Delivery {
    Delivery { outcomes: vec![Outcome::Accepted], server: None, reply: None }
}

#[tokio::test(start_paused = true)]
async fn an_outcome_in_session_outlives_a_database_that_fails() {
    let bench = Bench::new();
    let id = bench.keep(1, "c1", &["a@d.example"], KeepState::InFlight).await;
    let running = run(&bench.queue, Upstream::default());
    bench.settle().await;
    let at_once =
        |c: &rusqlite::Connection, _: &mut store::Effects| c.pragma_update(None, "busy_timeout", 1);
    bench.queue.0.store.write(at_once).await.unwrap();
    let other = rusqlite::Connection::open(bench.settings().dir.join("queue.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(bench.queue.settle(id, accepted()).await.is_err());
    assert_eq!(bench.queue.counts().queued, 1);
    other.execute_batch("ROLLBACK").unwrap();
    bench.turn(2 * SECOND).await;
    assert_eq!(bench.queue.counts().queued, 0, "written down as soon as that is possible");
    assert!(running.upstream.taken().is_empty());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_handoff_whose_end_is_never_told_ends_with_its_age() {
    let bench = Bench::new();
    bench.keep(1, "c1", &["a@d.example"], KeepState::InFlight).await;
    let running = run(&bench.queue, Upstream::default());
    bench.turn(3590 * SECOND).await;
    assert_eq!(bench.queue.counts().queued, 1);
    assert_eq!(to(&running.until_empty(&bench).await), ["a@d.example"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_handed_on_in_session_is_neither_sent_nor_given_back_meanwhile() {
    let bench = Bench::new();
    let let_go = bench.keep(1, "c1", &["a@d.example"], KeepState::InFlight).await;
    let given_back = bench.keep(2, "c2", &["b@d.example"], KeepState::InFlight).await;
    let running = run(&bench.queue, Upstream::default());
    assert_eq!(bench.queue.quarantine(&Selector::default(), None, &[]).await.unwrap(), 2);
    let one = |id| Selector { ids: vec![id], ..Selector::default() };
    bench.queue.release(&one(let_go), &act(&bench, false)).await.unwrap();
    let refused = bench.queue.refuse(&one(given_back), &act(&bench, false)).await.unwrap();
    assert!(refused.is_empty(), "{refused:?}");
    bench.turn(60 * SECOND).await;
    assert!(running.upstream.taken().is_empty());
    for id in [let_go, given_back] {
        bench.queue.settle(id, accepted()).await.unwrap();
    }
    assert!(running.until_empty(&bench).await.is_empty(), "sent once, in session");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn damaged_mail_is_given_back_by_a_person_or_with_its_age() {
    let bench = Bench::new();
    let looked_at = bench.keep(1, "c1", &["a@d.example"], KeepState::Ready).await;
    bench.disk.damage();
    let running = run(&bench.queue, Upstream::default());
    bench.settle().await;
    assert_eq!(bench.queue.counts().damaged, 1);
    let states = vec![State::Held, State::Quarantined, State::Damaged];
    let all = Selector { states, ..Selector::default() };
    let refused = bench.queue.refuse(&all, &act(&bench, false)).await.unwrap();
    assert_eq!(refused, [looked_at]);
    bench.settle().await;
    assert_eq!(bench.queue.counts().damaged, 0);
    bench.keep(2, "c2", &["b@d.example"], KeepState::Quarantined).await;
    bench.disk.damage();
    let why = |c: &rusqlite::Connection, fx: &mut store::Effects| {
        store::set_aside(c, fx, store::newest(c)?, ("a bad disk", Timestamp::default()))
    };
    bench.queue.0.store.write(why).await.unwrap();
    assert_eq!(bench.queue.counts().damaged, 1);
    bench.turn(2 * SECOND).await;
    assert_eq!(bench.queue.counts().damaged, 0);
    let taken = running.until_empty(&bench).await;
    assert_eq!(to(&taken), ["owner@c1.example", "owner@c2.example"]);
    let text = String::from_utf8_lossy(&taken[1].octets).into_owned();
    assert!(text.contains("Status: 5.3.0\r\n") && text.contains("was damaged"), "{text}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_act_is_one_line_of_the_record_and_does_what_its_dry_run_said() {
    let bench = Bench::new();
    for n in 0..5 {
        // The later it came, the earlier its hold ends.
        let until = bench.now().plus((600 - n) * SECOND);
        bench.keep(n, "c1", &["a@d.example"], KeepState::Held { until }).await;
    }
    bench.queue.tell(Arc::new(Listener::default()));
    let two = Selector { limit: Some(2), ..Selector::default() };
    let dry = bench.queue.release(&two, &act(&bench, true)).await.unwrap();
    assert_eq!(bench.queue.release(&two, &act(&bench, false)).await.unwrap(), dry);
    let of_c1 = Selector { customer: Some(CustomerId::new("c1")), ..Selector::default() };
    assert_eq!(bench.queue.refuse(&of_c1, &act(&bench, false)).await.unwrap().len(), 3);
    assert!(bench.queue.refuse(&of_c1, &act(&bench, false)).await.unwrap().is_empty());
    let log = bench.queue.audit_log(10).await.unwrap();
    let told: Vec<_> = log.iter().map(|e| (&*e.act, &*e.target, e.messages)).collect();
    assert_eq!(told, [("refuse", "--customer c1", 3), ("release", "--limit 2", 2)]);
}

#[tokio::test(start_paused = true)]
async fn an_act_that_fails_midway_says_how_far_it_came() {
    let bench = Bench::new();
    for n in 0..1001 {
        bench.keep(n, "c1", &["a@d.example"], KeepState::Quarantined).await;
    }
    let fails = "CREATE TRIGGER fails BEFORE UPDATE ON queue WHEN OLD.row > 1000
        BEGIN SELECT RAISE(ABORT, 'no'); END";
    bench.queue.0.store.write(|c, _| c.execute_batch(fails)).await.unwrap();
    let error = bench.queue.release(&Selector::default(), &act(&bench, false)).await.unwrap_err();
    assert!(error.to_string().starts_with("stopped after 1000 messages: "), "{error}");
    let log = bench.queue.audit_log(10).await.unwrap();
    assert_eq!(log.iter().map(|e| e.messages).collect::<Vec<_>>(), [1000]);
}
