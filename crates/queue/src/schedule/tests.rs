use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn line(customer: usize) -> LineKey {
    LineKey { pool: "main".into(), customer: customer.to_string().into() }
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

#[test]
fn tries_wait_longer_and_end_at_the_age() {
    let waits = [2, 4, 8].map(Duration::from_secs);
    let end = at(1000);
    let rows = [
        (1, 0.5, at(102)),
        (2, 0.5, at(104)),
        (3, 0.5, at(108)),
        (30, 0.5, at(108)),
        (1, 0.0, Timestamp::from_millis(101_600)),
        (1, 1.0, Timestamp::from_millis(102_400)),
    ];
    for (attempts, chance, expect) in rows {
        assert_eq!(next_try(at(100), attempts, &waits, end, chance), expect, "{attempts} {chance}");
    }
    assert_eq!(next_try(at(999), 3, &waits, end, 0.5), end);
    assert_eq!(next_try(at(1005), 3, &waits, end, 0.5), at(1005), "never before now");
    assert_eq!(next_try(at(0), 1, &[], end, 0.5), at(60));
}

#[test]
fn lines_take_turns() {
    let mut schedule = Schedule::new(100);
    for customer in 0..3 {
        schedule.note(&line(customer), at(0));
    }
    let turns: Vec<_> = (0..6).filter_map(|_| schedule.next(at(1), |_| true)).collect();
    assert_eq!(turns, [0, 1, 2, 0, 1, 2].map(line));
}

#[test]
fn a_pool_that_is_down_waits_alone() {
    let mut schedule = Schedule::new(10);
    let other = LineKey { pool: "other".into(), customer: "c".into() };
    schedule.note(&line(1), at(0));
    schedule.note(&other, at(0));
    assert_eq!(schedule.next(at(1), |pool| pool == "other"), Some(other.clone()));
    assert_eq!(schedule.next(at(1), |pool| pool == "other"), Some(other));
    assert_eq!(schedule.next(at(1), |_| false), None);
    for customer in 2..100 {
        schedule.note(&line(customer), at(0));
    }
    let mut asked = 0;
    let mut shut = |_: &str| {
        asked += 1;
        false
    };
    assert_eq!(schedule.next(at(1), &mut shut), None);
    assert_eq!(asked, 2, "once a pool");
}

#[test]
fn nothing_starts_before_it_is_due() {
    let mut schedule = Schedule::new(10);
    schedule.note(&line(1), at(10));
    schedule.note(&line(1), at(20));
    assert_eq!((schedule.next(at(9), |_| true), schedule.next_due()), (None, Some(at(10))));
    assert_eq!(schedule.next(at(10), |_| true), Some(line(1)));
    schedule.left(&line(1), Some(at(20)));
    assert_eq!((schedule.next(at(19), |_| true), schedule.next_due()), (None, Some(at(20))));
    schedule.left(&line(1), None);
    schedule.ended(&line(1));
    assert!(schedule.lines.is_empty(), "an idle line costs nothing");
}

proptest! {
    /// Against a model of lines with messages that take a random time each: no more run than may,
    /// in all and of a line; every message runs; and a line with one message waits for no more
    /// turns than there are lines.
    #[test]
    fn fair_and_complete(
        sizes in proptest::collection::vec(1usize..60, 1..12),
        running_max in 1usize..9,
        order in proptest::collection::vec(any::<proptest::sample::Index>(), 700),
    ) {
        let mut schedule = Schedule::new(running_max);
        let mut left: HashMap<LineKey, usize> = HashMap::new();
        for (customer, size) in sizes.iter().enumerate() {
            left.insert(line(customer), *size);
            schedule.note(&line(customer), at(0));
        }
        let (mut running, mut starts) = (Vec::new(), Vec::new());
        let mut order = order.into_iter();
        loop {
            while let Some(key) = schedule.next(at(1), |_| true) {
                let waiting = left.get_mut(&key).unwrap();
                prop_assert!(*waiting > 0, "a line with nothing due got a turn");
                *waiting -= 1;
                let due = (*waiting > 0).then(|| at(0));
                schedule.left(&key, due);
                starts.push(key.clone());
                running.push(key);
            }
            prop_assert!(running.len() <= running_max);
            for key in left.keys() {
                let of_line = running.iter().filter(|other| *other == key).count();
                prop_assert!(of_line <= running_max.div_ceil(2));
            }
            if running.is_empty() {
                break;
            }
            let ended = order.next().unwrap().index(running.len());
            schedule.ended(&running.swap_remove(ended));
        }
        prop_assert!(left.values().all(|waiting| *waiting == 0));
        for customer in 0..sizes.len() {
            let first = starts.iter().position(|key| *key == line(customer)).unwrap();
            prop_assert!(first < sizes.len(), "line {customer} waited {first} turns");
        }
    }
}
