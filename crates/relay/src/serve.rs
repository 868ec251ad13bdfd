//! Putting the parts together, and ending them in order.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use postern_config::{Config, Purpose};
use postern_mail::{Clock, IdSource, SystemClock};
use postern_queue::{Handoff, Queue};
use postern_scoring::Engine;
use postern_smtp::Server;
use rustix::fs::Mode;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, RwLock, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::counters::Counters;
use crate::gate::FrontDoor;
use crate::guesses::Guesses;
use crate::live::Live;
use crate::notices::FromQueue;
use crate::passwords::Verifier;
use crate::relay::Relay;
use crate::{acts, admin, snapshot, telemetry};

/// `postern serve`: until SIGTERM or SIGINT.
pub fn serve(config: &Path) -> anyhow::Result<()> {
    let live = Live::load(config, Purpose::Serve)?;
    // Stored mail is nobody else's to read.
    rustix::process::umask(Mode::from_raw_mode(0o077));
    let _logs = telemetry::start(&live.config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let running = Running::start(live, Arc::new(SystemClock::default())).await?;
        running.until_signalled(config).await
    })
}

/// A relay at work.
pub struct Running {
    /// Its parts.
    pub relay: Arc<Relay>,
    /// Its front end.
    pub(crate) server: Server<FrontDoor>,
    front: JoinHandle<()>,
    /// Admin socket, timers, snapshots, queue: none of them ends by itself.
    behind: JoinSet<()>,
    acting: JoinHandle<()>,
    /// One each, in the order in which they are stopped.
    stops: [CancellationToken; 3],
}

impl Running {
    /// Opens, binds and starts everything, or nothing.
    pub async fn start(live: Live, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let config = &live.config;
        let queue = Queue::open(config.queue.clone(), clock.clone(), fastrand::u64(..))?;
        let handoff = Handoff::new(config.pools.clone(), clock.clone(), fastrand::u64(..))?;
        let key = snapshot::engine_key(&config.data_dir)?;
        let scoring = Arc::new(config.scoring.clone());
        let mut engine = Engine::new(scoring, live.directory.clone(), key);
        let snapshot = config.data_dir.join("engine.snapshot");
        snapshot::restore(&mut engine, &snapshot, clock.now());
        let (smtp, drain) = (config.smtp.clone(), config.drain);
        let socket = config.admin.socket.clone();

        let (acts, wanted) = mpsc::channel(acts::WAITING_MAX);
        let mut secret = [0; 32];
        secret.fill_with(|| fastrand::u8(..));
        let relay = Arc::new(Relay {
            live: ArcSwap::from_pointee(live),
            engine: Mutex::new(engine),
            queue,
            handoff,
            clock,
            ids: IdSource::new(fastrand::u64(..)),
            counters: Counters::default(),
            key,
            verifier: Verifier::new(&secret),
            guesses: Guesses::default(),
            late: TaskTracker::new(),
            acts,
            keeping: RwLock::new(()),
            sooner: Notify::new(),
            upstreams_up: true.into(),
            snapshot: Mutex::new(snapshot),
        });
        let server = Server::bind(smtp, Arc::new(FrontDoor(relay.clone())))?;
        let admin = admin::bind(&socket)?;

        let no_more_sessions = CancellationToken::new();
        let no_more_work = CancellationToken::new();
        let no_more_acts = CancellationToken::new();
        let notices = Arc::new(FromQueue(Arc::downgrade(&relay)));
        let (queue, handoff) = (relay.queue.clone(), relay.handoff.clone());
        let stop = no_more_work.clone();
        let mut behind = JoinSet::new();
        behind.spawn(admin::run(admin, relay.clone(), stop.clone()));
        behind.spawn(acts::tick(relay.clone(), stop.clone()));
        behind.spawn(snapshot::save_now_and_then(relay.clone(), stop.clone()));
        behind.spawn(async move { queue.run(handoff, notices, stop).await });
        let acting = tokio::spawn(acts::carry_out(relay.clone(), wanted, no_more_acts.clone()));
        let front = tokio::spawn({
            let (server, stop) = (server.clone(), no_more_sessions.clone());
            async move { server.run(stop, drain).await }
        });
        if relay.queue.is_standby() {
            warn!(
                event = "standby",
                "another relay runs on this data_dir: both accept mail, and this one takes the \
                 queue over when the other one ends"
            );
        }
        for address in server.addresses() {
            info!(event = "listening", %address);
        }
        let stops = [no_more_sessions, no_more_work, no_more_acts];
        Ok(Self { relay, server, front, behind, acting, stops })
    }

    /// Serves until SIGTERM or SIGINT; SIGHUP reloads.
    async fn until_signalled(mut self, config: &Path) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        // Says nothing where no service manager waits for it.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        let broken = loop {
            tokio::select! {
                biased;
                _ = terminate.recv() => break None,
                _ = interrupt.recv() => break None,
                _ = hangup.recv() => self.reload(config),
                ended = self.behind.join_next() => break Some(ended),
                ended = &mut self.acting => break Some(Some(ended)),
            }
        };
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        info!(event = "stopping", "no new sessions; running ones end");
        self.stop().await;
        match broken {
            // The service manager starts it again; half a relay would go on for ever.
            Some(ended) => bail!("a part of the relay has ended by itself: {ended:?}"),
            None => Ok(()),
        }
    }

    /// No new sessions, running ones end, then the queue, what the engine still wants done, and
    /// last the engine's memory.
    pub async fn stop(mut self) {
        let [no_more_sessions, no_more_work, no_more_acts] = &self.stops;
        let deadline = Instant::now() + self.relay.live.load().config.drain;
        no_more_sessions.cancel();
        if let Err(error) = self.front.await {
            error!(%error, "the front end ended badly");
        }
        self.relay.late.close();
        if tokio::time::timeout_at(deadline, self.relay.late.wait()).await.is_err() {
            warn!("handoffs still running are given up: they are tried again after the next start");
        }
        no_more_work.cancel();
        while let Some(ended) = self.behind.join_next().await {
            if let Err(error) = ended {
                error!(%error, "a part of the relay ended badly");
            }
        }
        no_more_acts.cancel();
        if !self.acting.is_finished()
            && let Err(error) = self.acting.await
        {
            error!(%error, "the engine's acts ended badly");
        }
        snapshot::save(&self.relay);
        info!(event = "stopped");
    }

    /// Reads config and files again; what is broken stays as it was.
    pub fn reload(&self, config: &Path) {
        let live = match Live::load(config, Purpose::Serve) {
            Ok(live) => live,
            Err(errors) => {
                return error!(event = "not-reloaded", "{errors:#}; the last good one stays");
            }
        };
        let relay = &self.relay;
        if let Err(error) = relay.handoff.reload(live.config.pools.clone()) {
            return error!(event = "not-reloaded", %error, "the last good one stays");
        }
        if let Err(error) = self.server.reload(live.config.smtp.clone()) {
            // These were good a moment ago.
            let _ = relay.handoff.reload(relay.live.load().config.pools.clone());
            return error!(event = "not-reloaded", %error, "the last good one stays");
        }
        relay.queue.reload(live.config.queue.clone());
        let later = only_after_restart(&relay.live.load().config, &live.config);
        if !later.is_empty() {
            warn!(event = "restart-needed", keys = ?later, "changed, but in force after a restart");
        }
        let scoring = Arc::new(live.config.scoring.clone());
        relay.engine.lock().reload(scoring, live.directory.clone());
        let version = live.config.version.clone();
        relay.live.store(Arc::new(live));
        info!(event = "reloaded", config = %version);
    }
}

/// Changed keys that a reload does not reach.
fn only_after_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let changed = [
        ("data_dir", old.data_dir != new.data_dir),
        ("drain", old.drain != new.drain),
        ("[admin]", old.admin != new.admin),
        ("[log]", old.log != new.log),
        ("[journal]", old.queue.journal_max_age != new.queue.journal_max_age),
    ];
    changed.into_iter().filter(|(_, is)| *is).map(|(key, _)| key).collect()
}
