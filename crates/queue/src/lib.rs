//! What waits and how it leaves: store, schedule, handoff to upstreams, bounces, quarantine, journal.

pub mod handoff;
mod settings;

pub use settings::{PoolSettings, Settings, UpstreamTls};
