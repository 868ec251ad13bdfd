//! What a process and its children have used: CPU time and memory, from `/proc`.

use std::time::Duration;

use anyhow::Context;

/// User and system time of a process, of its living descendants, and of all children they have
/// waited for. A tick is 10 ms, so a run must be long enough for that not to matter.
pub fn cpu_time(root: u32) -> anyhow::Result<Duration> {
    let all = all_stats()?;
    let ticks: u64 = family(root, &all).iter().map(|stat| stat.ticks).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// Proportional share of memory of a process and its descendants, in KB.
pub fn pss_kb(root: u32) -> anyhow::Result<u64> {
    let all = all_stats()?;
    let share = |stat: &&Stat| field_kb(&format!("/proc/{}/smaps_rollup", stat.pid), "Pss:").ok();
    Ok(family(root, &all).iter().filter_map(share).sum())
}

/// Resident memory of one process now, in KB.
pub fn resident_kb(pid: u32) -> anyhow::Result<u64> {
    field_kb(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// The most that was resident since [`forget_peak`], in KB.
pub fn resident_peak_kb(pid: u32) -> anyhow::Result<u64> {
    field_kb(&format!("/proc/{pid}/status"), "VmHWM:")
}

/// Starts [`resident_peak_kb`] over (proc(5), `clear_refs`, 5).
pub fn forget_peak(pid: u32) -> anyhow::Result<()> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").context("clear_refs")
}

/// Processor, kernel, and what the machine was busy with.
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let mut names = cpus.lines().filter_map(|line| line.strip_prefix("model name\t: "));
    let name = names.next().unwrap_or("unknown processor").to_owned();
    let (kernel, load) = (read("/proc/sys/kernel/osrelease"), read("/proc/loadavg"));
    let load: Vec<_> = load.split(' ').take(2).collect();
    format!("{} × {name}, Linux {}, load {}", names.count() + 1, kernel.trim(), load.join(" "))
}

struct Stat {
    pid: u32,
    parent: u32,
    ticks: u64,
}

fn all_stats() -> anyhow::Result<Vec<Stat>> {
    let entries = std::fs::read_dir("/proc")?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.filter_map(stat).collect())
}

/// Fields by proc(5): 4 is the parent, 14 to 17 are own and waited-for user and system ticks. The
/// second one is a name in brackets that may hold blanks.
fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<_> = text.rsplit_once(") ")?.1.split(' ').collect();
    let number = |n: usize| fields.get(n - 3)?.parse::<u64>().ok();
    let ticks = [14, 15, 16, 17].into_iter().map(number).sum::<Option<u64>>()?;
    Some(Stat { pid, parent: number(4)? as u32, ticks })
}

fn family(root: u32, all: &[Stat]) -> Vec<&Stat> {
    let mut found: Vec<&Stat> = all.iter().filter(|stat| stat.pid == root).collect();
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|stat| stat.pid) {
        found.extend(all.iter().filter(|stat| stat.parent == parent));
        next += 1;
    }
    found
}

fn field_kb(path: &str, field: &str) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let figure = line.and_then(|rest| rest.split_whitespace().next());
    figure.with_context(|| format!("{path} has no {field}"))?.parse().context("a figure")
}
