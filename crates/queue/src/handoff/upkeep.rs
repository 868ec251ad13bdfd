//! What happens to a server between messages: probes while it is down, kept connections that rest
//! too long. Each is a task that ends by itself, and with its server.

use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::link::Link;
use super::server::Server;

/// Asks a server that is down at growing intervals, so that mail flows again soon after it is back
/// and no message has to be the one that tries.
pub(super) async fn probe_until_up(server: Weak<Server>) {
    loop {
        let Some(wait) = server.upgrade().map(|server| {
            let jitter = server.shared.random.lock().f64();
            server.state.lock().breaker.probe_after(jitter)
        }) else {
            return;
        };
        sleep(wait).await;
        let Some(server) = server.upgrade() else { return };
        if server.is_up() || server.probe(server.shared.epoch.elapsed()).await {
            server.prober_runs.store(false, Ordering::Release);
            // It may have failed again between the two lines above.
            if server.is_up() || server.prober_runs.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    }
}

/// Closes kept connections when they have rested long enough.
pub(super) async fn sweep(server: Weak<Server>, first: Duration) {
    let mut next = Instant::now() + first;
    loop {
        sleep_until(next).await;
        let Some(server) = server.upgrade() else { return };
        let (links, again) = server.sweep();
        drop(server);
        for link in links {
            link.close().await;
        }
        match again {
            Some(at) => next = at,
            None => return,
        }
    }
}

impl Server {
    /// Takes out what has rested too long. The next time to look, or none when nothing is kept.
    fn sweep(&self) -> (Vec<Link>, Option<Instant>) {
        let limit = self.pool.idle_timeout;
        let mut state = self.state.lock();
        // The oldest lie at the bottom.
        let old = state.idle.iter().take_while(|idle| idle.since.elapsed() >= limit).count();
        let links = state.idle.drain(..old).map(|idle| idle.link).collect();
        let next = state.idle.first().map(|idle| idle.since + limit);
        if next.is_none() {
            // Under the lock: whoever keeps the next one sees it and starts another sweeper.
            self.sweeper_runs.store(false, Ordering::Release);
        }
        (links, next)
    }
}
