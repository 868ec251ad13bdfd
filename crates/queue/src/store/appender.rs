//! The thread that writes messages into segments: all that arrived while it synced are written
//! together and share the next sync.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use postern_mail::{Content, MessageId, Timestamp};
use tokio::sync::mpsc;
use tracing::{debug, error};

use super::disk::is_full;
use super::record::{HEADER_OCTETS, checksum, header, record_octets};
use super::segments::{Open, Pin, Place, Segments};
use crate::KeepError;

/// A message to be written.
pub(crate) struct Append {
    pub(crate) id: MessageId,
    pub(crate) content: Arc<dyn Content>,
    pub(crate) now: Timestamp,
    /// New mail is refused when room gets short; what ends other mail (a notice) is not.
    pub(crate) needs_headroom: bool,
    /// Called once the message is synced, or is not going to be.
    pub(crate) then: Box<dyn FnOnce(Result<Placed, KeepError>) + Send>,
}

/// A message that outlives a power cut.
pub(crate) struct Placed {
    pub(crate) place: Place,
    pub(crate) pin: Pin,
}

/// The thread's state.
pub(crate) struct Appender {
    segments: Arc<Segments>,
    headroom_bytes: u64,
    /// When room was last measured, and what was found.
    measured: Option<(Timestamp, Result<(), KeepError>)>,
    active: Option<Active>,
    /// Wakes the thread that prepares the next segment.
    prepare: SyncSender<()>,
    /// Small messages that go out in one write, and where the first of them starts.
    buffer: Vec<u8>,
    buffer_start: u64,
    /// Written, but not synced.
    waiting: Vec<Waiting>,
}

struct Active {
    open: Open,
    /// Where the next record starts.
    end: u64,
}

struct Waiting {
    placed: Placed,
    then: Box<dyn FnOnce(Result<Placed, KeepError>) + Send>,
}

impl Appender {
    /// `prepare` is told when the next segment will be needed soon.
    pub(crate) fn new(
        segments: Arc<Segments>,
        headroom_bytes: u64,
        prepare: SyncSender<()>,
    ) -> Self {
        Self {
            prepare,
            segments,
            headroom_bytes,
            measured: None,
            active: None,
            buffer: Vec::new(),
            buffer_start: 0,
            waiting: Vec::new(),
        }
    }

    /// Ends when nobody can send any more.
    pub(crate) fn run(mut self, mut appends: mpsc::Receiver<Append>) {
        while let Some(first) = appends.blocking_recv() {
            // A panic (reading a message is others' code) loses this batch, not the store.
            let batch = AssertUnwindSafe(|| self.append_all(first, &mut appends));
            if catch_unwind(batch).is_err() {
                self.abandon(&KeepError::Failed("a message could not be read".to_owned()));
            }
        }
    }

    /// `first`, and all that has arrived meanwhile.
    fn append_all(&mut self, first: Append, appends: &mut mpsc::Receiver<Append>) {
        let mut octets = 0;
        let mut next = Some(first);
        while let Some(append) = next {
            octets += append.content.size();
            self.append(append);
            let more = self.waiting.len() < BATCH_MESSAGES_MAX && octets < BATCH_OCTETS_MAX;
            next = if more { appends.try_recv().ok() } else { None };
        }
        self.sync();
    }

    fn append(&mut self, append: Append) {
        let Append { id, content, now, needs_headroom, then } = append;
        let room = if needs_headroom { self.headroom(now) } else { Ok(()) };
        match room.and_then(|()| self.write(id, &*content)) {
            Ok(placed) => self.waiting.push(Waiting { placed, then }),
            Err(error) => then(Err(error)),
        }
    }

    /// Measured now and then: it asks the file system.
    fn headroom(&mut self, now: Timestamp) -> Result<(), KeepError> {
        match &self.measured {
            Some((at, found)) if now.since(*at) < MEASURED_FOR => found.clone(),
            _ => {
                let mut room = self.segments.room();
                let short = matches!(room, Ok(room) if room < self.headroom_bytes);
                if short && self.segments.give_up_spares() {
                    room = self.segments.room();
                }
                let found = match room {
                    Ok(room) if room >= self.headroom_bytes => Ok(()),
                    Ok(room) => Err(KeepError::Full(format!(
                        "{room} octets free, {} are to stay free",
                        self.headroom_bytes
                    ))),
                    Err(error) => Err(KeepError::Failed(format!("free room unknown: {error}"))),
                };
                self.measured = Some((now, found.clone()));
                found
            }
        }
    }

    fn write(&mut self, id: MessageId, content: &dyn Content) -> Result<Placed, KeepError> {
        let length = content.size();
        let needed = record_octets(length);
        if self.active.as_ref().is_none_or(|a| a.end + needed > a.open.bytes) {
            self.sync();
            if let Some(full) = self.active.take() {
                self.segments.seal(full.open, true);
            }
            let open = self.segments.start(needed).map_err(|e| trouble("new segment", &e))?;
            self.active = Some(Active { open, end: 0 });
            self.buffer_start = 0;
        }
        let Some(active) = &self.active else {
            return Err(KeepError::Failed("no segment".to_owned()));
        };
        let (segment, offset) = (active.open.number, active.end);
        let crc = if content.head().len() as u64 == length {
            self.write_small(id, content.head())
        } else {
            self.write_big(id, content, offset)?
        };
        if let Some(active) = &mut self.active {
            let half = active.open.bytes / 2;
            if active.end < half && active.end + needed >= half {
                // Full: it has been told already. Gone: the segment will be made when needed.
                let _ = self.prepare.try_send(());
            }
            active.end += needed;
        }
        if self.buffer.is_empty() {
            self.buffer_start = offset + needed;
        }
        let pin = self.segments.pin(segment);
        Ok(Placed { place: Place { segment, offset, length, crc }, pin })
    }

    /// Into the buffer; it is written before the sync.
    fn write_small(&mut self, id: MessageId, octets: &[u8]) -> u32 {
        let length = octets.len() as u64;
        let mut hasher = checksum(id, length);
        hasher.update(octets);
        let crc = hasher.finalize();
        self.buffer.extend_from_slice(&header(id, length, crc));
        self.buffer.extend_from_slice(octets);
        let padding = record_octets(length) - HEADER_OCTETS - length;
        self.buffer.extend((0..padding).map(|_| 0));
        crc
    }

    /// Piece by piece, its header last. When reading it fails, its place is simply used again.
    fn write_big(
        &mut self,
        id: MessageId,
        content: &dyn Content,
        offset: u64,
    ) -> Result<u32, KeepError> {
        self.flush()?;
        let length = content.size();
        let mut hasher = checksum(id, length);
        let mut buf = vec![0; CHUNK_OCTETS];
        let mut done = 0;
        while done < length {
            let n = (length - done).min(CHUNK_OCTETS as u64) as usize;
            let chunk = buf.get_mut(..n).unwrap_or_default();
            match content.read_at(done, chunk) {
                Ok(got) if got == n => {}
                Ok(_) => return Err(KeepError::Failed("the message is cut short".to_owned())),
                Err(error) => return Err(trouble("reading the message", &error)),
            }
            hasher.update(chunk);
            self.write_out(chunk, offset + HEADER_OCTETS + done)?;
            done += n as u64;
        }
        let crc = hasher.finalize();
        self.write_out(&header(id, length, crc), offset)?;
        Ok(crc)
    }

    /// Writes the buffer out.
    fn flush(&mut self) -> Result<(), KeepError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let buffer = std::mem::take(&mut self.buffer);
        let done = self.write_out(&buffer, self.buffer_start);
        self.buffer_start += buffer.len() as u64;
        self.buffer = buffer;
        self.buffer.clear();
        self.buffer.shrink_to(BATCH_OCTETS_MAX as usize);
        done
    }

    /// A write that fails takes all with it that waits for the same sync.
    fn write_out(&mut self, octets: &[u8], offset: u64) -> Result<(), KeepError> {
        let Some(active) = &self.active else {
            return Err(KeepError::Failed("no segment".to_owned()));
        };
        active.open.file.write_at(octets, offset).map_err(|error| {
            let error = trouble("writing a segment", &error);
            self.abandon(&error);
            error
        })
    }

    /// Writes and syncs what waits, then answers.
    fn sync(&mut self) {
        if self.waiting.is_empty() || self.flush().is_err() {
            return;
        }
        let Some(active) = &self.active else { return };
        if let Err(error) = active.open.file.sync() {
            self.abandon(&trouble("syncing a segment", &error));
            return;
        }
        for waiting in self.waiting.drain(..) {
            (waiting.then)(Ok(waiting.placed));
        }
    }

    /// After a failed write or sync nobody knows what of the segment is on the disk: nothing more
    /// is written to it, and what waited was not kept.
    fn abandon(&mut self, why: &KeepError) {
        error!(error = %why, messages = self.waiting.len(), "messages could not be stored");
        if let Some(active) = self.active.take() {
            self.segments.seal(active.open, false);
        }
        self.buffer.clear();
        for waiting in self.waiting.drain(..) {
            (waiting.then)(Err(why.clone()));
        }
    }
}

/// The thread that makes segments ready before they are needed; it ends with the appender.
pub(crate) fn prepare(segments: &Segments, wanted: &Receiver<()>) {
    while let Ok(()) = wanted.recv() {
        // Without it, the appender tries by itself and reports what is wrong.
        if let Err(error) = segments.prepare() {
            debug!(%error, "no segment was made ready");
        }
    }
}

fn trouble(doing: &str, error: &io::Error) -> KeepError {
    let text = format!("{doing}: {error}");
    if is_full(error) { KeepError::Full(text) } else { KeepError::Failed(text) }
}

/// So many share one sync at most: the first of them waits for all.
const BATCH_MESSAGES_MAX: usize = 1024;
const BATCH_OCTETS_MAX: u64 = 8 << 20;
const CHUNK_OCTETS: usize = 256 * 1024;
const MEASURED_FOR: Duration = Duration::from_millis(500);
