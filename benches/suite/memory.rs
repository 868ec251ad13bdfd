//! Resident size of the relay with 10,000 idle connections, and with 50 messages of 20 MB at once.
//!
//! `cargo bench --bench memory [-- CONNECTIONS]`. Needs as many file descriptors (`ulimit -n`).

use std::time::Duration;

use anyhow::{Context, Result};
use postern_benches::load::{self, Load};
use postern_benches::sink::Sink;
use postern_benches::{house, process};
use tokio::time::sleep;

fn main() -> Result<()> {
    let words = std::env::args().skip(1).filter(|word| word != "--bench");
    let connections = words.filter_map(|word| word.parse().ok()).next().unwrap_or(10_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        idle(connections).await?;
        large().await
    })
}

async fn idle(connections: u64) -> Result<()> {
    let sink = Sink::start().await?;
    let relay = house::relay(sink.address, "session").await?;
    let before = process::resident(relay.pid())?.0;
    let mut open = Vec::new();
    for n in 0..connections {
        let session = load::idle(relay.address, n).await;
        open.push(session.with_context(|| format!("connection {n} (ulimit -n?)"))?);
    }
    sleep(Duration::from_secs(1)).await;
    let after = process::resident(relay.pid())?.0;
    println!(
        "{connections} idle connections: {} MB resident, {} MB before, {:.1} KB each",
        after / 1024,
        before / 1024,
        (after - before) as f64 / connections as f64
    );
    // The relay still answers.
    let few = Load { bytes: 4096, per_connection: 1, sessions: 1, messages: 50 };
    let outcome = load::run(relay.address, few).await?;
    println!(
        "  a message beside them: p50 {:?}, p99 {:?}",
        outcome.percentile(50),
        outcome.percentile(99)
    );
    Ok(())
}

async fn large() -> Result<()> {
    let sink = Sink::start().await?;
    for handoff in ["session", "queue"] {
        let relay = house::relay(sink.address, handoff).await?;
        let before = process::resident(relay.pid())?.0;
        let load = Load { bytes: 20_000_000, per_connection: 1, sessions: 50, messages: 50 };
        let outcome = load::run(relay.address, load).await?;
        let (_, peak) = process::resident(relay.pid())?;
        println!(
            "{} messages of 20 MB at once, handoff {handoff}: peak {} MB resident, {} MB before, {:.1} s",
            outcome.accepted,
            peak / 1024,
            before / 1024,
            outcome.took.as_secs_f64()
        );
    }
    Ok(())
}
