//! A message's record in a segment: a header of 32 octets, then the message. Reading back checks
//! all of it.

use std::io;
use std::sync::Arc;

use postern_mail::{Content, MessageId};

use super::disk::DiskFile;
use super::segments::Place;

/// Octets before the message.
pub(crate) const HEADER_OCTETS: u64 = 32;

/// Names what follows and its version.
const MAGIC: &[u8; 4] = b"PSR1";

/// Records start at multiples of this.
const ALIGNMENT: u64 = 8;

/// What a message of `length` octets takes.
pub(crate) fn record_octets(length: u64) -> u64 {
    (HEADER_OCTETS + length).next_multiple_of(ALIGNMENT)
}

/// The check sum before any octet of the message.
pub(crate) fn checksum(id: MessageId, length: u64) -> crc32fast::Hasher {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(id.as_str().as_bytes());
    hasher.update(&length.to_le_bytes());
    hasher
}

/// Magic, check sum, length, id.
pub(crate) fn header(id: MessageId, length: u64, crc: u32) -> [u8; HEADER_OCTETS as usize] {
    let mut header = [0; HEADER_OCTETS as usize];
    let fields =
        [MAGIC.as_slice(), &crc.to_le_bytes(), &length.to_le_bytes(), id.as_str().as_bytes()];
    for (place, octet) in header.iter_mut().zip(fields.into_iter().flatten()) {
        *place = *octet;
    }
    header
}

/// A kept message's octets: the first ones in memory, the rest in its segment.
pub(crate) struct Stored {
    head: Vec<u8>,
    file: Arc<dyn DiskFile>,
    start: u64,
    length: u64,
}

impl Stored {
    /// Reads all of it once and checks it. `InvalidData` says that it is damaged.
    pub(crate) fn load(file: Arc<dyn DiskFile>, id: MessageId, place: Place) -> io::Result<Self> {
        let mut found = [0; HEADER_OCTETS as usize];
        let n = file.read_at(&mut found, place.offset)?;
        if n < found.len() || found != header(id, place.length, place.crc) {
            return Err(damaged("its header is not the one that was written"));
        }
        let start = place.offset + HEADER_OCTETS;
        let mut hasher = checksum(id, place.length);
        let mut head = vec![0; (place.length as usize).min(HEAD_OCTETS_MAX)];
        let mut done = read_full(&*file, &mut head, start)?;
        hasher.update(&head);
        let mut buf = vec![0; (place.length as usize - head.len()).min(CHUNK_OCTETS)];
        while done < place.length {
            let n = (place.length - done).min(buf.len() as u64) as usize;
            let chunk = buf.get_mut(..n).unwrap_or_default();
            done += read_full(&*file, chunk, start + done)?;
            hasher.update(chunk);
        }
        if hasher.finalize() != place.crc {
            return Err(damaged("its check sum is wrong"));
        }
        Ok(Self { head, file, start, length: place.length })
    }
}

fn read_full(file: &dyn DiskFile, buf: &mut [u8], offset: u64) -> io::Result<u64> {
    match file.read_at(buf, offset)? {
        n if n < buf.len() => Err(damaged("its segment file is too short")),
        n => Ok(n as u64),
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Smaller messages lie in memory as a whole while they are handed on.
const HEAD_OCTETS_MAX: usize = 64 * 1024;
const CHUNK_OCTETS: usize = 256 * 1024;

impl Content for Stored {
    fn size(&self) -> u64 {
        self.length
    }

    fn head(&self) -> &[u8] {
        &self.head
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let head = self.head.len() as u64;
        if offset >= self.length {
            return Ok(0);
        }
        if offset < head {
            return self.head.read_at(offset, buf);
        }
        let n = (self.length - offset).min(buf.len() as u64) as usize;
        self.file.read_at(buf.get_mut(..n).unwrap_or_default(), self.start + offset)
    }
}
