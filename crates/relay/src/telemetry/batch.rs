//! Log lines gathered for a moment and written together: under load one call to the system for
//! hundreds of lines, not one each. Warnings and errors are written at once.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// A writer that gathers. A clone is another handle to the same one.
pub(super) struct Batch<W> {
    shared: Arc<Shared<W>>,
}

struct Shared<W> {
    gathered: Mutex<Gathered<W>>,
    /// Something was gathered where nothing was.
    some: Condvar,
}

struct Gathered<W> {
    lines: Vec<u8>,
    out: W,
}

impl<W> Clone for Batch<W> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<W: Write + Send + 'static> Batch<W> {
    /// Starts the thread that writes to `out`.
    pub(super) fn start(out: W) -> io::Result<Self> {
        let gathered = Mutex::new(Gathered { lines: Vec::new(), out });
        let shared = Arc::new(Shared { gathered, some: Condvar::new() });
        let batch = Self { shared: shared.clone() };
        std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            loop {
                let mut gathered = shared.gathered.lock();
                while gathered.lines.is_empty() {
                    shared.some.wait(&mut gathered);
                }
                shared.some.wait_for(&mut gathered, MOMENT);
                gathered.write_out();
            }
        })?;
        Ok(batch)
    }

    /// Writes what has gathered.
    pub(super) fn flush(&self) {
        self.shared.gathered.lock().write_out();
    }
}

impl<W: Write> Gathered<W> {
    fn write_out(&mut self) {
        // A log that cannot be written has nobody left to be told.
        let _ = self.out.write_all(&self.lines).and_then(|()| self.out.flush());
        self.lines.clear();
        self.lines.shrink_to(OCTETS_MAX);
    }
}

/// One line's way in.
pub(super) struct Line<W> {
    shared: Arc<Shared<W>>,
    urgent: bool,
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut gathered = self.shared.gathered.lock();
        let first = gathered.lines.is_empty();
        gathered.lines.extend_from_slice(octets);
        if self.urgent || gathered.lines.len() >= OCTETS_MAX {
            gathered.write_out();
        } else if first {
            self.shared.some.notify_one();
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for Batch<W> {
    type Writer = Line<W>;

    fn make_writer(&'a self) -> Line<W> {
        Line { shared: self.shared.clone(), urgent: true }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Line<W> {
        Line { shared: self.shared.clone(), urgent: *about.level() <= Level::WARN }
    }
}

/// What a crash of the process may cost of the log, and what a person who watches does not notice.
const MOMENT: Duration = Duration::from_millis(20);
const OCTETS_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct Sent(mpsc::Sender<Vec<u8>>);

    impl Write for Sent {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.send(octets.to_vec()).map_err(io::Error::other)?;
            Ok(octets.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_leave_in_order_and_urgent_ones_at_once() {
        let (sender, written) = mpsc::channel();
        let batch = Batch::start(Sent(sender)).unwrap();
        let line = |urgent| Line { shared: batch.shared.clone(), urgent };
        line(false).write_all(b"a\n").unwrap();
        line(true).write_all(b"b\n").unwrap();
        line(false).write_all(b"c\n").unwrap();
        batch.flush();
        line(false).write_all(b"d\n").unwrap();
        let mut all = Vec::new();
        while all != b"a\nb\nc\nd\n" {
            all.extend(written.recv().unwrap());
        }
    }
}
