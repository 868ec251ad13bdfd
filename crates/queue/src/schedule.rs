//! When what is tried, and whose turn it is. Pure: `now` comes in.
//!
//! The store knows each message; here only each line is known, all mail of one customer for one
//! pool, by its earliest due time. So memory grows with customers, not with messages, and lines
//! take turns: a line with a hundred thousand messages gets no more than one with a single one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use postern_mail::Timestamp;

/// All mail of one customer for one pool.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LineKey {
    pub(crate) pool: Arc<str>,
    /// Empty for nobody's mail.
    pub(crate) customer: Arc<str>,
}

/// Which lines have something due, and which of them is next.
#[derive(Debug)]
pub(crate) struct Schedule {
    running_max: usize,
    running: usize,
    lines: HashMap<LineKey, Line>,
    /// Lines whose earliest message is not due yet, as far as is known.
    sleeping: BTreeSet<(Timestamp, LineKey)>,
    /// Lines with something due, by pool and their last turn.
    ready: BTreeMap<Arc<str>, BTreeSet<(u64, LineKey)>>,
    turn: u64,
}

#[derive(Debug, Default)]
struct Line {
    /// Of its earliest message that nobody works on.
    due: Option<Timestamp>,
    running: usize,
    /// When it had its last turn; zero for one that just came.
    turn: u64,
}

impl Schedule {
    /// At most `running_max` messages are handed on at the same time.
    pub(crate) fn new(running_max: usize) -> Self {
        Self {
            running_max: running_max.max(1),
            running: 0,
            lines: HashMap::new(),
            sleeping: BTreeSet::new(),
            ready: BTreeMap::new(),
            turn: 0,
        }
    }

    /// So many may be handed on at the same time from now on.
    pub(crate) fn allow(&mut self, running_max: usize) {
        self.running_max = running_max.max(1);
    }

    /// Half of all for one line: it can use an idle relay well, and never all of a busy one.
    fn line_running_max(&self) -> usize {
        self.running_max.div_ceil(2)
    }

    /// A message of this line is due at `due`.
    pub(crate) fn note(&mut self, key: &LineKey, due: Timestamp) {
        let known = self.lines.get(key).and_then(|line| line.due);
        if known.is_none_or(|known| due < known) {
            self.set(key, Some(due));
        }
    }

    /// What is left of this line is due at `due`, or nothing is left.
    pub(crate) fn left(&mut self, key: &LineKey, due: Option<Timestamp>) {
        self.set(key, due);
    }

    fn set(&mut self, key: &LineKey, due: Option<Timestamp>) {
        let line = match due {
            Some(_) => self.lines.entry(key.clone()).or_default(),
            None => match self.lines.get_mut(key) {
                Some(line) => line,
                None => return,
            },
        };
        if let Some(old) = line.due {
            self.sleeping.remove(&(old, key.clone()));
        }
        remove(&mut self.ready, line.turn, key);
        line.due = due;
        match due {
            Some(due) => drop(self.sleeping.insert((due, key.clone()))),
            None => self.forget_if_idle(key),
        }
    }

    fn forget_if_idle(&mut self, key: &LineKey) {
        if self.lines.get(key).is_some_and(|line| line.due.is_none() && line.running == 0) {
            self.lines.remove(key);
        }
    }

    /// The line whose turn it is; it has taken one of the places, until [`Self::ended`]. `may` says
    /// whether a pool takes mail now; it is asked once a pool, however many lines wait for it.
    pub(crate) fn next(
        &mut self,
        now: Timestamp,
        mut may: impl FnMut(&str) -> bool,
    ) -> Option<LineKey> {
        self.wake(now);
        if self.running >= self.running_max {
            return None;
        }
        let line_max = self.line_running_max();
        let free = |(_, key): &&(u64, LineKey)| {
            self.lines.get(key).is_some_and(|line| line.running < line_max)
        };
        let pools = self.ready.iter().filter(|(pool, _)| may(pool));
        let (turn, key) = pools.filter_map(|(_, lines)| lines.iter().find(free)).min()?.clone();
        self.turn += 1;
        self.running += 1;
        remove(&mut self.ready, turn, &key);
        if let Some(line) = self.lines.get_mut(&key) {
            line.turn = self.turn;
            line.running += 1;
        }
        self.ready.entry(key.pool.clone()).or_default().insert((self.turn, key.clone()));
        Some(key)
    }

    /// Moves the lines that have become due.
    fn wake(&mut self, now: Timestamp) {
        while let Some((due, _)) = self.sleeping.first()
            && *due <= now
            && let Some((_, key)) = self.sleeping.pop_first()
        {
            if let Some(line) = self.lines.get(&key) {
                self.ready.entry(key.pool.clone()).or_default().insert((line.turn, key));
            }
        }
    }

    /// A message of this line is not being handed on any more.
    pub(crate) fn ended(&mut self, key: &LineKey) {
        self.running = self.running.saturating_sub(1);
        if let Some(line) = self.lines.get_mut(key) {
            line.running = line.running.saturating_sub(1);
        }
        self.forget_if_idle(key);
    }

    /// When the next line becomes due that is not yet.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.sleeping.first().map(|(due, _)| *due)
    }
}

fn remove(ready: &mut BTreeMap<Arc<str>, BTreeSet<(u64, LineKey)>>, turn: u64, key: &LineKey) {
    if let Some(lines) = ready.get_mut(&key.pool) {
        lines.remove(&(turn, key.clone()));
        if lines.is_empty() {
            ready.remove(&key.pool);
        }
    }
}

/// When to try again what failed `attempts` times, the last time at `now`: one of `waits` (the last
/// one repeats), jittered by a fifth so that what failed together does not come back together.
/// `chance` is evenly spread over 0..1. Never later than `end`, so that there is a last try then.
pub(crate) fn next_try(
    now: Timestamp,
    attempts: u32,
    waits: &[Duration],
    end: Timestamp,
    chance: f64,
) -> Timestamp {
    let step = (attempts.max(1) as usize - 1).min(waits.len().saturating_sub(1));
    let wait = waits.get(step).copied().unwrap_or(WAIT_DEFAULT);
    let jittered = wait.mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0));
    now.plus(jittered).min(end.max(now))
}

/// Where no waits are given.
const WAIT_DEFAULT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
