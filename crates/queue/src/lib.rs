//! What waits and how it leaves: store, schedule, handoff to upstreams, bounces, quarantine, journal.

mod error;
mod event;
pub mod handoff;
mod item;
mod journal;
mod queue;
mod settings;

pub use error::{KeepError, OpenError, StoreError};
pub use event::{Notices, QueueEvent, What};
pub use handoff::{Delivery, Handoff, Later, Outcome, PoolError, ServerHealth};
pub use item::{AuditEntry, Counts, Item, Keep, KeepState, PersonAct, Progress, Selector, State};
pub use journal::{Journal, JournalEntry};
pub use queue::Queue;
pub use settings::{PoolSettings, Settings, UpstreamTls};
