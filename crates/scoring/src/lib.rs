//! Facts of a message, rules over them, and the engine that judges streams of mail.
//!
//! Pure: no socket, no file, no clock; `now` comes in with every call. [`examine`] is the dear part
//! (octets to [`Facts`]), [`Engine::judge`] the cheap one (facts, memory and time to a decision).

mod act;
mod campaigns;
mod content;
mod engine;
mod facts;
mod fates;
mod known;
mod lane;
mod mime;
mod odd_path;
mod pairs;
mod places;
mod read_out;
mod recent;
pub mod rules;
mod settings;
mod sketch;
mod state;
mod text;
mod tier;
mod victims;
pub mod window;

pub use act::{Act, Case, Fate, Judgement, Lesson, Suspension};
pub use content::{content_hits, content_probability};
pub use engine::{Engine, SnapshotError};
pub use facts::{Facts, Finding, Marks, examine};
pub use mime::Anomaly;
pub use read_out::{ReadOut, read_out};
pub use settings::{
    Bombing, Budget, Campaigns, Evidence, Flush, Hold, Ladder, Memory, Networks, Notices, RuleMode,
    RuleSetting, Settings, Tier, Tiers,
};
pub use sketch::Sketch;
