//! Room for connections to one server, shared fairly between customers.
//!
//! Who finds room takes it. Who waits is served in turns by key, not by order of arrival: a flood
//! of one customer waits behind itself. A server that says it has enough connections gets fewer,
//! and more again bit by bit.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// A number of places.
#[derive(Debug)]
pub(super) struct Slots {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Places there are now: `most`, or fewer after the server had enough of us.
    limit: usize,
    taken: usize,
    /// Messages since the limit changed last.
    quiet: u32,
    /// Who waits, by key; no entry is empty.
    waiting: HashMap<Arc<str>, VecDeque<oneshot::Sender<Slot>>>,
    /// Every key of `waiting` once, in order of their turn.
    turns: VecDeque<Arc<str>>,
}

/// Messages without a complaint of the server after which it gets one connection more.
const QUIET_MIN: u32 = 100;

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Slot(Option<Arc<Slots>>);

impl Slots {
    pub(super) fn new(most: usize) -> Arc<Self> {
        let (waiting, turns) = (HashMap::new(), VecDeque::new());
        let state = State { limit: most, taken: 0, quiet: 0, waiting, turns };
        Arc::new(Self { most, state: Mutex::new(state) })
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.state.lock().taken
    }

    /// A place, if one is free now.
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Slot> {
        let mut state = self.state.lock();
        let free = state.taken < state.limit;
        state.taken += usize::from(free);
        free.then(|| Slot(Some(Arc::clone(self))))
    }

    /// Waits for a place. Bounded by its caller; dropping the future gives the turn up.
    pub(super) async fn take(self: &Arc<Self>, key: &str) -> Slot {
        loop {
            let receiver = {
                let mut state = self.state.lock();
                if state.taken < state.limit {
                    state.taken += 1;
                    return Slot(Some(Arc::clone(self)));
                }
                state.wait(key)
            };
            // The sender is only dropped with its slot sent, or with all of the slots.
            if let Ok(slot) = receiver.await {
                return slot;
            }
        }
    }

    /// The server does not want as many connections as are open. False when there is no other
    /// than the caller's own: then it wants none.
    pub(super) fn shrink(&self) -> bool {
        let mut state = self.state.lock();
        if state.taken < 2 {
            return false;
        }
        state.limit = state.limit.min(state.taken - 1);
        state.quiet = 0;
        true
    }

    /// A message went through: in the long run the server may be asked for more again.
    pub(super) fn grow(self: &Arc<Self>) {
        let sender = {
            let mut state = self.state.lock();
            if state.limit == self.most {
                return;
            }
            state.quiet += 1;
            if state.quiet < QUIET_MIN {
                return;
            }
            state.quiet = 0;
            state.limit += 1;
            let sender = if state.taken < state.limit { state.next_waiting() } else { None };
            state.taken += usize::from(sender.is_some());
            sender
        };
        if let Some(sender) = sender {
            // When that one has gone, the slot comes back here and is given to the next.
            drop(sender.send(Slot(Some(Arc::clone(self)))));
        }
    }

    /// A place got free: to the next in turn who still waits.
    fn give(self: Arc<Self>) {
        let mut slots = self;
        loop {
            let sender = {
                let mut state = slots.state.lock();
                let sender = if state.taken > state.limit { None } else { state.next_waiting() };
                state.taken -= usize::from(sender.is_none());
                sender
            };
            let Some(sender) = sender else { return };
            match sender.send(Slot(Some(slots))) {
                Ok(()) => return,
                // Gone meanwhile. Disarmed, or its drop would come back to here.
                Err(mut slot) => match slot.0.take() {
                    Some(own) => slots = own,
                    None => return,
                },
            }
        }
    }
}

impl State {
    fn wait(&mut self, key: &str) -> oneshot::Receiver<Slot> {
        let (sender, receiver) = oneshot::channel();
        match self.waiting.get_mut(key) {
            Some(queue) => queue.push_back(sender),
            None => {
                let key: Arc<str> = key.into();
                self.waiting.insert(Arc::clone(&key), VecDeque::from([sender]));
                self.turns.push_back(key);
            }
        }
        receiver
    }

    /// The next one in turn.
    fn next_waiting(&mut self) -> Option<oneshot::Sender<Slot>> {
        let key = self.turns.pop_front()?;
        let queue = self.waiting.get_mut(&key)?;
        let sender = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&key);
        } else {
            self.turns.push_back(key);
        }
        sender
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(slots) = self.0.take() {
            slots.give();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn turns_go_round_by_key() {
        let slots = Slots::new(1);
        let first = slots.try_take().unwrap();
        assert!(slots.try_take().is_none());
        let keys = ["flood", "flood", "flood", "calm", "gone", "flood"];
        let mut waits: Vec<_> = keys.iter().map(|key| Some(Box::pin(slots.take(key)))).collect();
        for wait in &mut waits {
            assert!(wait.as_mut().unwrap().now_or_never().is_none());
        }
        waits[4] = None;
        let mut order = Vec::new();
        let mut held = Some(first);
        while order.len() < 5 {
            held = None;
            for (i, wait) in waits.iter_mut().enumerate() {
                if let Some(slot) = wait.as_mut().and_then(|wait| wait.now_or_never()) {
                    order.push(i);
                    held = Some(slot);
                    *wait = None;
                }
            }
            assert_eq!(slots.taken(), 1);
        }
        assert_eq!(order, [0, 3, 1, 2, 5]);
        drop(held);
        assert_eq!(slots.taken(), 0);
    }

    #[tokio::test]
    async fn a_place_given_to_somebody_who_leaves_is_not_lost() {
        let slots = Slots::new(1);
        let held = slots.try_take().unwrap();
        let mut wait = Box::pin(slots.take("a"));
        assert!((&mut wait).now_or_never().is_none());
        drop(held);
        drop(wait);
        assert_eq!(slots.taken(), 0);
    }

    #[tokio::test]
    async fn a_server_that_has_enough_gets_fewer_for_a_while() {
        let slots = Slots::new(4);
        let mut held: Vec<_> = (0..4).map(|_| slots.try_take().unwrap()).collect();
        // The third and the fourth were one too many.
        assert!(slots.shrink());
        held.pop();
        assert!(slots.shrink());
        held.pop();
        assert!(slots.try_take().is_none());
        let mut wait = Box::pin(slots.take("a"));
        assert!((&mut wait).now_or_never().is_none());
        for _ in 0..QUIET_MIN {
            slots.grow();
        }
        let third = (&mut wait).now_or_never().unwrap();
        assert_eq!(slots.taken(), 3);
        drop((held, third));
        assert_eq!(slots.taken(), 0);
        let _alone = slots.try_take().unwrap();
        assert!(!slots.shrink());
    }
}
