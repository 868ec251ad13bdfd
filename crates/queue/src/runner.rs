//! What happens to kept mail by itself: handing on what is due, line by line in turns; in
//! `sweep`, what only time does.

mod sweep;

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use postern_mail::{Content, Envelope, Timestamp};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use crate::outcome::{Retry, of_delivery};
use crate::queue::Inner;
use crate::schedule::LineKey;
use crate::store::{self, BadRow, Claimed, Record, Sendable, Shared};
use crate::{Delivery, Handoff, Notices, Progress, QueueEvent, StoreError, What};

/// Who hands messages on; tests have their own.
pub(crate) trait Deliver: Clone + Send + Sync + 'static {
    /// As [`Handoff::deliver`].
    fn deliver(
        &self,
        pool: &str,
        key: &str,
        envelope: Arc<Envelope>,
        content: Arc<dyn Content>,
    ) -> impl Future<Output = Delivery> + Send + 'static;

    /// As [`Handoff::is_down`].
    fn is_down(&self, pool: &str) -> bool;
}

impl Deliver for Handoff {
    fn deliver(
        &self,
        pool: &str,
        key: &str,
        envelope: Arc<Envelope>,
        content: Arc<dyn Content>,
    ) -> impl Future<Output = Delivery> + Send + 'static {
        Self::deliver(self, pool, key, envelope, content)
    }

    fn is_down(&self, pool: &str) -> bool {
        Self::is_down(self, pool)
    }
}

/// One run of the queue.
pub(crate) struct Runner<D> {
    queue: Arc<Inner>,
    deliver: D,
    notices: Arc<dyn Notices>,
    tasks: TaskTracker,
    /// When a pool that is down is asked again.
    probes: HashMap<String, Timestamp>,
    swept_at: Timestamp,
}

impl<D: Deliver> Runner<D> {
    pub(crate) fn new(queue: Arc<Inner>, deliver: D, notices: Arc<dyn Notices>) -> Self {
        let tasks = TaskTracker::new();
        let (probes, swept_at) = (HashMap::new(), Timestamp::default());
        Self { queue, deliver, notices, tasks, probes, swept_at }
    }

    /// Until `shutdown`; then waits for what runs, bounded.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let wait = match self.step().await {
                Ok(wait) => wait,
                Err(error) => {
                    warn!(%error, "the queue stands still for a moment");
                    STILL
                }
            };
            let queue = self.queue.clone();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = queue.store.shared.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        self.tasks.close();
        self.queue.late.close();
        let ended = async { tokio::join!(self.tasks.wait(), self.queue.late.wait()) };
        if tokio::time::timeout(DRAIN_MAX, ended).await.is_err() {
            let running = self.tasks.len() + self.queue.late.len();
            warn!(running, "handoffs still run; they are tried again next time");
        }
    }

    /// Starts everything that is due; says how long nothing will be.
    async fn step(&mut self) -> Result<Duration, StoreError> {
        let now = self.queue.clock.now();
        if !self.queue.store.take_over(now).await? {
            return Ok(TAKE_OVER_EVERY);
        }
        if now.since(self.swept_at) >= SWEEP_EVERY || now < self.swept_at {
            self.sweep(now).await?;
            self.swept_at = now;
        }
        let lines = self.pick(now);
        if !lines.is_empty() {
            self.start(lines, now).await?;
        }
        let next = self.queue.store.shared.schedule.lock().next_due();
        let until_next = next.map_or(SWEEP_EVERY, |due| due.since(now));
        Ok(until_next.clamp(Duration::from_millis(1), SWEEP_EVERY))
    }

    /// Places for messages, each with the line whose turn it is.
    fn pick(&mut self, now: Timestamp) -> Vec<Place> {
        let shared = &self.queue.store.shared;
        let (deliver, probes) = (&self.deliver, &mut self.probes);
        let mut looks: HashMap<Arc<str>, Look> = HashMap::new();
        let mut schedule = shared.schedule.lock();
        let mut places = Vec::new();
        while places.len() < STARTS_MAX {
            let may = |pool: &str| {
                let known = looks.get(pool).copied();
                let look = known.unwrap_or_else(|| look(deliver, probes, pool, now));
                if known.is_none() {
                    looks.insert(pool.into(), look);
                }
                look != Look::Down
            };
            let Some(line) = schedule.next(now, may) else { break };
            if looks.get(&line.pool) == Some(&Look::Probe) {
                probes.insert(line.pool.to_string(), now.plus(PROBE_EVERY));
                looks.insert(line.pool.clone(), Look::Down);
            }
            places.push(Place { shared: shared.clone(), line });
        }
        places
    }

    /// Claims a due message for each place and hands it on.
    async fn start(&self, places: Vec<Place>, now: Timestamp) -> Result<(), StoreError> {
        let mut wanted: HashMap<LineKey, usize> = HashMap::new();
        for place in &places {
            *wanted.entry(place.line.clone()).or_default() += 1;
        }
        let shared = self.queue.store.shared.clone();
        let claimed: Vec<(LineKey, Claimed<Sendable>)> = self
            .queue
            .store
            .write(move |connection, effects| {
                let claim = |(line, wanted): (LineKey, usize)| {
                    let whose = (&line, wanted);
                    let rows = store::claim_due(connection, effects, &shared, whose, now)?;
                    Ok((line, rows))
                };
                wanted.into_iter().map(claim).collect()
            })
            .await?;
        let mut rows: HashMap<LineKey, Claimed<Sendable>> = claimed.into_iter().collect();
        for place in places {
            match rows.get_mut(&place.line).and_then(Vec::pop) {
                Some(Ok(sendable)) => self.spawn_handoff(place, sendable),
                Some(Err(bad)) => set_aside_row(&self.queue, bad).await,
                // Fewer were due than places were kept: this one is free again.
                None => {}
            }
        }
        Ok(())
    }

    fn spawn_handoff(&self, place: Place, sendable: Sendable) {
        let (queue, deliver, notices) =
            (self.queue.clone(), self.deliver.clone(), self.notices.clone());
        self.tasks.spawn(async move {
            hand_on(&queue, &deliver, &*notices, sendable).await;
            drop(place);
        });
    }
}

/// Hands one message on and writes down what became of it.
async fn hand_on<D: Deliver>(
    queue: &Inner,
    deliver: &D,
    notices: &dyn Notices,
    sendable: Sendable,
) {
    let record = &sendable.record;
    let content = match queue.store.load(record).await {
        Ok(content) => content,
        Err(error) if is_lost(&error) => {
            let why = error.to_string();
            notices.event(QueueEvent {
                submission: record.item.submission.clone(),
                what: What::Damaged { why: why.clone() },
            });
            let bad = BadRow { row: record.row, id: record.id().to_string(), what: why };
            return set_aside_row(queue, bad).await;
        }
        Err(error) => {
            warn!(id = %record.id(), %error, "cannot be read now; it is tried again");
            return;
        }
    };
    let item = &record.item;
    let (asked, envelope) = pending(record);
    let key = item.submission.identity.customer.as_ref().map_or("", |c| c.as_str());
    let handoff = deliver.deliver(&item.pool, key, Arc::new(envelope), content.clone());
    let delivery = Box::pin(handoff).await;
    let now = queue.clock.now();
    let retry = queue.retry();
    let ended = of_delivery(record, &asked, &delivery, now, &retry);
    let finish = queue.finish(sendable.into_claim(), Some(&*content), ended, None, notices);
    queue.write_down_for_sure(&finish, notices).await;
}

/// The recipients that are still to be handed on: their places, and an envelope of them alone.
pub(crate) fn pending(record: &Record) -> (Vec<usize>, Envelope) {
    let item = &record.item;
    let mut envelope = item.submission.envelope.clone();
    let pending = item.progress.iter().enumerate().filter(|(_, p)| Progress::is_pending(p));
    let places: Vec<usize> = pending.map(|(place, _)| place).collect();
    envelope.recipients =
        places.iter().filter_map(|p| envelope.recipients.get(*p).cloned()).collect();
    (places, envelope)
}

/// What cannot be read back is kept for a person to look at, as long as what is in quarantine; the
/// rest goes on.
pub(crate) async fn set_aside_row(queue: &Inner, bad: BadRow) {
    let BadRow { row, id, what } = bad;
    error!(event = "damaged", id, what, "a kept message is damaged and was set aside");
    let until = queue.clock.now().plus(queue.settings().quarantine_max_age);
    let set_aside = queue
        .store
        .write(move |connection, effects| {
            store::set_aside(connection, effects, row, (&what, until))
        })
        .await;
    if let Err(error) = set_aside {
        error!(id, %error, "and that could not be written down");
    }
}

/// Whether reading again would find the same.
fn is_lost(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    matches!(error.kind(), InvalidData | NotFound | UnexpectedEof)
}

/// A place among the running ones, given back when dropped, whatever happened.
struct Place {
    shared: Arc<Shared>,
    line: LineKey,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.schedule.lock().ended(&self.line);
        self.shared.wake.notify_one();
    }
}

/// What a pool is given now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Up,
    /// It is down, and gets one message to see whether it still is.
    Probe,
    Down,
}

fn look<D: Deliver>(
    deliver: &D,
    probes: &HashMap<String, Timestamp>,
    pool: &str,
    now: Timestamp,
) -> Look {
    if !deliver.is_down(pool) {
        Look::Up
    } else if probes.get(pool).is_none_or(|at| *at <= now) {
        Look::Probe
    } else {
        Look::Down
    }
}

impl Inner {
    /// How tries are repeated, with a new throw of the dice.
    pub(crate) fn retry(&self) -> Retry {
        let chance = self.random.lock().f64();
        Retry { settings: self.settings(), chance }
    }
}

/// Messages started by one look at the schedule.
const STARTS_MAX: usize = 256;
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// The handoff probes by itself; this is for the case that it does not.
const PROBE_EVERY: Duration = Duration::from_secs(5);
const TAKE_OVER_EVERY: Duration = Duration::from_millis(100);
/// After an error of the store.
const STILL: Duration = Duration::from_secs(1);
/// Running handoffs are waited for so long: a reply to the end of data that comes later than this
/// is lost, and the message is sent twice.
const DRAIN_MAX: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
