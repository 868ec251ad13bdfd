//! The relays that are compared, each as a process of its own in a folder of its own.

use std::fmt::Write;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::{customers, sink};

/// A relay that can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// The floor that hands over, then answers.
    Pass,
    /// The floor that syncs, answers, then hands over.
    Group,
    /// Postern, handing on in session.
    Session,
    /// Postern, storing first.
    Queue,
    /// Postfix of the machine's package; needs root.
    Postfix,
}

impl Kind {
    /// As it stands in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "floor: pass-through",
            Self::Group => "floor: store, group commit",
            Self::Session => "Postern, in session",
            Self::Queue => "Postern, stored first",
            Self::Postfix => "Postfix",
        }
    }

    /// The floor that it is compared with.
    pub fn floor(self) -> Option<Self> {
        match self {
            Self::Session => Some(Self::Pass),
            Self::Queue => Some(Self::Group),
            _ => None,
        }
    }
}

/// What is needed to start any of them.
#[derive(Debug, Clone)]
pub struct House {
    /// The relay's binary.
    pub postern: PathBuf,
    /// Script that starts and stops Postfix.
    pub postfix: PathBuf,
    /// `enforce` or `observe`.
    pub mode: String,
    /// Below which each process gets its folder.
    pub folder: PathBuf,
}

/// A process that listens. Ended when dropped.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// The process whose family is measured.
    pub pid: u32,
    child: Option<Child>,
    stop: Option<Command>,
}

impl House {
    /// For Postern alone, which judges and holds nothing.
    pub fn of_postern(postern: &Path, folder: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            postern: postern.to_owned(),
            postfix: PathBuf::new(),
            mode: "observe".to_owned(),
            folder: folder.canonicalize()?,
        })
    }

    /// Starts the sink.
    pub async fn sink(&self) -> anyhow::Result<Running> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["sink", &address.to_string()]);
        Running::spawn(command, address).await
    }

    /// Starts a relay with an empty folder.
    pub async fn start(&self, kind: Kind, sink: SocketAddr) -> anyhow::Result<Running> {
        let address = free_address()?;
        let folder = self.folder.join(format!("{kind:?}-{}", address.port()));
        std::fs::create_dir(&folder)?;
        let mut command = Command::new(std::env::current_exe()?);
        match kind {
            Kind::Pass => command.args(["floor", &address.to_string(), &sink.to_string()]),
            Kind::Group => command
                .args(["floor", &address.to_string(), &sink.to_string(), "--group"])
                .arg(&folder),
            Kind::Session | Kind::Queue => {
                let config = folder.join("postern.toml");
                customers::write_directory(&folder.join("customers.jsonl"))?;
                std::fs::write(&config, self.config(kind, address, sink, &folder)?)?;
                command = Command::new(&self.postern);
                command.stderr(File::create(folder.join("log"))?);
                command.args(["serve", "--config"]).arg(config)
            }
            Kind::Postfix => return self.postfix(address, sink, &folder).await,
        };
        Running::spawn(command, address).await.with_context(|| format!("starting {}", kind.name()))
    }

    /// `tests`' contract config with one listener and one upstream; limits of the connections are
    /// raised, everything else is as shipped.
    fn config(
        &self,
        kind: Kind,
        address: SocketAddr,
        sink: SocketAddr,
        folder: &Path,
    ) -> anyhow::Result<String> {
        let mode = &self.mode;
        let handoff = if kind == Kind::Session { "session" } else { "queue" };
        let mut text = format!("mode = \"{mode}\"\nhostname = \"relay.example.test\"\n");
        writeln!(text, "data_dir = {:?}\nhandoff = \"{handoff}\"", folder.join("data"))?;
        writeln!(text, "[[listener]]\naddress = \"{address}\"")?;
        writeln!(text, "[customers]\ndirectory = \"customers.jsonl\"\nunknown = \"refuse\"")?;
        writeln!(text, "[limits]\nconnections = 20000\nconnections_per_peer = 20000")?;
        writeln!(text, "[pool.main]\nservers = [\"{sink}\"]\ntls = \"off\"")?;
        writeln!(text, "connections_per_server = 200\nmessages_per_connection = 1000")?;
        std::fs::create_dir(folder.join("data"))?;
        Ok(text)
    }

    async fn postfix(
        &self,
        address: SocketAddr,
        sink: SocketAddr,
        folder: &Path,
    ) -> anyhow::Result<Running> {
        let script = |verb: &str| {
            let mut command = Command::new("sh");
            command.arg(&self.postfix).arg(verb).arg(folder);
            command.args([address.port().to_string(), sink.port().to_string()]);
            command.stdout(Stdio::null());
            command
        };
        if !script("start").status()?.success() {
            bail!("Postfix did not start; its words stand above");
        }
        let stop = Some(script("stop"));
        let mut running = Running { address, pid: 0, child: None, stop };
        let pid = std::fs::read_to_string(folder.join("queue/pid/master.pid"))?;
        running.pid = pid.trim().parse()?;
        running.wait_until_it_listens().await?;
        Ok(running)
    }
}

impl Running {
    async fn spawn(mut command: Command, address: SocketAddr) -> anyhow::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut running = Self { address, pid: child.id(), child: Some(child), stop: None };
        running.wait_until_it_listens().await?;
        Ok(running)
    }

    async fn wait_until_it_listens(&mut self) -> anyhow::Result<()> {
        let since = Instant::now();
        while TcpStream::connect(self.address).await.is_err() {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                bail!("it ended at once: {status}");
            }
            if since.elapsed() > Duration::from_secs(10) {
                bail!("nothing listens on {}", self.address);
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Running {
    /// Whatever fails here, the folder is deleted afterwards.
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some(stop) = &mut self.stop {
            let _ = stop.status();
        }
    }
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Waits until the sink has got `expect` messages more than `before`; how many it got.
pub async fn wait_for_all(sink: SocketAddr, before: u64, expect: u64) -> anyhow::Result<u64> {
    let since = Instant::now();
    loop {
        let arrived = sink::count(sink).await? - before;
        if arrived >= expect || since.elapsed() > ARRIVAL_MAX {
            return Ok(arrived);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

const ARRIVAL_MAX: Duration = Duration::from_secs(30);
