//! The store under full disks, failing syncs, power cuts, and against a model.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use postern_mail::{MessageId, read_all};
use proptest::prelude::*;

use crate::testing::{Bench, Listener, mail, octets};
use crate::{Delivery, KeepError, KeepState, Later, Outcome, PersonAct, Selector, State};

#[tokio::test(start_paused = true)]
async fn what_was_kept_reads_back_after_a_power_cut() {
    let mut bench = Bench::new();
    let mut ids = Vec::new();
    for n in 0..200 {
        ids.push(bench.keep(n, "c1", &["a@d.example"], KeepState::Ready).await);
    }
    assert!(bench.disk.numbers().len() > 3, "several segments");
    let left = bench.disk.after_power_cut();
    bench = bench.again_on(left);
    assert_eq!(bench.queue.counts().queued, 200);
    for (n, id) in ids.iter().enumerate() {
        let (item, content) = bench.queue.find(*id).await.unwrap().unwrap();
        assert_eq!(item.submission.id, *id);
        assert_eq!(read_all(&*content).unwrap(), octets(n as u32));
    }
}

#[tokio::test(start_paused = true)]
async fn a_big_message_gets_a_segment_of_its_size() {
    let bench = Bench::new();
    bench.keep(1, "c1", &["a@d.example"], KeepState::Ready).await;
    let mut big = mail(bench.now(), 2, "c1", &["a@d.example"], KeepState::Ready);
    let body: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
    /// Like a spilled message: only the start lies in memory.
    struct Spilled(Vec<u8>);
    impl postern_mail::Content for Spilled {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }
        fn head(&self) -> &[u8] {
            &self.0[..100]
        }
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
            self.0.read_at(offset, buf)
        }
    }
    let id = big.submission.id;
    big.content = Arc::new(Spilled(body.clone()));
    bench.queue.keep(big).await.unwrap();
    let small = bench.keep(3, "c1", &["a@d.example"], KeepState::Ready).await;
    let found = bench.queue.find(id).await.unwrap().unwrap().1;
    assert!(read_all(&*found).unwrap() == body);
    let mut tail = [0; 10];
    assert_eq!(found.read_at(999_995, &mut tail).unwrap(), 5);
    assert_eq!(tail[..5], body[999_995..]);
    let found = bench.queue.find(small).await.unwrap().unwrap().1;
    assert_eq!(read_all(&*found).unwrap(), octets(3));
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_one_message_and_not_the_store() {
    struct Evil;
    impl postern_mail::Content for Evil {
        fn size(&self) -> u64 {
            10
        }
        fn head(&self) -> &[u8] {
            &[]
        }
        fn read_at(&self, _offset: u64, _buf: &mut [u8]) -> std::io::Result<usize> {
            panic!("a bug elsewhere")
        }
    }
    let bench = Bench::new();
    let mut evil = mail(bench.now(), 1, "c1", &["a@d.example"], KeepState::Ready);
    evil.content = Arc::new(Evil);
    assert!(matches!(bench.queue.keep(evil).await, Err(KeepError::Failed(_))));
    let broken = bench.queue.0.store.write(|_, _| -> rusqlite::Result<()> { panic!("a bug") });
    assert!(matches!(broken.await, Err(KeepError::Failed(_))));
    let id = bench.keep(2, "c1", &["a@d.example"], KeepState::Ready).await;
    assert!(bench.queue.find(id).await.unwrap().is_some());
    assert_eq!(bench.queue.counts().queued, 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_refuses_and_recovers_by_itself() {
    let bench = Bench::new();
    bench.keep(1, "c1", &["a@d.example"], KeepState::Ready).await;
    bench.turn(std::time::Duration::from_secs(1)).await;
    bench.disk.faults.full.store(true, Ordering::SeqCst);
    let next = || mail(bench.now(), 2, "c1", &["a@d.example"], KeepState::Ready);
    let refused = bench.queue.keep(next()).await;
    assert!(matches!(refused, Err(KeepError::Full(_))), "{refused:?}");
    assert_eq!(bench.queue.counts().queued, 1);
    bench.disk.faults.full.store(false, Ordering::SeqCst);
    bench.turn(std::time::Duration::from_secs(1)).await;
    bench.queue.keep(next()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_is_never_a_yes_and_its_segment_never_used_again() {
    let bench = Bench::new();
    let first = bench.keep(1, "c1", &["a@d.example"], KeepState::Ready).await;
    let before = bench.disk.numbers();
    bench.disk.faults.sync_fails.store(true, Ordering::SeqCst);
    for n in 2..5 {
        let refused =
            bench.queue.keep(mail(bench.now(), n, "c1", &["a@d.example"], KeepState::Ready)).await;
        assert!(matches!(refused, Err(KeepError::Failed(_))), "{refused:?}");
    }
    bench.disk.faults.sync_fails.store(false, Ordering::SeqCst);
    let last = bench.keep(9, "c1", &["a@d.example"], KeepState::Ready).await;
    let after = bench.disk.numbers();
    // The first one, the one of the last message, and one in reserve.
    assert!(after.len() <= 3, "those in between are deleted: {before:?} {after:?}");
    let left = bench.disk.after_power_cut();
    let bench = bench.again_on(left);
    let items = bench.queue.list(&Selector::default()).await.unwrap();
    let ids: Vec<MessageId> = items.iter().map(|item| item.submission.id).collect();
    assert_eq!(ids, [first, last]);
    assert!(bench.queue.find(first).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn room_is_given_back_when_messages_are_done() {
    let bench = Bench::new();
    for n in 0..400 {
        bench.keep(n, "c1", &["a@d.example"], KeepState::InFlight).await;
    }
    bench.queue.tell(Arc::new(Listener::default()));
    let many = bench.disk.numbers().len();
    assert!(many > 4, "{many}");
    for item in bench.queue.list(&Selector::default()).await.unwrap() {
        let id = item.submission.id;
        let accepted = Delivery { outcomes: vec![Outcome::Accepted], server: None, reply: None };
        bench.queue.settle(id, accepted).await.unwrap();
    }
    // The open one, and two (or one more, made ready meanwhile) to be used again.
    assert!(bench.disk.numbers().len() <= 4);
    assert_eq!(bench.queue.counts().queued, 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_in_flight_is_ready_after_a_restart() {
    let bench = Bench::new();
    let id = bench.keep(1, "c1", &["a@d.example"], KeepState::InFlight).await;
    let left = bench.disk.after_power_cut();
    let bench = bench.again_on(left);
    let (item, _) = bench.queue.find(id).await.unwrap().unwrap();
    assert_eq!(item.state, State::Ready);
}

#[tokio::test(start_paused = true)]
async fn what_a_full_disk_left_in_flight_is_ready_as_soon_as_there_is_room() {
    let bench = Bench::new();
    let id = bench.keep(1, "c1", &["a@d.example"], KeepState::Ready).await;
    let earlier = "UPDATE queue SET state = 1, instance = instance - 1";
    bench.queue.0.store.write(move |c, _| c.execute(earlier, [])).await.unwrap();
    let store = &bench.queue.0.store;
    store.land(bench.now()).await.unwrap();
    let state = async || bench.queue.find(id).await.unwrap().unwrap().0.state;
    assert_eq!(state().await, State::InFlight, "nothing was left at the start");
    store.unlanded.store(true, Ordering::SeqCst);
    store.land(bench.now()).await.unwrap();
    assert_eq!(state().await, State::Ready);
    assert!(!store.unlanded.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
#[expect(clippy::await_holding_lock, reason = "only the store's own thread waits for it")]
async fn many_keeps_share_a_sync() {
    let bench = Bench::new();
    let slow = bench.disk.faults.slow.lock();
    let mut keeps = tokio::task::JoinSet::new();
    for n in 0..200 {
        let (queue, now) = (bench.queue.clone(), bench.now());
        let keep = mail(now, n, "c1", &["a@d.example"], KeepState::Ready);
        keeps.spawn(async move { queue.keep(keep).await });
    }
    // Each task sends its message off before it waits: then all are on their way while the first
    // sync has not returned.
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
    drop(slow);
    assert!(keeps.join_all().await.iter().all(Result::is_ok));
    let syncs = bench.disk.faults.syncs.load(Ordering::SeqCst);
    assert!(syncs <= 11, "{syncs} syncs for 200 messages in 8 segments");
}

#[tokio::test(start_paused = true)]
async fn a_new_process_keeps_beside_the_old_one_and_takes_over_when_that_ends() {
    let old = Bench::new();
    let first = old.keep(1, "c1", &["a@d.example"], KeepState::InFlight).await;
    let beside = old.beside();
    let second = mail(old.now(), 2, "c1", &["b@d.example"], KeepState::Ready);
    let second_id = second.submission.id;
    beside.keep(second).await.unwrap();
    assert!(!beside.0.store.take_over(old.now()).await.unwrap());
    let state = |item: &crate::Item| (item.submission.id, item.state);
    let items = beside.list(&Selector::default()).await.unwrap();
    let both = [(first, State::InFlight), (second_id, State::Ready)];
    assert_eq!(items.iter().map(state).collect::<Vec<_>>(), both, "the old one still works on it");
    let now = old.now();
    drop(old.queue);
    assert!(beside.0.store.take_over(now).await.unwrap());
    let items = beside.list(&Selector::default()).await.unwrap();
    assert!(items.iter().all(|item| item.state == State::Ready));
    assert_eq!(beside.counts().queued, 2);
    for id in [first, second_id] {
        assert!(beside.find(id).await.unwrap().is_some());
    }
}

/// What may be done to a queue.
#[derive(Debug, Clone)]
enum Op {
    Keep(u8),
    /// Every `n`th message in flight is answered.
    Settle(u8),
    Release(u8),
    SyncFails(bool),
    Full(bool),
    PowerCut,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => any::<u8>().prop_map(Op::Keep),
        3 => any::<u8>().prop_map(Op::Settle),
        1 => any::<u8>().prop_map(Op::Release),
        1 => any::<bool>().prop_map(Op::SyncFails),
        1 => any::<bool>().prop_map(Op::Full),
        1 => Just(Op::PowerCut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// Whatever happens, the queue holds exactly what it said yes to and nobody has settled.
    #[test]
    fn equals_a_model(ops in proptest::collection::vec(op(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(against_model(ops));
    }
}

async fn against_model(ops: Vec<Op>) {
    let mut bench = Bench::new();
    bench.queue.tell(Arc::new(Listener::default()));
    let mut model: BTreeMap<MessageId, (u32, State)> = BTreeMap::new();
    for (n, op) in ops.into_iter().enumerate() {
        let n = n as u32;
        // Longer than a measure of free room is believed.
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        match op {
            Op::Keep(kind) => {
                let until = bench.now().plus(std::time::Duration::from_secs(600));
                let (keep_state, state) = match kind % 4 {
                    0 => (KeepState::Ready, State::Ready),
                    1 => (KeepState::InFlight, State::InFlight),
                    2 => (KeepState::Held { until }, State::Held),
                    _ => (KeepState::Quarantined, State::Quarantined),
                };
                let keep = mail(bench.now(), n, "c1", &["a@d.example"], keep_state);
                let id = keep.submission.id;
                if bench.queue.keep(keep).await.is_ok() {
                    model.insert(id, (n, state));
                }
            }
            Op::Settle(kind) => {
                let in_flight = model.iter().find(|(_, (_, state))| *state == State::InFlight);
                let Some((id, _)) = in_flight.map(|(id, entry)| (*id, *entry)) else { continue };
                let outcome = match kind % 2 {
                    0 => Outcome::Accepted,
                    _ => Outcome::Later(Later::Trouble("reset".to_owned())),
                };
                let outcomes = vec![outcome.clone()];
                let delivery = Delivery { outcomes, server: None, reply: None };
                bench.queue.settle(id, delivery).await.unwrap();
                match outcome {
                    Outcome::Accepted => drop(model.remove(&id)),
                    _ => model.get_mut(&id).unwrap().1 = State::Ready,
                }
            }
            Op::Release(limit) => {
                let limit = Some(usize::from(limit % 3));
                let selector = Selector { limit, ..Selector::default() };
                let (by, reason) = ("eve".to_owned(), "fine".to_owned());
                let act = PersonAct { by, reason, at: bench.now(), dry_run: false };
                for id in bench.queue.release(&selector, &act).await.unwrap() {
                    let state = &mut model.get_mut(&id).unwrap().1;
                    assert!(matches!(*state, State::Held | State::Quarantined));
                    *state = State::Paced;
                }
            }
            Op::SyncFails(on) => bench.disk.faults.sync_fails.store(on, Ordering::SeqCst),
            Op::Full(on) => bench.disk.faults.full.store(on, Ordering::SeqCst),
            Op::PowerCut => {
                let left = bench.disk.after_power_cut();
                bench = bench.again_on(left);
                bench.queue.tell(Arc::new(Listener::default()));
                for (_, state) in model.values_mut() {
                    if *state == State::InFlight {
                        *state = State::Ready;
                    }
                }
            }
        }
    }
    let items = bench.queue.list(&Selector::default()).await.unwrap();
    let found: BTreeMap<MessageId, State> =
        items.iter().map(|item| (item.submission.id, item.state)).collect();
    let expected: BTreeMap<MessageId, State> =
        model.iter().map(|(id, (_, state))| (*id, *state)).collect();
    assert_eq!(found, expected);
    for (id, (n, _)) in &model {
        let (_, content) = bench.queue.find(*id).await.unwrap().unwrap();
        assert_eq!(read_all(&*content).unwrap(), octets(*n));
    }
    let counts = bench.queue.counts();
    let total = counts.queued + counts.paced + counts.held + counts.quarantined;
    assert_eq!(total, model.len() as u64);
}

#[tokio::test]
async fn what_cannot_be_opened_says_where_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let open = |dir: &std::path::Path| {
        let clock = Arc::new(postern_mail::SystemClock::default());
        crate::Queue::open(crate::testing::settings(dir), clock, 1).err().unwrap().to_string()
    };
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let told = open(&file.join("queue"));
    assert!(told.contains("file/queue") && told.contains("choose another"), "{told}");
    let dir = folder.path().join("queue");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("queue.db"), "no database at all, but long enough for a header")
        .unwrap();
    let told = open(&dir);
    assert!(told.contains("queue.db") && told.contains("damaged"), "{told}");
}
