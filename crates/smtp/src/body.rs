//! A message's octets as they come in: the first in memory, the others in a file without a name.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use postern_mail::Content;

use crate::Limits;
use crate::caps::Tally;

/// A message that is being received.
pub(crate) struct Body {
    head: Vec<u8>,
    file: Option<BufWriter<File>>,
    size: u64,
    charge: Charge,
}

impl Body {
    pub(crate) fn new(tally: Arc<Tally>) -> Self {
        let charge = Charge { tally, octets: 0 };
        Self { head: Vec::new(), file: None, size: 0, charge }
    }

    /// Keeps octets: in memory as long as the message and all messages together stay below their
    /// limits, in a file from then on. Writing goes to the page cache, so it is done in place.
    pub(crate) fn push(&mut self, octets: &[u8], limits: &Limits, dir: &Path) -> io::Result<()> {
        let room = match self.file {
            Some(_) => 0,
            None => self.charge.room(limits).saturating_sub(self.head.len()),
        };
        let (kept, spilled) = octets.split_at(room.min(octets.len()));
        self.head.extend_from_slice(kept);
        self.charge.add(kept.len());
        self.size += octets.len() as u64;
        if spilled.is_empty() {
            return Ok(());
        }
        match &mut self.file {
            Some(file) => file.write_all(spilled),
            None => {
                let file = tempfile::tempfile_in(dir)?;
                self.charge.tally.spilled.fetch_add(1, Ordering::Relaxed);
                let file = self.file.insert(BufWriter::with_capacity(WRITE_OCTETS, file));
                file.write_all(spilled)
            }
        }
    }

    /// The message is complete.
    pub(crate) fn finish(mut self) -> io::Result<Arc<dyn Content>> {
        let file = self.file.take().map(|file| file.into_inner().map_err(|e| e.into_error()));
        let file = file.transpose()?;
        self.head.shrink_to_fit();
        Ok(Arc::new(Received { head: self.head, file, size: self.size, _charge: self.charge }))
    }
}

/// Gathered before a write to the file.
const WRITE_OCTETS: usize = 32 * 1024;

/// Kept in memory of every message even when memory is scarce: a message that could not be
/// examined would pass unseen.
const HEAD_OCTETS_MIN: usize = 16 * 1024;

/// A received message.
struct Received {
    head: Vec<u8>,
    /// What follows the head.
    file: Option<File>,
    size: u64,
    _charge: Charge,
}

impl Content for Received {
    fn size(&self) -> u64 {
        self.size
    }

    fn head(&self) -> &[u8] {
        &self.head
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let head = self.head.len() as u64;
        match &self.file {
            Some(file) if offset >= head => file.read_at(buf, offset - head),
            Some(file) => {
                let n = self.head.read_at(offset, buf)?;
                let more = if n < buf.len() { file.read_at(&mut buf[n..], 0)? } else { 0 };
                Ok(n + more)
            }
            None => self.head.read_at(offset, buf),
        }
    }
}

/// What one message adds to the memory that all messages take.
struct Charge {
    tally: Arc<Tally>,
    octets: usize,
}

impl Charge {
    fn add(&mut self, octets: usize) {
        self.octets += octets;
        self.tally.memory_bytes.fetch_add(octets, Ordering::Relaxed);
    }

    /// How long a head may be now.
    fn room(&self, limits: &Limits) -> usize {
        let all = self.tally.memory_bytes.load(Ordering::Relaxed);
        if all < limits.memory_bytes { limits.memory_bytes_per_message } else { HEAD_OCTETS_MIN }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.tally.memory_bytes.fetch_sub(self.octets, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_mail::read_all;

    #[test]
    fn spilled_or_not_it_reads_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let octets: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
        let rows =
            [(1 << 20, 1 << 20, 100_000), (30_000, 1 << 20, 30_000), (1 << 20, 0, HEAD_OCTETS_MIN)];
        for (memory_bytes_per_message, memory_bytes, head) in rows {
            let limits = Limits { memory_bytes_per_message, memory_bytes, ..Limits::default() };
            let tally = Arc::new(Tally::default());
            let mut body = Body::new(tally.clone());
            for piece in octets.chunks(777) {
                body.push(piece, &limits, dir.path()).unwrap();
            }
            let content = body.finish().unwrap();
            assert_eq!((content.size(), content.head().len()), (100_000, head));
            assert!(read_all(content.as_ref()).unwrap() == octets);
            let mut buf = [0; 1000];
            assert_eq!(
                content.read_at(head as u64 - 500, &mut buf).unwrap(),
                1000.min(100_500 - head)
            );
            assert_eq!(tally.counters().memory_bytes, head as u64);
            assert_eq!(tally.counters().spilled, u64::from(head < 100_000));
            drop(content);
            assert_eq!(tally.counters().memory_bytes, 0);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_gone_is_an_error() {
        let mut body = Body::new(Arc::default());
        let limits = Limits { memory_bytes_per_message: 1, ..Limits::default() };
        assert!(body.push(b"abc", &limits, Path::new("/nowhere/at/all")).is_err());
    }
}
