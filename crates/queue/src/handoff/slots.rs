//! Room for connections to one server, shared fairly between customers.
//!
//! Who finds room takes it. Who waits is served in turns by key, not by order of arrival: a flood
//! of one customer waits behind itself.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// A number of places.
#[derive(Debug)]
pub(super) struct Slots {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Who waits, by key; no entry is empty.
    waiting: HashMap<Arc<str>, VecDeque<oneshot::Sender<Slot>>>,
    /// Every key of `waiting` once, in order of their turn.
    turns: VecDeque<Arc<str>>,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Slot(Option<Arc<Slots>>);

impl Slots {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        let state = State { free: limit, waiting: HashMap::new(), turns: VecDeque::new() };
        Arc::new(Self { limit, state: Mutex::new(state) })
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.limit - self.state.lock().free
    }

    /// A place, if one is free now.
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Slot> {
        let mut state = self.state.lock();
        state.free = state.free.checked_sub(1)?;
        Some(Slot(Some(Arc::clone(self))))
    }

    /// Waits for a place. Bounded by its caller; dropping the future gives the turn up.
    pub(super) async fn take(self: &Arc<Self>, key: &str) -> Slot {
        loop {
            let receiver = {
                let mut state = self.state.lock();
                if state.free > 0 {
                    state.free -= 1;
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

    /// A place got free: to the next in turn who still waits.
    fn give(self: Arc<Self>) {
        let mut slots = self;
        loop {
            let Some(sender) = slots.next_waiting() else { return };
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

    /// The next one in turn; without one the place is noted as free.
    fn next_waiting(&self) -> Option<oneshot::Sender<Slot>> {
        let mut state = self.state.lock();
        while let Some(key) = state.turns.pop_front() {
            let Some(queue) = state.waiting.get_mut(&key) else { continue };
            let sender = queue.pop_front();
            if queue.is_empty() {
                state.waiting.remove(&key);
            } else {
                state.turns.push_back(key);
            }
            if sender.is_some() {
                return sender;
            }
        }
        state.free += 1;
        None
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
}
