//! The engine's memory on disk, so that a restart does not forget who is suspended and what is new.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postern_scoring::Engine;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::relay::Relay;

/// The key of what the engine keeps only as hashes; made once, and kept with the data.
pub(crate) fn engine_key(data_dir: &Path) -> io::Result<u64> {
    let path = data_dir.join("engine.key");
    if let Ok(bytes) = std::fs::read(&path)
        && let Ok(key) = <[u8; 8]>::try_from(bytes.as_slice())
    {
        return Ok(u64::from_le_bytes(key));
    }
    let key = fastrand::u64(..);
    replace(&path, &key.to_le_bytes())?;
    Ok(key)
}

/// Puts back what an earlier process saved. Without it, or where it is damaged, the engine begins
/// with an empty memory and mail flows.
pub(crate) fn restore(engine: &mut Engine, path: &Path) {
    match std::fs::read(path) {
        Ok(bytes) => {
            if let Err(error) = engine.restore(&bytes) {
                warn!(path = %path.display(), %error, "snapshot not used: the engine begins anew");
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            warn!(path = %path.display(), %error, "snapshot not read: the engine begins anew");
        }
    }
}

/// Saves now; a failure is logged and costs memory of the past only. It waits on the disk.
pub(crate) fn save(relay: &Relay) {
    let path = relay.snapshot.lock();
    let bytes = relay.engine.lock().snapshot();
    if let Err(error) = replace(&path, &bytes) {
        error!(path = %path.display(), %error, "the engine's memory could not be saved");
    }
}

/// The same from a task: what a person decided must outlive a crash.
pub(crate) async fn save_now(relay: &Arc<Relay>) {
    let relay = relay.clone();
    // A panic in there has been logged by the runtime.
    let _ = tokio::task::spawn_blocking(move || save(&relay)).await;
}

/// Saves every few minutes until `shutdown`.
pub(crate) async fn save_now_and_then(relay: Arc<Relay>, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        save_now(&relay).await;
    }
}

const EVERY: Duration = Duration::from_secs(120);

/// Whole or not at all: written beside, synced, renamed, the folder synced.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.snapshot");
        for bytes in [b"first".as_slice(), b"2"] {
            replace(&path, bytes).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
