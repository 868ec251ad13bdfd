//! The config as values: what `postern.toml` says, with its defaults filled in.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use postern_mail::Address;
use postern_queue::PoolSettings;

/// Everything that the file says.
#[derive(Debug, Clone)]
pub struct Config {
    /// Watch only, or act.
    pub mode: Mode,
    /// Our name towards clients and upstreams.
    pub hostname: String,
    /// Who gets the notices about mail whose customer has no address of its own to be told at.
    pub postmaster: Option<Address>,
    /// Folder of all that must survive a restart.
    pub data_dir: PathBuf,
    /// When clean mail is handed on.
    pub handoff: HandoffMode,
    /// How long a client waits for the upstream before its mail is queued.
    pub handoff_budget: Duration,
    /// What becomes of a message that the engine could not judge.
    pub unjudged: Unjudged,
    /// How long running transactions may go on when the relay is told to stop.
    pub drain: Duration,
    /// Listeners, TLS, limits of sessions.
    pub smtp: postern_smtp::Settings,
    /// Mail that waits.
    pub queue: postern_queue::Settings,
    /// The upstreams; one pool is named `main`, and it stands first.
    pub pools: Vec<PoolSettings>,
    /// Windows, rules, ladder.
    pub scoring: postern_scoring::Settings,
    /// Hosts that speak for many customers.
    pub peers: Vec<Peer>,
    /// Who may send.
    pub customers: CustomersSettings,
    /// The door of the command line.
    pub admin: AdminSettings,
    /// What is logged.
    pub log: LogSettings,
    /// Eight hexadecimal digits that change with the content of the file, but not with its layout.
    pub version: String,
}

/// Whether suspicion has consequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everything is judged and recorded, everything is forwarded.
    Observe,
    /// Decisions are carried out.
    Enforce,
}

/// When clean mail is handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandoffMode {
    /// While the client waits; its 250 is the upstream's.
    Session,
    /// After it was stored.
    Queue,
}

/// What becomes of a message that the engine could not judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unjudged {
    /// It is forwarded.
    Forward,
    /// It is held, and released by itself.
    Hold,
}

/// Hosts that speak for many customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Their addresses.
    pub networks: Vec<IpNet>,
    /// How they say whose message it is.
    pub identity: PeerIdentity,
}

/// How a trusted peer says whose message it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerIdentity {
    /// By XCLIENT LOGIN.
    Xclient,
    /// By the topmost field of this name.
    Header(String),
    /// Not at all: its mail is nobody's.
    None,
}

/// Who may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomersSettings {
    /// The customer directory.
    pub directory: Option<PathBuf>,
    /// Stored password hashes.
    pub passwords: Option<PathBuf>,
    /// What becomes of mail that is nobody's.
    pub unknown: Unknown,
}

/// What becomes of mail that is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It is refused.
    Refuse,
    /// It passes within small limits that all such mail shares.
    Strict,
}

/// The door of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminSettings {
    /// A Unix socket.
    pub socket: PathBuf,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}
