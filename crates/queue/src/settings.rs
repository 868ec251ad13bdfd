//! What queue and handoff need to know; resolved values, no file format.

use std::path::PathBuf;
use std::time::Duration;

/// Everything about mail that waits.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of segment files, database and journal.
    pub dir: PathBuf,
    /// Waits after the first, second, … failed try; the last one repeats. Jittered by a fifth.
    pub retry: Vec<Duration>,
    /// After this age what could not be handed on is bounced.
    pub max_age: Duration,
    /// After this age what nobody released from quarantine is refused with notice.
    pub quarantine_max_age: Duration,
    /// Size of one preallocated segment file.
    pub segment_bytes: u64,
    /// Free disk below which nothing more is accepted into the queue.
    pub headroom_bytes: u64,
    /// Queued messages handed on at the same time.
    pub concurrency: usize,
    /// How long the journal's days are kept.
    pub journal_max_age: Duration,
}

/// A named set of upstreams, in order of preference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSettings {
    /// `main` is the one that must exist.
    pub name: String,
    /// `host:port`; host is a name or an address (IPv6 in brackets).
    pub servers: Vec<String>,
    /// Towards them.
    pub tls: UpstreamTls,
    /// CAs that sign the upstreams' certificates; without it the system's.
    pub ca: Option<PathBuf>,
    /// What we say in EHLO.
    pub ehlo_name: String,
    /// Open connections to one server.
    pub connections_per_server: usize,
    /// Messages over one connection.
    pub messages_per_connection: u32,
    /// An idle connection is closed after this.
    pub idle_timeout: Duration,
    /// For TCP and TLS to be set up, each.
    pub connect_timeout: Duration,
    /// For each reply but the one to the end of data.
    pub reply_timeout: Duration,
    /// For the reply to the end of data (RFC 5321 §4.5.3.2.6 says ten minutes).
    pub data_reply_timeout: Duration,
}

/// TLS towards an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamTls {
    /// Never.
    Off,
    /// Where offered, whatever the certificate says.
    Opportunistic,
    /// Else nothing is sent; certificate and name are verified.
    Required,
}
