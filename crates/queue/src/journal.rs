//! The journal: a file a day of JSON lines, written by a thread of its own.
//!
//! Appending never waits: where the thread cannot keep up, or the disk is full, lines are dropped
//! and counted. No decision depends on the journal; mail flows without it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use postern_mail::Timestamp;
use serde::Serialize;
use tracing::warn;

/// One line of the journal.
#[derive(Debug, Serialize)]
pub struct JournalEntry<'a, T: Serialize> {
    /// When it happened.
    pub at: Timestamp,
    /// What kind of thing: `decision`, `outcome`, `act`, …
    pub event: &'a str,
    /// Its fields, which stand beside the others.
    #[serde(flatten)]
    pub what: T,
}

/// Where lines go.
#[derive(Debug)]
pub struct Journal {
    /// `None` while it is being dropped.
    lines: Option<SyncSender<Line>>,
    dropped: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Line {
    at: Timestamp,
    text: Vec<u8>,
}

impl Journal {
    /// Starts the thread that writes to `dir`; files older than `max_age` are deleted.
    pub(crate) fn start(dir: PathBuf, max_age: Duration) -> io::Result<Self> {
        std::fs::create_dir_all(&dir)?;
        let (lines, receiver) = sync_channel(LINES_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut writer =
            Writer { dir, max_age, dropped: dropped.clone(), day: None, buffer: Vec::new() };
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(&receiver))?;
        Ok(Self { lines: Some(lines), dropped, thread: Some(thread) })
    }

    /// Appends a line without waiting.
    pub fn append<T: Serialize>(&self, entry: &JournalEntry<'_, T>) {
        let Ok(mut text) = serde_json::to_vec(entry) else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        text.push(b'\n');
        let line = Line { at: entry.at, text };
        if self.lines.as_ref().is_none_or(|lines| lines.try_send(line).is_err()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines that were lost since start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Waits until what was appended is written.
impl Drop for Journal {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            // A panic in there was printed by then; nothing is left to be told.
            let _ = thread.join();
        }
    }
}

/// Lines that may wait for the thread: about 10 MB.
const LINES_MAX: usize = 10_000;
/// So much is written at once.
const BUFFER_OCTETS: usize = 256 * 1024;

struct Writer {
    dir: PathBuf,
    max_age: Duration,
    dropped: Arc<AtomicU64>,
    /// Days since 1970 and the file of this day.
    day: Option<(u64, File)>,
    buffer: Vec<u8>,
}

impl Writer {
    /// Ends when the journal is dropped.
    fn run(&mut self, lines: &Receiver<Line>) {
        while let Ok(line) = lines.recv() {
            let mut count = 0;
            let mut next = Some(line);
            while let Some(line) = next {
                if self.day.as_ref().is_none_or(|(day, _)| *day != day_of(line.at)) {
                    self.flush(&mut count);
                    self.turn_over(line.at);
                }
                self.buffer.extend_from_slice(&line.text);
                count += 1;
                if self.buffer.len() >= BUFFER_OCTETS {
                    self.flush(&mut count);
                }
                next = lines.try_recv().ok();
            }
            self.flush(&mut count);
        }
    }

    /// Writes what has gathered, `count` lines; what cannot be written is dropped.
    fn flush(&mut self, count: &mut u64) {
        let written = match &mut self.day {
            Some((_, file)) => file.write_all(&self.buffer).is_ok(),
            None => *count == 0,
        };
        if !written {
            self.dropped.fetch_add(*count, Ordering::Relaxed);
        }
        self.buffer.clear();
        *count = 0;
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
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("journal");
        let journal = Journal::start(dir.clone(), Duration::from_secs(86_400)).unwrap();
        std::fs::remove_dir(&dir).unwrap();
        journal.append(&entry(1, "a"));
        let dropped = journal.dropped.clone();
        drop(journal);
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }
}
