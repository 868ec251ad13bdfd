//! Facts of a message, rules over them, and the engine that judges streams of mail.
//!
//! Pure: no socket, no file, no clock; `now` comes in with every call. [`examine`] is the dear part
//! (octets to [`Facts`]), [`Engine::judge`] the cheap one (facts, memory and time to a decision).

mod act;
mod engine;
mod facts;
mod mime;
mod read_out;
pub mod rules;
mod settings;
mod sketch;
mod text;

pub use act::{Act, Case, Fate, Judgement, Lesson, Suspension};
pub use engine::{Engine, SnapshotError};
pub use facts::{Facts, Finding, Marks, examine};
pub use mime::Anomaly;
pub use read_out::{ReadOut, read_out};
pub use settings::{
    Bombing, Budget, Campaigns, Evidence, Flush, Hold, Ladder, Memory, Networks, Notices, RuleMode,
    RuleSetting, Settings, Tier, Tiers,
};
pub use sketch::Sketch;
