//! The engine's memory on disk, so that a restart does not forget who is suspended and what is new.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postern_mail::Timestamp;
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

/// Puts back what an earlier process saved. Without it, or where it cannot be used, the engine begins
/// with an empty memory and mail flows. What was not used is set aside: the next one would replace
/// it, and it may have been the clock that was wrong.
pub(crate) fn restore(engine: &mut Engine, path: &Path, now: Timestamp) {
    match std::fs::read(path) {
        Ok(bytes) => {
            if let Err(error) = engine.restore(&bytes, now) {
                let aside = path.with_extension("unused");
                let kept = std::fs::rename(path, &aside).is_ok();
                let aside = if kept { aside.display().to_string() } else { String::new() };
                error!(%error, aside, "snapshot not used: the engine begins anew");
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

    #[test]
    fn an_unused_snapshot_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.snapshot");
        let engine = || Engine::new(Arc::default(), Arc::default(), 1);
        let mut ahead = engine();
        ahead.tick(Timestamp::from_millis(601_000));
        for (octets, now, used) in [
            (ahead.snapshot(), 1_000, true),
            (ahead.snapshot(), 999, false),
            (b"nonsense".to_vec(), 1_000, false),
        ] {
            std::fs::write(&path, &octets).unwrap();
            restore(&mut engine(), &path, Timestamp::from_millis(now));
            assert_eq!(path.exists(), used);
            let aside = std::fs::read(path.with_extension("unused")).unwrap_or_default();
            assert_eq!(aside == octets, !used);
        }
    }
}
