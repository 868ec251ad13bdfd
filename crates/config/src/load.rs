//! Reads the config file. Each section has its function; a key's default stands beside it, or in
//! the `Default` of the settings that it belongs to, and `config/postern.toml` says the same.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use postern_mail::{Address, NetworkMap};
use xxhash_rust::xxh3::xxh3_64;

use crate::config::{
    AdminSettings, Config, CustomersSettings, HandoffMode, LogFormat, LogSettings, Mode, Peer,
    PeerIdentity, Unjudged, Unknown,
};
use crate::document::Document;
use crate::errors::{Errors, Problem};
use crate::section::Section;
use crate::value::choice;

mod pools;
mod queue;
mod scoring;
mod smtp;

/// What the config is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To run the relay: listeners and upstreams are needed.
    Serve,
    /// To judge without sockets: mode, peers, customers and scoring are enough.
    Replay,
}

/// Reads a config file, or says everything that is wrong with it.
///
/// Relative paths in it start at its own folder. Files that it names are not opened.
pub fn load(path: &Path, purpose: Purpose) -> Result<Config, Errors> {
    let text = read_text(path, "name the config with --config FILE")?;
    let (config, problems, _) = Document::read(path, &text, |root| read(root, purpose));
    Errors::none_in(problems)?;
    Ok(Config { version: version(&text), ..config })
}

/// Where the relay of this file listens for the command line, whatever else is wrong in it: whoever
/// has just broken the file must still reach the relay that runs.
pub fn admin_socket(path: &Path) -> Result<PathBuf, Errors> {
    let text = read_text(path, "name the config with --config FILE")?;
    let (config, _, _) = Document::read(path, &text, |root| read(root, Purpose::Replay));
    Ok(config.admin.socket)
}

/// The text of a file that must be there and be UTF-8.
pub(crate) fn read_text(path: &Path, remedy: &str) -> Result<String, Errors> {
    let octets = std::fs::read(path).map_err(|error| unreadable(path, &error, remedy))?;
    String::from_utf8(octets).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        let line = before.iter().filter(|octet| **octet == b'\n').count() + 1;
        Problem::line(path, line, "this line is not UTF-8", "save the file as UTF-8").into()
    })
}

/// A file that cannot be read.
pub(crate) fn unreadable(path: &Path, error: &std::io::Error, remedy: &str) -> Problem {
    let what = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        _ => format!("it cannot be read ({error})"),
    };
    Problem::file(path, what, remedy)
}

/// The same for files that say the same, whatever their order, spaces and comments.
fn version(text: &str) -> String {
    let content = text.parse::<toml::Table>().map(|table| table.to_string()).unwrap_or_default();
    format!("{:08x}", xxh3_64(content.as_bytes()) >> 32)
}

/// Every section, absent ones too, so that all keys are known when a misspelt one is looked up.
fn read(root: &mut Section<'_, '_>, purpose: Purpose) -> Config {
    let mut mode = Mode::Enforce;
    root.set("mode", &mut mode);
    let hostname = root.take("hostname").unwrap_or_else(own_name);
    if !is_host_name(&hostname) {
        let remedy = "letters, digits, hyphens and dots are possible: relay.example.net";
        root.refuse("hostname", format!("is {hostname:?}"), remedy);
    }
    let postmaster = postmaster(root, &hostname);
    let data_dir = root.path("data_dir").unwrap_or_else(|| PathBuf::from("/var/lib/postern"));
    let mut handoff = HandoffMode::Session;
    root.set("handoff", &mut handoff);
    let mut handoff_budget = Duration::from_secs(5);
    root.set_within("handoff_budget", &mut handoff_budget, MOMENT..=5 * MINUTE);
    let mut unjudged = Unjudged::Forward;
    root.set("unjudged", &mut unjudged);
    let mut drain = Duration::from_secs(30);
    root.set_within("drain", &mut drain, Duration::ZERO..=HOUR);
    let peers = peers(root);
    let customers = customers(root);
    let queue = queue::read(root, &data_dir);
    let mut scoring = postern_scoring::Settings::default();
    let session_limits = root.section("limits", |limits| {
        scoring::tiers(limits, &mut scoring);
        smtp::limits(limits)
    });
    scoring::read(root, &mut scoring);
    let tls = smtp::tls(root);
    let smtp = postern_smtp::Settings {
        hostname: hostname.clone(),
        listeners: smtp::listeners(root, tls.is_some(), purpose),
        auth: tls.is_some() && customers.passwords.is_some(),
        tls,
        xclient: xclient(&peers),
        limits: session_limits,
        spill_dir: data_dir.clone(),
    };
    Config {
        mode,
        handoff,
        handoff_budget,
        unjudged,
        drain,
        smtp,
        queue,
        pools: pools::read(root, &hostname, purpose),
        scoring,
        peers,
        customers,
        admin: admin(root, &data_dir),
        log: log(root),
        hostname,
        postmaster,
        data_dir,
        version: String::new(),
    }
}

/// `None` only where neither the key nor the name makes an address.
fn postmaster(root: &mut Section<'_, '_>, hostname: &str) -> Option<Address> {
    let ours = Address::parse(&format!("postmaster@{hostname}")).ok();
    let Some(text) = root.take::<String>("postmaster") else { return ours };
    let given = Address::parse(&text);
    if let Err(error) = &given {
        root.refuse("postmaster", format!("is {text:?}: {error}"), "write it as name@domain");
    }
    given.ok().or(ours)
}

pub(crate) use scoring::is_tier_key;

const MOMENT: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// The machine's name, for small hosts that leave `hostname` out.
fn own_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if is_host_name(name) { name.to_owned() } else { "localhost".to_owned() }
}

/// RFC 1035 §2.3.1, and the underscore that hosts do have.
fn is_host_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len()) && label.chars().all(inner) && !label.starts_with('-')
        })
}

fn peers(root: &mut Section<'_, '_>) -> Vec<Peer> {
    let mut taken = Vec::new();
    let all = root.list("peer", |peer| {
        let networks: Option<Vec<IpNet>> =
            peer.need("networks", "say whose addresses: [\"192.0.2.0/24\"]");
        if networks.as_ref().is_some_and(Vec::is_empty) {
            peer.refuse(
                "networks",
                "is empty",
                "name at least one network, or remove this [[peer]]",
            );
        }
        for network in networks.iter().flatten() {
            if taken.contains(network) {
                let what = format!("has {network} once more");
                peer.refuse("networks", what, "a network can have one identity only");
            }
            taken.push(*network);
        }
        let identity = peer.need::<String>("identity", IDENTITIES);
        let identity = identity.and_then(|text| {
            let identity = identity_of(&text);
            if identity.is_none() {
                peer.refuse("identity", format!("is {text:?}"), IDENTITIES);
            }
            identity
        });
        Some(Peer { networks: networks?, identity: identity? })
    });
    all.into_iter().flatten().collect()
}

const IDENTITIES: &str = "\"xclient\", \"header:NAME\" or \"none\" is possible";

fn identity_of(text: &str) -> Option<PeerIdentity> {
    match text {
        "xclient" => Some(PeerIdentity::Xclient),
        "none" => Some(PeerIdentity::None),
        // RFC 5322 §3.6.8: a field's name is printable ASCII without a colon.
        _ => text
            .strip_prefix("header:")
            .map(str::trim)
            .filter(|name| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
            })
            .map(|name| PeerIdentity::Header(name.to_owned())),
    }
}

/// Networks that may say XCLIENT.
fn xclient(peers: &[Peer]) -> NetworkMap<()> {
    let mut networks = NetworkMap::default();
    for peer in peers.iter().filter(|peer| peer.identity == PeerIdentity::Xclient) {
        for network in &peer.networks {
            networks.insert(*network, ());
        }
    }
    networks
}

fn customers(root: &mut Section<'_, '_>) -> CustomersSettings {
    root.section("customers", |customers| {
        let mut unknown = Unknown::Refuse;
        customers.set("unknown", &mut unknown);
        CustomersSettings {
            directory: customers.path("directory"),
            passwords: customers.path("passwords"),
            unknown,
        }
    })
}

fn admin(root: &mut Section<'_, '_>, data_dir: &Path) -> AdminSettings {
    root.section("admin", |admin| {
        let socket = admin.path("socket").unwrap_or_else(|| data_dir.join("admin.sock"));
        // sun_path of unix(7) holds 108 octets with the NUL.
        if socket.as_os_str().len() > 107 {
            let what = format!("would be {} bytes long", socket.as_os_str().len());
            admin.refuse(
                "socket",
                what,
                "a socket's path may have at most 107: choose a shorter one",
            );
        }
        AdminSettings { socket }
    })
}

fn log(root: &mut Section<'_, '_>) -> LogSettings {
    root.section("log", |log| {
        let mut level = Level("info");
        log.set("level", &mut level);
        let mut format = LogFormat::Text;
        log.set("format", &mut format);
        LogSettings { level: level.0.to_owned(), format }
    })
}

/// A level's name.
#[derive(Clone, Copy)]
struct Level(&'static str);

choice!(Level, "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
    "error" => Level("error"), "warn" => Level("warn"), "info" => Level("info"),
    "debug" => Level("debug"), "trace" => Level("trace"));
choice!(LogFormat, "\"text\" or \"json\"", "text" => LogFormat::Text, "json" => LogFormat::Json);
choice!(Mode, "\"observe\" or \"enforce\"", "observe" => Mode::Observe, "enforce" => Mode::Enforce);
choice!(HandoffMode, "\"session\" or \"queue\"",
    "session" => HandoffMode::Session, "queue" => HandoffMode::Queue);
choice!(Unjudged, "\"forward\" or \"hold\"",
    "forward" => Unjudged::Forward, "hold" => Unjudged::Hold);
choice!(Unknown, "\"refuse\" or \"strict\"",
    "refuse" => Unknown::Refuse, "strict" => Unknown::Strict);

#[cfg(test)]
use scoring::rule_ids;
#[cfg(test)]
mod tests;
