//! `postern replay`: a recorded stream of mail through the same decision code as the live relay, on
//! the trace's own clock. No socket is opened, nothing waits, nothing is looked up.
//!
//! Formats: `docs/replay.md`. The same trace, config and directory give the same octets.

mod drive;
mod intake;
mod output;
#[cfg(test)]
mod tests;
mod trace;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use postern_config::Purpose;

use self::drive::Drive;
use self::trace::{Event, Lines};
use crate::live::Live;

/// Replays a trace and writes its decisions (`-`: to standard output).
pub fn replay(config: &Path, trace: &Path, decisions: &Path) -> anyhow::Result<()> {
    let live = Live::load(config, Purpose::Replay)?;
    let file = File::open(trace).with_context(|| {
        format!("{}: cannot be read; --trace wants a file in JSON Lines", trace.display())
    })?;
    let mut drive = Drive::new(&live, trace.parent().unwrap_or(Path::new(".")));
    let mut lines = Lines::new(BufReader::with_capacity(READ_OCTETS, file));
    loop {
        let place = |number: usize| format!("{}:{number}", trace.display());
        let event = lines.next().with_context(|| place(lines.number()))?;
        let Some((at, event)) = event else {
            anyhow::bail!(
                "{}: ends without an `end` line; the trace is cut off, record it again",
                place(lines.number())
            );
        };
        let ended = matches!(event, Event::End);
        drive.take(at, event).with_context(|| place(lines.number()))?;
        if ended {
            break;
        }
    }
    if decisions == Path::new("-") {
        let out = io::stdout().lock();
        return output::write(&drive, BufWriter::new(out)).context("standard output");
    }
    let file = File::create(decisions).with_context(|| {
        format!("{}: cannot be written; --decisions wants a writable place", decisions.display())
    })?;
    let mut out = BufWriter::new(file);
    output::write(&drive, &mut out).and_then(|()| Ok(out.flush()?))?;
    output::table(&drive, io::stdout().lock()).context("standard output")
}

/// Traces have lines of some kilobytes.
const READ_OCTETS: usize = 256 * 1024;
