//! One file, written from its start to its end and over again; a sync serves all that waits.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::Context;
use tokio::sync::oneshot;

/// Appends messages to a file.
pub(super) struct Segment {
    waiting: SyncSender<(Arc<[u8]>, oneshot::Sender<()>)>,
}

impl Segment {
    /// The file is written full of zeros first: a sync then writes data and no allocation.
    pub(super) fn create(folder: &Path) -> anyhow::Result<Self> {
        let file = File::create(folder.join("segment")).context("segment file")?;
        let zeros = vec![0; 1 << 20];
        for n in 0..OCTETS >> 20 {
            file.write_all_at(&zeros, n << 20)?;
        }
        file.sync_all()?;
        let (waiting, arrived) = sync_channel(WAITING_MAX);
        std::thread::Builder::new().name("segment".into()).spawn(move || write(&file, &arrived))?;
        Ok(Self { waiting })
    }

    /// Returns once it is synced.
    pub(super) async fn append(&self, content: Arc<[u8]>) -> anyhow::Result<()> {
        let (done, synced) = oneshot::channel();
        self.waiting.try_send((content, done)).ok().context("too many wait for the segment")?;
        synced.await.context("the segment file cannot be written")
    }
}

/// Ends, and with it all who wait, when the file cannot be written.
fn write(file: &File, arrived: &Receiver<(Arc<[u8]>, oneshot::Sender<()>)>) -> std::io::Result<()> {
    let (mut place, mut batch) = (0, Vec::new());
    while let Ok((content, done)) = arrived.recv() {
        batch.extend_from_slice(&content);
        let mut waiting = vec![done];
        while batch.len() < BATCH_OCTETS
            && let Ok((content, done)) = arrived.try_recv()
        {
            batch.extend_from_slice(&content);
            waiting.push(done);
        }
        if place + batch.len() as u64 > OCTETS {
            place = 0;
        }
        file.write_all_at(&batch, place)?;
        file.sync_data()?;
        place += batch.len() as u64;
        batch.clear();
        for done in waiting {
            // Who does not wait any more needs no answer.
            let _ = done.send(());
        }
    }
    Ok(())
}

const OCTETS: u64 = 64 << 20;
const BATCH_OCTETS: usize = 8 << 20;
const WAITING_MAX: usize = 10_000;
