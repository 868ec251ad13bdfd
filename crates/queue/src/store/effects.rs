//! What a committed job changes in memory: counts, schedule, segments, which rows are in work.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use postern_mail::{MessageId, Timestamp};
use tokio::sync::Notify;

use super::segments::{Pin, Segments};
use crate::schedule::{LineKey, Schedule};
use crate::{Counts, State};

/// What writer thread, runner and door know together.
pub(crate) struct Shared {
    pub(crate) segments: Arc<Segments>,
    pub(crate) schedule: Mutex<Schedule>,
    /// Something may be due earlier than before.
    pub(crate) wake: Notify,
    counts: [AtomicI64; State::ALL.len()],
    /// What is being handed on, refused or bounced right now. By id: the database gives the number
    /// of a row that is gone to another one.
    in_work: Mutex<HashSet<MessageId>>,
    /// What is handed on in session, since when.
    aloft: Mutex<HashMap<MessageId, (Timestamp, Arc<Hold>)>>,
}

impl Shared {
    pub(crate) fn new(segments: Arc<Segments>, schedule: Schedule) -> Self {
        Self {
            segments,
            schedule: Mutex::new(schedule),
            wake: Notify::new(),
            counts: Default::default(),
            in_work: Mutex::default(),
            aloft: Mutex::default(),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let [ready, in_flight, paced, held, quarantined, damaged] =
            self.counts.each_ref().map(|c| c.load(Ordering::Relaxed).max(0).cast_unsigned());
        Counts { queued: ready + in_flight, paced, held, quarantined, damaged }
    }

    /// Whether somebody works on this message.
    pub(crate) fn is_in_work(&self, id: MessageId) -> bool {
        self.in_work.lock().contains(&id)
    }

    /// Takes a message for oneself; `None` when somebody has it. If nothing is concluded, it is due
    /// again at `again`.
    pub(crate) fn take(
        self: &Arc<Self>,
        id: MessageId,
        line: LineKey,
        again: Timestamp,
    ) -> Option<Hold> {
        let taken = self.in_work.lock().insert(id);
        taken.then(|| Hold { shared: self.clone(), id, line, again, ended: false.into() })
    }
}

impl Shared {
    /// The handoff in session of this message has ended: who says so first gets its hold.
    pub(crate) fn landed(&self, id: MessageId) -> Option<Arc<Hold>> {
        self.aloft.lock().remove(&id).map(|(_, hold)| hold)
    }

    /// What has been handed on in session for so long.
    pub(crate) fn aloft_longer_than(
        &self,
        age: Duration,
        now: Timestamp,
    ) -> Vec<(MessageId, Arc<Hold>)> {
        let aloft = self.aloft.lock();
        let old = aloft.iter().filter(|(_, (since, _))| now.since(*since) >= age);
        old.map(|(id, (_, hold))| (*id, hold.clone())).collect()
    }

    /// Ends what holds us and is held by us.
    pub(crate) fn close(&self) {
        let aloft = std::mem::take(&mut *self.aloft.lock());
        drop(aloft);
    }
}

/// A message is ours until this is ended or dropped.
pub(crate) struct Hold {
    shared: Arc<Shared>,
    id: MessageId,
    line: LineKey,
    again: Timestamp,
    ended: std::sync::atomic::AtomicBool,
}

impl Hold {
    pub(super) fn line(&self) -> &LineKey {
        &self.line
    }

    fn end(&self) {
        if !self.ended.swap(true, Ordering::Relaxed) {
            self.shared.in_work.lock().remove(&self.id);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !*self.ended.get_mut() {
            self.end();
            self.shared.schedule.lock().note(&self.line, self.again);
            self.shared.wake.notify_one();
        }
    }
}

/// Changes that happen after the commit, or not at all.
#[derive(Default)]
pub(crate) struct Effects {
    counts: [i64; State::ALL.len()],
    schedule: Vec<Change>,
    pins: Vec<Pin>,
    left: Vec<u64>,
    ended: Vec<Arc<Hold>>,
    aloft: Vec<(Timestamp, Arc<Hold>)>,
    /// Counted anew from all rows: what was before does not matter.
    anew: bool,
}

enum Change {
    /// Something of this line is due then.
    Note(LineKey, Timestamp),
    /// What is left of this line is due then, or nothing is left.
    Left(LineKey, Option<Timestamp>),
}

impl Effects {
    /// A row came.
    pub(crate) fn came(&mut self, state: State, pin: Pin) {
        self.pins.push(pin);
        self.count(state, 1);
    }

    /// A row is gone.
    pub(crate) fn gone(&mut self, state: State, segment: u64) {
        self.left.push(segment);
        self.count(state, -1);
    }

    /// A row changed its state.
    pub(crate) fn moved(&mut self, from: State, to: State) {
        self.count(from, -1);
        self.count(to, 1);
    }

    /// So many rows are in this state.
    pub(crate) fn counted(&mut self, state: State, rows: i64) {
        self.count(state, rows);
    }

    fn count(&mut self, state: State, by: i64) {
        if let Some(count) = self.counts.get_mut(state as usize) {
            *count += by;
        }
    }

    /// Something of this line is due at `due`.
    pub(crate) fn note(&mut self, line: LineKey, due: Timestamp) {
        self.schedule.push(Change::Note(line, due));
    }

    /// Of this line, what is left is due at `due`.
    pub(crate) fn line_left(&mut self, line: LineKey, due: Option<Timestamp>) {
        self.schedule.push(Change::Left(line, due));
    }

    /// Nobody works on this row any more.
    pub(crate) fn ended(&mut self, hold: Arc<Hold>) {
        self.ended.push(hold);
    }

    /// A message came whose handoff in session is still running.
    pub(crate) fn took_off(&mut self, since: Timestamp, hold: Hold) {
        self.aloft.push((since, Arc::new(hold)));
    }

    /// All rows were counted: forget what was known before.
    pub(crate) fn anew(&mut self) {
        self.anew = true;
    }

    /// `later` happened after this.
    pub(crate) fn add(&mut self, later: Self) {
        if later.anew {
            self.anew = true;
            self.counts = later.counts;
            self.schedule = later.schedule;
        } else {
            for (count, by) in self.counts.iter_mut().zip(later.counts) {
                *count += by;
            }
            self.schedule.extend(later.schedule);
        }
        self.pins.extend(later.pins);
        self.left.extend(later.left);
        self.ended.extend(later.ended);
        self.aloft.extend(later.aloft);
    }

    /// After the commit.
    pub(crate) fn apply(self, shared: &Shared) {
        self.pins.into_iter().for_each(Pin::keep);
        for (count, by) in shared.counts.iter().zip(self.counts) {
            if self.anew {
                count.store(by, Ordering::Relaxed);
            } else if by != 0 {
                count.fetch_add(by, Ordering::Relaxed);
            }
        }
        let aloft = self.aloft.into_iter().map(|(since, hold)| (hold.id, (since, hold)));
        shared.aloft.lock().extend(aloft);
        // Before the schedule hears of it: a row that is due again must be free to be taken.
        self.ended.iter().for_each(|hold| hold.end());
        if !self.schedule.is_empty() {
            let mut schedule = shared.schedule.lock();
            for change in self.schedule {
                match change {
                    Change::Note(line, due) => schedule.note(&line, due),
                    Change::Left(line, due) => schedule.left(&line, due),
                }
            }
            drop(schedule);
            shared.wake.notify_one();
        }
        self.left.into_iter().for_each(|segment| shared.segments.let_go(segment));
    }
}
