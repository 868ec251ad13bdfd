//! The demo's upstream: the product's own front end before a gate that takes everything.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use postern_mail::{Content, Envelope, NetworkMap, Recipient, Reply};
use postern_smtp::{
    Connection, Gate, Limits, Listener, Secured, Server, Settings, TlsMode, Xclient,
};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ledger::{self, Ledger};

/// A running upstream.
pub(super) struct Sink {
    /// Where it listens.
    pub(super) address: SocketAddr,
    over: CancellationToken,
    task: JoinHandle<()>,
}

impl Sink {
    /// Ends it. What it could not end cleanly goes with the process.
    pub(super) async fn stop(self) {
        self.over.cancel();
        let _ = self.task.await;
    }
}

/// Starts one on a free port.
pub(super) fn start(ledger: Arc<Ledger>, spill_dir: &Path) -> anyhow::Result<Sink> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let settings = Settings {
        hostname: "upstream.demo.example".to_owned(),
        listeners: vec![Listener::new(address, TlsMode::Off)],
        tls: None,
        auth: false,
        xclient: NetworkMap::default(),
        limits: Limits::default(),
        spill_dir: spill_dir.to_path_buf(),
    };
    let server = Server::bind(settings, Arc::new(TakesAll(ledger)))?;
    let address = *server.addresses().first().context("the upstream listens nowhere")?;
    let over = CancellationToken::new();
    let stop = over.clone();
    let task = tokio::spawn(async move { server.run(stop, Duration::ZERO).await });
    Ok(Sink { address, over, task })
}

struct TakesAll(Arc<Ledger>);

impl Gate for TakesAll {
    type Session = ();

    fn connect(&self, _: &Connection) -> Result<(), Reply> {
        Ok(())
    }

    fn hello(&self, (): &mut (), _: &str, _: bool) {}

    fn secured(&self, (): &mut (), _: &Secured) {}

    async fn auth(&self, (): &mut (), _: &str, _: &str) -> Result<(), Reply> {
        Err(Reply::new(535, 7, 8, "No logins here"))
    }

    fn xclient(&self, (): &mut (), _: &Xclient) -> Result<(), Reply> {
        Err(Reply::new(550, 7, 1, "No XCLIENT here"))
    }

    async fn mail(&self, (): &mut (), _: &Envelope) -> Result<(), Reply> {
        Ok(())
    }

    async fn rcpt(&self, (): &mut (), _: &Envelope, _: &Recipient) -> Result<(), Reply> {
        Ok(())
    }

    async fn message(&self, (): &mut (), _: Envelope, content: Arc<dyn Content>) -> Reply {
        if let Some(number) = ledger::number(content.head()) {
            self.0.arrived(number, Instant::now());
        }
        Reply::new(250, 0, 0, "Taken")
    }
}
