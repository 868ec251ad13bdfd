//! What can go wrong with the store, split by what the caller does about it.

use std::path::PathBuf;

/// A message could not be kept; it is not acknowledged, and its sender tries again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeepError {
    /// No room on the disk, or less than the headroom.
    #[error("no room: {0}")]
    Full(String),
    /// The disk or the database failed.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// A question or an act failed; nothing of it was done, but for [`StoreError::Stopped`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No room on the disk.
    #[error("no room on the disk: {0}")]
    Full(String),
    /// The database failed.
    #[error("database: {0}")]
    Database(String),
    /// The disk failed.
    #[error("disk: {0}")]
    Disk(#[from] std::io::Error),
    /// A row or a body does not read back as it was written.
    #[error("message {id} is damaged: {what}")]
    Damaged {
        /// Which message.
        id: String,
        /// What is wrong.
        what: String,
    },
    /// The store has been shut down.
    #[error("the store is shut down")]
    Closed,
    /// The act was done to some of the messages; these stay as they are now.
    #[error("stopped after {done} messages: {error}")]
    Stopped {
        /// To how many.
        done: usize,
        /// What happened then.
        error: Box<Self>,
    },
}

impl StoreError {
    /// Of an act that `done` messages have already seen.
    pub(crate) fn after(self, done: usize) -> Self {
        match done {
            0 => self,
            _ => Self::Stopped { done, error: Box::new(self) },
        }
    }
}

/// The queue's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder, or something in it, cannot be created, read or written.
    #[error("queue folder {dir}: {error}; {remedy}", dir = dir.display())]
    Folder {
        /// Which.
        dir: PathBuf,
        /// What happened.
        error: std::io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// The database cannot be used.
    #[error("queue database {path}: {error}; {remedy}", path = path.display())]
    Database {
        /// Which.
        path: PathBuf,
        /// What happened.
        error: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A thread could not be started.
    #[error("cannot start a thread of the queue: {0}")]
    Thread(std::io::Error),
}
