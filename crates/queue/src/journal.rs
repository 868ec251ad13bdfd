//! The journal: a file a day of JSON lines, written by a thread of its own.
//!
//! Lines gather for a moment and are written together. Appending never waits: where the thread
//! cannot keep up, or the disk is full, lines are dropped and counted. No decision depends on the
//! journal; mail flows without it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use postern_mail::Timestamp;
use serde::Serialize;
use tracing::warn;

/// One line of the journal.
#[derive(Debug, Serialize)]
pub struct JournalEntry<'a, T: Serialize> {
    /// When it happened.
    pub at: Timestamp,
    /// What kind of thing: `answered`, `forwarded`, …
    pub event: &'a str,
    /// Its fields, which stand beside the others.
    #[serde(flatten)]
    pub what: T,
}

/// Where lines go.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    gathered: Mutex<Gathered>,
    /// There is something to write after a while, or at once.
    more: Condvar,
    dropped: AtomicU64,
}

/// Lines that wait for the thread.
#[derive(Debug, Default)]
struct Gathered {
    days: Vec<Day>,
    octets: usize,
    closed: bool,
}

/// Lines of one day's file.
#[derive(Debug)]
struct Day {
    at: Timestamp,
    text: Vec<u8>,
    lines: u64,
}

/// What a new line makes of those that wait.
#[derive(Debug, PartialEq, Eq)]
enum Added {
    /// The thread knows already.
    More,
    /// The thread must hear of it.
    Wake,
    Dropped,
}

impl Gathered {
    fn add(&mut self, at: Timestamp, line: &[u8]) -> Added {
        if self.octets + line.len() > OCTETS_MAX {
            return Added::Dropped;
        }
        let before = self.octets;
        self.octets += line.len();
        match self.days.last_mut() {
            // One that comes late stands in the later day's file.
            Some(day) if day_of(at) <= day_of(day.at) => {
                day.text.extend_from_slice(line);
                day.lines += 1;
            }
            _ => self.days.push(Day { at, text: line.to_vec(), lines: 1 }),
        }
        let full = before < GATHER_OCTETS && self.octets >= GATHER_OCTETS;
        if before == 0 || full { Added::Wake } else { Added::More }
    }
}

impl Journal {
    /// Starts the thread that writes to `dir`; files older than `max_age` are deleted.
    pub(crate) fn start(dir: PathBuf, max_age: Duration) -> io::Result<Self> {
        std::fs::create_dir_all(&dir)?;
        let shared = Arc::new(Shared::default());
        let mut writer = Writer { dir, max_age, shared: shared.clone(), day: None };
        let thread =
            std::thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Appends a line without waiting.
    pub fn append<T: Serialize>(&self, entry: &JournalEntry<'_, T>) {
        let added = match serde_json::to_vec(entry) {
            Ok(mut line) => {
                line.push(b'\n');
                self.shared.gathered.lock().add(entry.at, &line)
            }
            Err(_) => Added::Dropped,
        };
        match added {
            Added::More => {}
            Added::Wake => drop(self.shared.more.notify_one()),
            Added::Dropped => drop(self.shared.dropped.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Lines that were lost since start.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

/// Waits until what was appended is written.
impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.gathered.lock().closed = true;
        self.shared.more.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic in there was printed by then; nothing is left to be told.
            let _ = thread.join();
        }
    }
}

/// What may wait for the thread.
const OCTETS_MAX: usize = 10 << 20;
/// So much is written at once, …
const GATHER_OCTETS: usize = 64 << 10;
/// … and less after this time.
const GATHER_FOR: Duration = Duration::from_millis(100);

struct Writer {
    dir: PathBuf,
    max_age: Duration,
    shared: Arc<Shared>,
    /// Days since 1970 and the file of this day.
    day: Option<(u64, File)>,
}

impl Writer {
    /// Ends when the journal is dropped.
    fn run(&mut self) {
        let shared = self.shared.clone();
        loop {
            let mut gathered = shared.gathered.lock();
            shared.more.wait_while(&mut gathered, |g| g.octets == 0 && !g.closed);
            let few = |g: &mut Gathered| g.octets < GATHER_OCTETS && !g.closed;
            // How it ends does not matter: what there is, is written.
            let _ = shared.more.wait_while_for(&mut gathered, few, GATHER_FOR);
            let days = std::mem::take(&mut gathered.days);
            gathered.octets = 0;
            let closed = gathered.closed;
            drop(gathered);
            days.iter().for_each(|day| self.write(day));
            if closed {
                return;
            }
        }
    }

    /// What cannot be written is dropped.
    fn write(&mut self, day: &Day) {
        if self.day.as_ref().is_none_or(|(open, _)| *open < day_of(day.at)) {
            self.turn_over(day.at);
        }
        let file = self.day.as_mut().map(|(_, file)| file);
        if file.is_none_or(|file| file.write_all(&day.text).is_err()) {
            self.shared.dropped.fetch_add(day.lines, Ordering::Relaxed);
        }
    }

    /// Opens the file of `at`'s day and deletes what is too old.
    fn turn_over(&mut self, at: Timestamp) {
        let path = self.dir.join(format!("{}{SUFFIX}", date(at)));
        self.day = match OpenOptions::new().append(true).create(true).open(&path) {
            Ok(file) => Some((day_of(at), file)),
            Err(error) => {
                warn!(path = %path.display(), %error, "journal not written");
                None
            }
        };
        let oldest = Timestamp::from_millis(
            at.millis().saturating_sub(u64::try_from(self.max_age.as_millis()).unwrap_or(u64::MAX)),
        );
        if let Err(error) = delete_before(&self.dir, &date(oldest)) {
            warn!(dir = %self.dir.display(), %error, "old journal files not deleted");
        }
    }
}

const SUFFIX: &str = ".jsonl";

fn day_of(at: Timestamp) -> u64 {
    at.seconds() / 86_400
}

/// `2026-11-24`, which sorts by time.
fn date(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// Deletes the days before `oldest`; other files are none of ours.
fn delete_before(dir: &Path, oldest: &str) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let day = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        if day.is_some_and(|day| day.len() == oldest.len() && day < oldest) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Said {
        what: &'static str,
    }

    fn entry(at: u64, what: &'static str) -> JournalEntry<'static, Said> {
        JournalEntry { at: Timestamp::from_millis(at), event: "test", what: Said { what } }
    }

    #[test]
    fn a_file_a_day_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("journal");
        let day = 86_400_000;
        let start = 1_795_554_000_000;
        std::fs::create_dir_all(&dir).unwrap();
        for name in ["2026-11-16.jsonl", "2026-11-20.jsonl", "notes.txt"] {
            std::fs::write(dir.join(name), "old\n").unwrap();
        }
        let journal = Journal::start(dir.clone(), Duration::from_secs(7 * 86_400)).unwrap();
        journal.append(&entry(start, "a"));
        journal.append(&entry(start, "b"));
        journal.append(&entry(start + day, "c"));
        journal.append(&entry(start, "late"));
        drop(journal);
        let mut names: Vec<_> = std::fs::read_dir(&dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expect = ["2026-11-20.jsonl", "2026-11-24.jsonl", "2026-11-25.jsonl", "notes.txt"];
        assert_eq!(names, expect);
        let text = std::fs::read_to_string(dir.join("2026-11-24.jsonl")).unwrap();
        let line = |what| format!("{{\"at\":{start},\"event\":\"test\",\"what\":\"{what}\"}}\n");
        assert_eq!(text, line("a") + &line("b"));
        let text = std::fs::read_to_string(dir.join("2026-11-25.jsonl")).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn lines_gather_before_anybody_is_woken() {
        let (mut gathered, at) = (Gathered::default(), Timestamp::from_millis(1));
        let line = [b'x'; 1024];
        let woken: Vec<usize> =
            (1..=1000).filter(|_| gathered.add(at, &line) == Added::Wake).collect();
        assert_eq!(woken, [1, 64], "for the first, and when there is enough");
        let lost = (1000..20_000).filter(|_| gathered.add(at, &line) == Added::Dropped).count();
        assert_eq!(lost, 20_000 - OCTETS_MAX / 1024, "memory has an end");
    }

    #[test]
    fn what_was_appended_is_written_soon() {
        let folder = tempfile::tempdir().unwrap();
        let journal =
            Journal::start(folder.path().to_owned(), Duration::from_secs(86_400)).unwrap();
        let start = 1_795_554_000_000;
        for _ in 0..3 {
            journal.append(&entry(start, "a"));
        }
        let file = folder.path().join("2026-11-24.jsonl");
        // The journal is not dropped before: else the test hangs.
        while std::fs::read_to_string(&file).map_or(0, |text| text.lines().count()) < 3 {
            std::thread::yield_now();
        }
        drop(journal);
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("journal");
        let journal = Journal::start(dir.clone(), Duration::from_secs(86_400)).unwrap();
        std::fs::remove_dir(&dir).unwrap();
        journal.append(&entry(1, "a"));
        let shared = journal.shared.clone();
        drop(journal);
        assert_eq!(shared.dropped.load(Ordering::Relaxed), 1);
    }
}
