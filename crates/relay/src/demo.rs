//! `postern demo`: this same relay on loopback, with an upstream of its own, 50 customers, and one
//! script among them that somebody has taken over.
//!
//! Nothing is staged: the relay is put together as `serve` does it, with the built-in defaults and
//! an empty memory; mail comes and goes by SMTP. What is shown is counted where it happens.

mod client;
mod house;
mod ledger;
mod sink;
mod traffic;
mod view;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use postern_config::Purpose;
use postern_mail::SystemClock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::live::Live;
use crate::serve::Running;
use house::House;
use ledger::Ledger;
use view::View;

/// How long mail is sent.
const SPAN: Duration = Duration::from_secs(30);
/// When the script is taken over, and when its sender gives up.
const BURST: std::ops::Range<Duration> = Duration::from_secs(6)..Duration::from_secs(28);
/// What is under way at the end gets this long to arrive.
const GRACE: Duration = Duration::from_secs(2);

/// Shows the relay at work for 30 seconds; with `keep` it stays afterwards, until Ctrl-C.
pub fn demo(keep: bool) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            biased;
            interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
            done = run(keep) => done,
        }
    })
}

async fn run(keep: bool) -> anyhow::Result<()> {
    let ledger = Arc::new(Ledger::default());
    let house = House::new().context("cannot make a folder for the demo")?;
    let upstream = sink::start(ledger.clone(), house.folder())?;
    let config = house.furnish(upstream.address)?;
    let live = Live::load(&config, Purpose::Serve)?;
    let running = Running::start(live, Arc::new(SystemClock::default())).await?;
    let address = *running.server.addresses().first().context("the relay listens nowhere")?;

    let over = CancellationToken::new();
    let senders = TaskTracker::new();
    for customer in 0..house::CUSTOMERS {
        let shop = traffic::shop(customer, address, ledger.clone());
        senders.spawn(over.clone().run_until_cancelled_owned(shop));
    }
    let burst = traffic::burst(BURST, address, ledger.clone());
    senders.spawn(over.clone().run_until_cancelled_owned(burst));
    senders.close();

    let begun = Instant::now();
    let mut view = View::new(running.relay.clone(), ledger.clone(), begun);
    view.introduce();
    view.follow(begun + SPAN).await;
    over.cancel();
    senders.wait().await;
    view.follow(Instant::now() + GRACE).await;
    view.summarise(&config, keep).await;

    if keep {
        tokio::signal::ctrl_c().await?;
    }
    running.stop().await;
    upstream.stop().await;
    Ok(())
}
