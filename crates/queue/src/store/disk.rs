//! The few operations on segment files, so that tests can put a disk behind them that is full,
//! fails to sync, or loses what was not synced.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// A folder of numbered segment files.
pub(crate) trait Disk: Send + Sync + 'static {
    /// The numbers of all segments there are.
    fn list(&self) -> io::Result<Vec<u64>>;

    /// A new file with `bytes` of room in it. When this returns, file and name outlive a power
    /// cut; on error there is no file. `AlreadyExists` when the number is taken.
    fn create(&self, number: u64, bytes: u64) -> io::Result<Arc<dyn DiskFile>>;

    /// An existing file.
    fn open(&self, number: u64) -> io::Result<Arc<dyn DiskFile>>;

    /// Deletes a file.
    fn remove(&self, number: u64) -> io::Result<()>;

    /// Free octets on the file system.
    fn room(&self) -> io::Result<u64>;
}

/// A segment file.
pub(crate) trait DiskFile: Send + Sync {
    /// Writes all of `octets` at `offset`.
    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()>;

    /// Reads from `offset`; fewer octets than asked for only at the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// When this returns `Ok`, what was written outlives a power cut. After an error nothing that
    /// was written since the last `Ok` may be trusted, now or later: the kernel may have dropped it
    /// and call the next sync a success.
    fn sync(&self) -> io::Result<()>;

    /// Gives back the room from `length` on.
    fn truncate(&self, length: u64) -> io::Result<()>;
}

/// The machine's.
pub(crate) struct RealDisk {
    dir: PathBuf,
}

impl RealDisk {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number:010}{SUFFIX}"))
    }

    fn create_filled(&self, number: u64, bytes: u64) -> io::Result<File> {
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).open(self.path(number))?;
        let filled = fill(&file, bytes).and_then(|()| File::open(&self.dir)?.sync_all());
        if let Err(error) = filled {
            let _ = std::fs::remove_file(self.path(number));
            return Err(error);
        }
        Ok(file)
    }
}

const SUFFIX: &str = ".segment";

/// Takes the room first, so that a full disk shows here and not in the middle of a message. Then
/// writes zeros over it: syncing what is written into extents that were never written costs a
/// commit of the file system's journal each time.
fn fill(file: &File, bytes: u64) -> io::Result<()> {
    rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes)?;
    let zeros = vec![0; ZEROS_OCTETS];
    let mut offset = 0;
    while offset < bytes {
        let n = usize::try_from(bytes - offset).map_or(ZEROS_OCTETS, |n| n.min(ZEROS_OCTETS));
        file.write_all_at(zeros.get(..n).unwrap_or(&zeros), offset)?;
        offset += n as u64;
    }
    file.sync_all()
}

const ZEROS_OCTETS: usize = 1 << 20;

impl Disk for RealDisk {
    fn list(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        Ok(numbers)
    }

    fn create(&self, number: u64, bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(self.create_filled(number, bytes)?))
    }

    fn open(&self, number: u64) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.path(number))?;
        Ok(Arc::new(file))
    }

    fn remove(&self, number: u64) -> io::Result<()> {
        std::fs::remove_file(self.path(number))
    }

    fn room(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.dir)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

impl DiskFile for File {
    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(octets, offset)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match FileExt::read_at(self, rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        if self.metadata()?.len() > length { self.set_len(length) } else { Ok(()) }
    }
}

/// Whether an error says that there is no room, now or for us.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_their_room_from_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(folder.path().to_owned());
        std::fs::write(folder.path().join("notes.txt"), "none of ours").unwrap();
        let file = disk.create(7, 3_000_000).unwrap();
        let taken = disk.create(7, 10).err().map(|error| error.kind());
        assert_eq!(taken, Some(io::ErrorKind::AlreadyExists));
        assert_eq!(disk.list().unwrap(), [7]);
        file.write_at(b"hello", 2_999_995).unwrap();
        file.sync().unwrap();
        let mut buf = [1; 10];
        let again = disk.open(7).unwrap();
        assert_eq!(again.read_at(&mut buf, 2_999_993).unwrap(), 7);
        assert_eq!(buf, *b"\0\0hello\x01\x01\x01");
        again.truncate(2_000_000).unwrap();
        again.truncate(5_000_000).unwrap();
        assert_eq!(file.read_at(&mut buf, 1_999_999).unwrap(), 1, "never grows");
        assert!(disk.room().unwrap() > 0);
        disk.remove(7).unwrap();
        assert!(disk.open(7).is_err() && disk.list().unwrap().is_empty());
    }

    #[test]
    fn a_file_without_its_room_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let disk = RealDisk::new(folder.path().to_owned());
        let error = disk.create(1, 1 << 60).err().unwrap();
        assert!(is_full(&error) || error.kind() == io::ErrorKind::FileTooLarge, "{error}");
        assert!(disk.list().unwrap().is_empty());
    }
}
