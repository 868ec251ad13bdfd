//! The queue's folder: its parts, who owns it, and what to do where it cannot be used.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::OpenError;

/// One process at a time owns the folder; the lock ends with its process.
pub(super) fn is_ours(lock: &File) -> io::Result<bool> {
    use rustix::fs::{FlockOperation, flock};
    match flock(lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Where the parts lie below the queue's folder.
pub(crate) struct Folders {
    pub(crate) segments: PathBuf,
    pub(crate) journal: PathBuf,
}

impl Folders {
    /// Creates what is not there.
    pub(crate) fn create(dir: &Path) -> Result<Self, OpenError> {
        let folders = Self { segments: dir.join("segments"), journal: dir.join("journal") };
        for path in [&folders.segments, &folders.journal] {
            std::fs::create_dir_all(path).map_err(|error| folder(path, error))?;
        }
        // Their names must outlive a power cut, too.
        for path in [Some(dir), dir.parent()].into_iter().flatten() {
            File::open(path).and_then(|dir| dir.sync_all()).map_err(|error| folder(path, error))?;
        }
        Ok(folders)
    }
}

pub(crate) fn folder(dir: &Path, error: io::Error) -> OpenError {
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "give it to the user that runs postern (chown), or choose another `data_dir`"
        }
        io::ErrorKind::StorageFull => "make room on this file system",
        io::ErrorKind::ReadOnlyFilesystem => "mount it for writing, or choose another `data_dir`",
        io::ErrorKind::NotADirectory => "a file is in its place: choose another `data_dir`",
        _ => "check `data_dir` and its file system",
    };
    OpenError::Folder { dir: dir.to_owned(), error, remedy }
}

pub(super) fn unusable(path: &Path, error: &rusqlite::Error) -> OpenError {
    let remedy = match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            "the file is damaged: move it away (messages without rows are lost to the queue), or restore it"
        }
        Some(rusqlite::ErrorCode::DiskFull) => "make room on this file system",
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            "another process uses it: end that one"
        }
        _ => "check that the user who runs postern may read and write it",
    };
    OpenError::Database { path: path.to_owned(), error: error.to_string(), remedy }
}
