//! What the kernel says of a process.

use std::time::Duration;

use anyhow::{Context, Result};

/// User and system time so far, to 10 ms.
pub fn cpu(pid: u32) -> Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may hold blanks; utime and stime are fields 14 and 15.
    let rest = text.rsplit_once(')').context("no name in stat")?.1;
    let fields: Vec<_> = rest.split_whitespace().collect();
    let ticks = |i: usize| -> Result<u64> { Ok(fields.get(i).context("stat is short")?.parse()?) };
    // USER_HZ is 100 on all that Linux runs on today.
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

/// Resident size in kilobytes: now, and the largest so far.
pub fn resident(pid: u32) -> Result<(u64, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| -> Result<u64> {
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)).context("no such field")?;
        Ok(line.split_whitespace().next().context("field is empty")?.parse()?)
    };
    Ok((field("VmRSS:")?, field("VmHWM:")?))
}
