//! What waits and how it leaves: store, schedule, handoff to upstreams, bounces, quarantine, journal.

mod acts;
mod bounce;
mod error;
mod event;
mod finish;
mod flight;
pub mod handoff;
mod item;
mod journal;
mod outcome;
mod queue;
mod runner;
mod schedule;
mod selector;
mod settings;
mod store;
#[cfg(test)]
mod testing;

pub use error::{KeepError, OpenError, StoreError};
pub use event::{Notices, QueueEvent, What};
pub use handoff::{Delivery, Handoff, Later, Outcome, PoolError, ServerHealth};
pub use item::{AuditEntry, Counts, Item, Keep, KeepState, PersonAct, Progress, Selector, State};
pub use journal::{Journal, JournalEntry};
pub use queue::Queue;
pub use settings::{PoolSettings, Settings, UpstreamTls};
