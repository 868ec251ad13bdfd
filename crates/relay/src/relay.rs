//! The relay's parts in one place, for everybody who works with them while it runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use postern_mail::{Clock, IdSource};
use postern_queue::{Handoff, Queue};
use postern_scoring::{Act, Engine};
use tokio::sync::{Notify, RwLock, mpsc};
use tokio_util::task::TaskTracker;

use crate::counters::Counters;
use crate::guesses::Guesses;
use crate::live::Live;
use crate::passwords::Verifier;

/// Everything that lives as long as the process.
pub struct Relay {
    /// Config, customers, passwords; replaced as a whole.
    pub live: ArcSwap<Live>,
    /// Judges. Held for microseconds, never across an await.
    pub engine: Mutex<Engine>,
    /// What waits.
    pub queue: Queue,
    /// The upstreams.
    pub handoff: Handoff,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Names for messages.
    pub ids: IdSource,
    /// What happened so far.
    pub counters: Counters,
    /// Keys the hashes of recipients in the journal.
    pub(crate) key: u64,
    pub(crate) verifier: Verifier,
    pub(crate) guesses: Guesses,
    /// Handoffs that outlived their client's patience, and acts that found no room.
    pub(crate) late: TaskTracker,
    /// What the engine wants done, in its order.
    pub(crate) acts: mpsc::Sender<Vec<Act>>,
    /// Read from judging a message until it is kept; written for a moment before an act is carried
    /// out. So an act that names a batch finds all mail of that batch in the store.
    pub(crate) keeping: RwLock<()>,
    /// Whether the upstreams took mail lately, as the engine was told.
    pub(crate) upstreams_up: AtomicBool,
    /// Where the engine's memory is saved; locked while it is.
    pub(crate) snapshot: Mutex<PathBuf>,
    /// The engine may want its tick earlier than before.
    pub(crate) sooner: Notify,
}
