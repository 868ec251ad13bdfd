//! The whole relay over loopback: messages a second, CPU a message, latency, beside the floor.
//!
//! `cargo bench --bench loopback [-- MESSAGES [REPETITIONS]]`. Relays are measured in turn within
//! each repetition; the ratio of CPU within a repetition is what holds on a noisy machine.

use std::time::Duration;

use anyhow::{Result, ensure};
use postern_benches::house::{self, House};
use postern_benches::load::{self, Load, Outcome};
use postern_benches::process;
use postern_benches::sink::Sink;
use tokio::time::{Instant, sleep};

const LOADS: [(&str, usize, u64, usize); 4] = [
    ("4k/1/10", 4 << 10, 1, 10),
    ("4k/10/10", 4 << 10, 10, 10),
    ("64k/10/10", 64 << 10, 10, 10),
    ("4k/10/100", 4 << 10, 10, 100),
];

fn main() -> Result<()> {
    let words: Vec<_> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [flag, upstream] = words.as_slice()
        && flag == "--floor"
    {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        return Ok(runtime.block_on(postern_benches::floor::serve(upstream.parse()?))?);
    }
    let number = |i: usize, or: u64| words.get(i).and_then(|w| w.parse().ok()).unwrap_or(or);
    // Load generator and upstream share one thread, as the method in the reference has it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(number(0, 4000), number(1, 3)))
}

async fn measure(messages: u64, repetitions: u64) -> Result<()> {
    let sink = Sink::start().await?;
    println!(
        "| load (size/messages a connection/sessions) | relay | CPU µs/message | times the floor | messages/s | p50 ms | p99 ms | peak RSS MB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (name, bytes, per_connection, sessions) in LOADS {
        let load = Load { bytes, per_connection, sessions, messages };
        let mut rows: Vec<(&str, Vec<Row>)> =
            vec![("floor", vec![]), ("session", vec![]), ("queue", vec![])];
        for _ in 0..repetitions {
            for (relay, found) in &mut rows {
                found.push(one(relay, load, &sink).await?);
            }
        }
        let floor: Vec<f64> = rows
            .iter()
            .find(|r| r.0 == "floor")
            .map_or(vec![], |r| r.1.iter().map(|row| row.cpu).collect());
        for (relay, found) in &rows {
            let ratios = found.iter().zip(&floor).map(|(row, floor)| row.cpu / floor).collect();
            println!(
                "| {name} | {relay} | {:.0} | {:.1} | {:.0} | {:.1} | {:.1} | {} |",
                median(found.iter().map(|r| r.cpu).collect()),
                median(ratios),
                median(found.iter().map(|r| r.rate).collect()),
                median(found.iter().map(|r| r.p50).collect()),
                median(found.iter().map(|r| r.p99).collect()),
                found.iter().map(|r| r.resident).max().unwrap_or_default() / 1024,
            );
        }
    }
    Ok(())
}

struct Row {
    cpu: f64,
    rate: f64,
    p50: f64,
    p99: f64,
    resident: u64,
}

async fn one(relay: &str, load: Load, sink: &Sink) -> Result<Row> {
    let house = match relay {
        "floor" => house::floor(sink.address)?,
        handoff => house::relay(sink.address, handoff).await?,
    };
    send(&house, Load { messages: 300, ..load }, sink).await?;
    let before = process::cpu(house.pid())?;
    let outcome = send(&house, load, sink).await?;
    let cpu = process::cpu(house.pid())? - before;
    let millis = |d: Duration| d.as_secs_f64() * 1e3;
    Ok(Row {
        cpu: cpu.as_secs_f64() * 1e6 / outcome.accepted as f64,
        rate: outcome.rate(),
        p50: millis(outcome.percentile(50)),
        p99: millis(outcome.percentile(99)),
        resident: process::resident(house.pid())?.1,
    })
}

/// Sends, and waits until all of it is at the upstream: no work is left out.
async fn send(house: &House, load: Load, sink: &Sink) -> Result<Outcome> {
    let before = sink.taken();
    let outcome = load::run(house.address, load).await?;
    ensure!(outcome.failed == 0, "{} clients failed", outcome.failed);
    let begun = Instant::now();
    while sink.taken() - before < outcome.accepted {
        ensure!(begun.elapsed() < Duration::from_secs(60), "mail is missing at the upstream");
        sleep(Duration::from_millis(2)).await;
    }
    Ok(outcome)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
