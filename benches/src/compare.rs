//! The comparison: every relay, in shuffled order within each repetition, under every load.
//!
//! Ratios are taken within a repetition; of them and of all figures the median and the range are
//! printed. Absolute figures differ from machine to machine and from hour to hour, ratios hold.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use crate::house::{House, Kind, wait_for_all};
use crate::load::{Load, Sent, Until, send};
use crate::statistics::Spread;
use crate::{process, sink};

/// What is compared.
#[derive(Debug, Clone, clap::Args)]
pub struct Plan {
    /// The relay's binary.
    #[arg(long, default_value = "target/release/postern")]
    postern: PathBuf,
    /// Which relays.
    #[arg(long, value_delimiter = ',', default_value = "pass,group,session,queue")]
    relays: Vec<Kind>,
    /// Loads: size/messages a connection/parallel sessions.
    #[arg(long, value_delimiter = ',', default_value = "4k/1/10,4k/10/10,64k/10/10,4k/10/100")]
    loads: Vec<String>,
    /// How long each relay is under each load.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How often.
    #[arg(long, default_value_t = 3)]
    repetitions: usize,
    /// Postern's mode. In `observe` everything is judged and written down, and nothing is held: 200
    /// customers at full speed are what it would rightly hold.
    #[arg(long, default_value = "observe")]
    mode: String,
    /// The script that starts Postfix.
    #[arg(long, default_value = "benches/peers/postfix.sh")]
    postfix: PathBuf,
    /// Folder for queues and logs, on a disk and not in memory; deleted at the end.
    #[arg(long, default_value = "target")]
    folder: PathBuf,
    /// Keep the folder.
    #[arg(long)]
    keep: bool,
}

/// One relay under one load in one repetition.
struct Run {
    kind: Kind,
    load: usize,
    repetition: usize,
    sent: Sent,
    /// Accepted messages that the sink did not get.
    missing: u64,
    cpu_micros: f64,
    pss_mb: f64,
}

/// Runs the plan and prints its tables.
pub async fn run(plan: &Plan) -> anyhow::Result<()> {
    let loads =
        plan.loads.iter().map(|text| Load::parse(text)).collect::<anyhow::Result<Vec<_>>>()?;
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(&plan.folder)?;
    let path = folder.path().canonicalize()?;
    let house = House {
        postern: plan.postern.clone(),
        postfix: plan.postfix.clone(),
        mode: plan.mode.clone(),
        folder: path.clone(),
    };
    println!("{}", process::machine());
    let sink = house.sink().await?;
    let mut runs = Vec::new();
    for repetition in 0..plan.repetitions {
        for (n, load) in loads.iter().enumerate() {
            let mut relays = plan.relays.clone();
            fastrand::shuffle(&mut relays);
            for kind in relays {
                let until = Until::Elapsed(Duration::from_secs(plan.seconds));
                let run = one(&house, kind, (n, *load), until, sink.address, repetition);
                let run = run.await.with_context(|| kind.name())?;
                eprintln!(
                    "{} {}: {:.0} µs, {:.0}/s",
                    plan.loads[n],
                    kind.name(),
                    run.cpu_micros,
                    run.sent.rate()
                );
                runs.push(run);
            }
        }
    }
    print_tables(plan, &runs);
    if plan.keep {
        println!("\nqueues and logs: {}", folder.keep().display());
    }
    Ok(())
}

async fn one(
    house: &House,
    kind: Kind,
    (n, load): (usize, Load),
    until: Until,
    sink: SocketAddr,
    repetition: usize,
) -> anyhow::Result<Run> {
    let relay = house.start(kind, sink).await?;
    let before = sink::count(sink).await?;
    let warm = send(relay.address, load, Until::Messages(WARM_UP)).await?;
    wait_for_all(sink, before, warm.accepted).await?;

    let before = sink::count(sink).await?;
    let cpu_before = process::cpu_time(relay.pid)?;
    let sent = send(relay.address, load, until).await?;
    let arrived = wait_for_all(sink, before, sent.accepted).await?;
    let cpu = process::cpu_time(relay.pid)?.saturating_sub(cpu_before);
    Ok(Run {
        kind,
        load: n,
        repetition,
        sent,
        missing: sent.accepted.saturating_sub(arrived),
        cpu_micros: cpu.as_secs_f64() * 1e6 / sent.accepted.max(1) as f64,
        pss_mb: process::pss_kb(relay.pid)? as f64 / 1024.0,
    })
}

/// Connections, pools, caches and the allocator are warm after so many messages.
const WARM_UP: u64 = 300;

fn print_tables(plan: &Plan, runs: &[Run]) {
    println!(
        "\n| load | relay | CPU µs a message | times its floor | messages/s | of its floor's | p50 ms | p99 ms | PSS MB | not accepted | missing |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for (n, load) in plan.loads.iter().enumerate() {
        for kind in &plan.relays {
            let of: Vec<_> = runs.iter().filter(|r| r.load == n && r.kind == *kind).collect();
            let spread =
                |value: fn(&Run) -> f64| Spread::of(of.iter().map(|run| value(run)).collect());
            let ratio = |value: fn(&Run) -> f64| {
                let floor = |run: &Run| {
                    let same = |r: &&Run| r.load == n && r.repetition == run.repetition;
                    let mut peers = runs.iter().filter(same);
                    peers.find(|r| Some(r.kind) == kind.floor()).map(value)
                };
                let ratios: Vec<_> =
                    of.iter().filter_map(|run| Some(value(run) / floor(run)?)).collect();
                if ratios.is_empty() { "–".to_owned() } else { Spread::of(ratios).to_string() }
            };
            println!(
                "| {load} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                kind.name(),
                spread(|r| r.cpu_micros),
                ratio(|r| r.cpu_micros),
                spread(|r| r.sent.rate()),
                ratio(|r| r.sent.rate()),
                spread(|r| r.sent.p50_micros as f64 / 1000.0),
                spread(|r| r.sent.p99_micros as f64 / 1000.0),
                spread(|r| r.pss_mb),
                of.iter().map(|r| r.sent.refused).sum::<u64>(),
                of.iter().map(|r| r.missing).sum::<u64>(),
            );
        }
    }
}
