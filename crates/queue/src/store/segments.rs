//! Segment files: which there are, how many messages each still carries, and when its room is free.
//!
//! A segment is filled from front to back, once. A row names a place in it; when no row (and no
//! message on its way to one) names it any more, its file is used again or deleted.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tracing::{error, warn};

use super::disk::{Disk, DiskFile};

/// Where a message's octets lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    /// Of the record's header.
    pub(crate) offset: u64,
    /// Of the message alone.
    pub(crate) length: u64,
    /// Of id, length and message.
    pub(crate) crc: u32,
}

/// What the rows say of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) segment: u64,
    pub(crate) messages: u64,
    /// Where its last message ends.
    pub(crate) end: u64,
}

/// All segments of this process, and those it has taken over.
pub(crate) struct Segments {
    disk: Arc<dyn Disk>,
    bytes: u64,
    /// So much stays free, and room for two more segments, before one is kept in reserve: a
    /// process that takes our place needs its own beside ours.
    headroom_bytes: u64,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    segments: HashMap<u64, Segment>,
    /// Files of full size that nobody uses.
    spares: Vec<u64>,
    /// Files on their way to be one of the former two: nobody may take them for garbage.
    coming: HashSet<u64>,
    /// No file with this number or a higher one has been seen.
    next: u64,
}

impl Known {
    fn is_ours(&self, number: u64) -> bool {
        self.segments.contains_key(&number)
            || self.spares.contains(&number)
            || self.coming.contains(&number)
    }
}

struct Segment {
    messages: u64,
    /// Nothing more is written to it.
    sealed: bool,
    /// Its file can be used again.
    reusable: bool,
    /// Where somebody has it open.
    file: Option<Weak<dyn DiskFile>>,
}

impl Segment {
    fn open_file(&self) -> Option<Arc<dyn DiskFile>> {
        self.file.as_ref()?.upgrade()
    }
}

/// Keeps a segment as long as a message is on its way into a row.
pub(crate) struct Pin {
    segments: Arc<Segments>,
    segment: u64,
    kept: bool,
}

impl Pin {
    /// The row is there: it keeps the segment from now on, until [`Segments::let_go`].
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        if !self.kept {
            self.segments.let_go(self.segment);
        }
    }
}

/// A segment that is being filled.
pub(crate) struct Open {
    pub(crate) number: u64,
    pub(crate) bytes: u64,
    pub(crate) file: Arc<dyn DiskFile>,
}

impl Segments {
    pub(crate) fn new(disk: Arc<dyn Disk>, bytes: u64, headroom_bytes: u64) -> io::Result<Self> {
        let next = disk.list()?.into_iter().max().map_or(1, |highest| highest + 1);
        let known = Mutex::new(Known { next, ..Known::default() });
        Ok(Self { disk, bytes, headroom_bytes, known })
    }

    /// Free octets on the file system.
    pub(crate) fn room(&self) -> io::Result<u64> {
        self.disk.room()
    }

    /// A segment with room for a record of `needed` octets.
    pub(crate) fn start(&self, needed: u64) -> io::Result<Open> {
        if needed <= self.bytes
            && let Some(number) = self.take_spare()
        {
            match self.disk.open(number) {
                Ok(file) => return Ok(self.begin(number, self.bytes, file)),
                Err(error) => {
                    warn!(segment = number, %error, "a spare segment cannot be opened");
                    self.known.lock().coming.remove(&number);
                }
            }
        }
        let bytes = needed.max(self.bytes_for_room()?);
        let (number, file) = self.create(bytes)?;
        Ok(self.begin(number, bytes, file))
    }

    /// The usual size, or a quarter of what may still be used where that is less: on a small disk
    /// one segment must not take the room of all others.
    fn bytes_for_room(&self) -> io::Result<u64> {
        let quarter = self.disk.room()?.saturating_sub(self.headroom_bytes) / 4;
        Ok(self.bytes.min(quarter.max(SEGMENT_BYTES_MIN)))
    }

    fn has_room_for_spares(&self) -> io::Result<bool> {
        let needed = self.headroom_bytes.saturating_add(self.bytes.saturating_mul(2));
        Ok(self.disk.room()? >= needed)
    }

    /// Gives the reserve up, since room is short; whether there was one.
    pub(crate) fn give_up_spares(&self) -> bool {
        let spares = std::mem::take(&mut self.known.lock().spares);
        spares.iter().for_each(|number| self.remove(*number));
        !spares.is_empty()
    }

    fn take_spare(&self) -> Option<u64> {
        let mut known = self.known.lock();
        let number = known.spares.pop()?;
        known.coming.insert(number);
        Some(number)
    }

    fn begin(&self, number: u64, bytes: u64, file: Arc<dyn DiskFile>) -> Open {
        let reusable = bytes == self.bytes;
        let weak = Some(Arc::downgrade(&file));
        let segment = Segment { messages: 0, sealed: false, reusable, file: weak };
        let mut known = self.known.lock();
        known.segments.insert(number, segment);
        known.coming.remove(&number);
        Open { number, bytes, file }
    }

    /// A new file; it is coming until it is something else.
    fn create(&self, bytes: u64) -> io::Result<(u64, Arc<dyn DiskFile>)> {
        loop {
            let number = {
                let mut known = self.known.lock();
                let number = known.next;
                known.next += 1;
                known.coming.insert(number);
                number
            };
            let created = self.disk.create(number, bytes);
            if created.is_err() {
                self.known.lock().coming.remove(&number);
            }
            match created {
                Ok(file) => return Ok((number, file)),
                // Another process of ours, which is about to end, has taken the number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes a file ready for the next need, unless there is one or room gets short: filling it with
    /// zeros takes long.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        if !self.known.lock().spares.is_empty() || !self.has_room_for_spares()? {
            return Ok(());
        }
        let (number, _) = self.create(self.bytes)?;
        let mut known = self.known.lock();
        known.spares.push(number);
        known.coming.remove(&number);
        Ok(())
    }

    /// A message is being written to this segment.
    pub(crate) fn pin(self: &Arc<Self>, number: u64) -> Pin {
        if let Some(segment) = self.known.lock().segments.get_mut(&number) {
            segment.messages += 1;
        }
        Pin { segments: self.clone(), segment: number, kept: false }
    }

    /// Nothing more is written to it. Without `trust` its file is never used again.
    pub(crate) fn seal(&self, open: Open, trust: bool) {
        let number = open.number;
        drop(open);
        let mut known = self.known.lock();
        if let Some(segment) = known.segments.get_mut(&number) {
            segment.sealed = true;
            segment.reusable &= trust;
        }
        self.free_if_unused(&mut known, number);
    }

    /// One message of this segment is done. Segments of other processes are none of ours.
    pub(crate) fn let_go(&self, number: u64) {
        let mut known = self.known.lock();
        if let Some(segment) = known.segments.get_mut(&number) {
            segment.messages = segment.messages.saturating_sub(1);
        }
        self.free_if_unused(&mut known, number);
    }

    fn free_if_unused(&self, known: &mut Known, number: u64) {
        let Some(segment) = known.segments.get(&number) else { return };
        if segment.messages > 0 || !segment.sealed {
            return;
        }
        // Somebody may still read it (a person who looks at a message that has just left): then
        // its octets must not change under them, and a deleted file stays readable.
        let unread = segment.open_file().is_none();
        let wanted = known.spares.len() < SPARES_MAX && self.has_room_for_spares().unwrap_or(false);
        let reuse = segment.reusable && unread && wanted;
        known.segments.remove(&number);
        if reuse {
            known.spares.push(number);
        } else {
            self.remove(number);
        }
    }

    fn remove(&self, number: u64) {
        if let Err(error) = self.disk.remove(number) {
            warn!(segment = number, %error, "an unused segment file could not be deleted");
        }
    }

    /// The file of a segment, for reading.
    pub(crate) fn file(&self, number: u64) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(file) = self.known.lock().segments.get(&number).and_then(Segment::open_file) {
            return Ok(file);
        }
        let file = self.disk.open(number)?;
        if let Some(segment) = self.known.lock().segments.get_mut(&number) {
            segment.file = Some(Arc::downgrade(&file));
        }
        Ok(file)
    }

    /// Takes over what earlier processes left: `usage` is what all rows say. Files that no row
    /// names are deleted, the unused ends of the others given back. Our own segment that is being
    /// filled stays as it is.
    pub(crate) fn adopt(&self, usage: &[Usage]) -> io::Result<()> {
        let mut known = self.known.lock();
        let mut used: HashMap<u64, Usage> = usage.iter().map(|u| (u.segment, *u)).collect();
        for number in self.disk.list()? {
            let usage = used.remove(&number);
            known.next = known.next.max(number + 1);
            if known.is_ours(number) {
                continue;
            }
            let Some(usage) = usage else {
                self.remove(number);
                continue;
            };
            match self.disk.open(number) {
                Ok(file) => {
                    if let Err(error) = file.truncate(usage.end) {
                        warn!(segment = number, %error, "unused room could not be given back");
                    }
                }
                Err(error) => error!(segment = number, %error, "a segment cannot be opened"),
            }
            let messages = usage.messages;
            let segment = Segment { messages, sealed: true, reusable: false, file: None };
            known.segments.insert(number, segment);
        }
        for (number, usage) in used {
            known.next = known.next.max(number + 1);
            error!(segment = number, messages = usage.messages, "a segment file is missing");
        }
        Ok(())
    }
}

/// Smaller ones would cost more in making than they save.
const SEGMENT_BYTES_MIN: u64 = 1 << 20;
/// Unused files kept for the next need; they save writing zeros.
const SPARES_MAX: usize = 2;
