//! What the front end needs to know; resolved values, no file format.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use postern_mail::NetworkMap;

/// Everything about listening and sessions.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name in the banner, in EHLO's answer and in `Received`.
    pub hostname: String,
    /// Where to listen.
    pub listeners: Vec<Listener>,
    /// Certificate and key; without them there is no encryption and no AUTH.
    pub tls: Option<TlsFiles>,
    /// Offer AUTH once encrypted.
    pub auth: bool,
    /// Networks that may say XCLIENT and XFORWARD.
    pub xclient: NetworkMap<()>,
    /// Limits on all that a peer can make grow.
    pub limits: Limits,
    /// Where large messages are spilled to; files there have no name and go with the process.
    pub spill_dir: PathBuf,
}

/// One address to listen on.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Port 0 takes a free one.
    pub address: SocketAddr,
    /// How TLS begins here.
    pub tls: TlsMode,
    /// Expect the PROXY protocol (v1 or v2) before anything else, from these networks; whoever else
    /// connects is closed, since the header says who the client is.
    pub proxy: Option<NetworkMap<()>>,
    /// For people's mail programs: MAIL is refused without AUTH (RFC 6409 §4.3), whoever asks.
    pub submission: bool,
    /// CAs of client certificates here, instead of those of [`TlsFiles`].
    pub client_ca: Option<PathBuf>,
}

impl Listener {
    /// One without anything special.
    pub fn new(address: SocketAddr, tls: TlsMode) -> Self {
        Self { address, tls, proxy: None, submission: false, client_ca: None }
    }
}

/// How TLS begins on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// Never.
    Off,
    /// STARTTLS is offered.
    StartTls,
    /// STARTTLS is offered, and MAIL is refused without it.
    Required,
    /// From the first octet (RFC 8314 §3.3).
    Implicit,
}

/// Files in PEM form.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// Chain, own certificate first.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
    /// CAs of client certificates; without it none are asked for.
    pub client_ca: Option<PathBuf>,
    /// More certificates, for clients that ask for a name (SNI) which the first does not have.
    pub more: Vec<CertificateFiles>,
}

/// A certificate and its key, in PEM form.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// Chain, own certificate first.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// Named limits; RFC 5321 §4.5.3 gives the floor of most.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest message in octets (SIZE, RFC 1870).
    pub message_bytes: u64,
    /// Recipients of one message; more get 452 4.5.3.
    pub recipients_per_message: usize,
    /// Sessions in all.
    pub connections: usize,
    /// Sessions from one address (IPv6: one /64).
    pub connections_per_peer: usize,
    /// Messages in one session; then 421.
    pub messages_per_connection: u32,
    /// Replies 5xx to commands in one session, before it is ended with 421.
    pub errors_per_connection: u32,
    /// Commands that move no mail (NOOP, RSET, EHLO, HELP, VRFY…) in one session since its last
    /// accepted message; then 421.
    pub idle_commands_per_connection: u32,
    /// Failed logins in one session; then 421. No login is ever locked.
    pub failed_logins_per_connection: u32,
    /// Octets of a command line with CR LF. RFC 5321 says 512, ESMTP parameters and AUTH add to it.
    pub command_line_bytes: usize,
    /// What of one message stays in memory; more is spilled to a file.
    pub memory_bytes_per_message: usize,
    /// What all sessions' messages may take in memory; past it everything is spilled at once.
    pub memory_bytes: usize,
    /// Wait for a command.
    pub command_timeout: Duration,
    /// Wait for more octets of a message.
    pub data_timeout: Duration,
    /// A message's octets must come at this rate, averaged from DATA on after the first minute.
    pub data_bytes_per_second_min: u64,
    /// For a TLS handshake, or a PROXY header.
    pub handshake_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 50 << 20,
            recipients_per_message: 1000,
            connections: 20_000,
            connections_per_peer: 1000,
            messages_per_connection: 10_000,
            errors_per_connection: 50,
            idle_commands_per_connection: 20_000,
            failed_logins_per_connection: 5,
            command_line_bytes: 4096,
            memory_bytes_per_message: 256 << 10,
            memory_bytes: 256 << 20,
            command_timeout: Duration::from_secs(300),
            data_timeout: Duration::from_secs(180),
            data_bytes_per_second_min: 64,
            handshake_timeout: Duration::from_secs(30),
        }
    }
}
