//! A message's octets, wherever they lie: in memory, in a spill file, in the store.
//!
//! Readers see one octet string; who holds it decides where. Nothing is ever rewritten: what
//! leaves is made of [`Pieces`] of what came, with our own fields on top.

use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Octets that can be read more than once, from any place. Reading may touch the page cache, never
/// the network.
pub trait Content: Send + Sync {
    /// Length in octets.
    fn size(&self) -> u64;

    /// The first octets, as many as are kept in memory; all of them for a small message.
    fn head(&self) -> &[u8];

    /// Fills `buf` from `offset` on; fewer octets than asked for only at the end.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;
}

impl Content for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn head(&self) -> &[u8] {
        self
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let from = self.get(offset as usize..).unwrap_or_default();
        let n = from.len().min(buf.len());
        buf[..n].copy_from_slice(&from[..n]);
        Ok(n)
    }
}

/// What leaves: new fields on top, then the ranges of the original that stay.
pub struct Pieces {
    /// The new fields, and, when `whole`, everything.
    top: Vec<u8>,
    rest: Vec<Range<u64>>,
    original: Arc<dyn Content>,
    size: u64,
}

impl Pieces {
    /// `top` before `original` without the ranges in `cut` (ascending, not overlapping).
    /// A message that lies in memory is joined at once, so that it leaves in one write.
    pub fn new(mut top: Vec<u8>, original: Arc<dyn Content>, cut: &[Range<u64>]) -> Self {
        let mut rest = Vec::with_capacity(cut.len() + 1);
        let mut from = 0;
        for gap in cut.iter().chain([&(original.size()..original.size())]) {
            if gap.start > from {
                rest.push(from..gap.start);
            }
            from = gap.end;
        }
        let size = top.len() as u64 + rest.iter().map(|r| r.end - r.start).sum::<u64>();
        let head = original.head();
        if head.len() as u64 == original.size() {
            top.reserve_exact(size as usize - top.len());
            for range in rest.drain(..) {
                top.extend_from_slice(&head[range.start as usize..range.end as usize]);
            }
        }
        Self { top, rest, original, size }
    }
}

impl Content for Pieces {
    fn size(&self) -> u64 {
        self.size
    }

    fn head(&self) -> &[u8] {
        &self.top
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = self.top.read_at(offset, buf)?;
        let mut start = self.top.len() as u64;
        for range in &self.rest {
            let length = range.end - range.start;
            let place = offset + filled as u64;
            if filled < buf.len() && place >= start && place < start + length {
                let want = ((start + length - place) as usize).min(buf.len() - filled);
                let from = range.start + (place - start);
                let n = self.original.read_at(from, &mut buf[filled..filled + want])?;
                filled += n;
                if n < want {
                    return Ok(filled);
                }
            }
            start += length;
        }
        Ok(filled)
    }
}

/// All octets in one piece, for small messages, studies and tests.
pub fn read_all(content: &dyn Content) -> io::Result<Vec<u8>> {
    let mut all = vec![0; content.size() as usize];
    let mut filled = 0;
    while filled < all.len() {
        match content.read_at(filled as u64, &mut all[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => filled += n,
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Like a spilled message: only the first three octets lie in memory.
    struct Spilled(Vec<u8>);

    impl Content for Spilled {
        fn size(&self) -> u64 {
            self.0.size()
        }
        fn head(&self) -> &[u8] {
            &self.0[..3]
        }
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
            self.0.read_at(offset, buf)
        }
    }

    #[test]
    fn pieces_read_the_same_from_memory_and_spilled() {
        let original = b"0123456789".to_vec();
        let rows: &[(&[(u64, u64)], &str)] = &[
            (&[], "top:0123456789"),
            (&[(0, 2)], "top:23456789"),
            (&[(1, 3), (5, 6), (9, 10)], "top:034678"),
            (&[(0, 10)], "top:"),
        ];
        for (cut, expect) in rows {
            let cut: &Vec<_> = &cut.iter().map(|(from, to)| *from..*to).collect();
            let in_memory = Pieces::new(b"top:".to_vec(), Arc::new(original.clone()), cut);
            let spilled = Pieces::new(b"top:".to_vec(), Arc::new(Spilled(original.clone())), cut);
            for pieces in [&in_memory, &spilled] {
                assert_eq!(read_all(pieces).unwrap(), expect.as_bytes());
                for from in 0..expect.len() {
                    let mut buf = [0; 4];
                    let n = pieces.read_at(from as u64, &mut buf).unwrap();
                    assert_eq!(&buf[..n], &expect.as_bytes()[from..expect.len().min(from + 4)]);
                }
            }
        }
    }
}
