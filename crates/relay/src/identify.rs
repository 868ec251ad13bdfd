//! Whose message it is: customer and origin from the connection, and from what a trusted peer wrote.
//!
//! Pure; `serve` and `replay` use it alike. Nothing that the message itself says names a customer:
//! a field counts only when it stands topmost and comes from a peer that is configured to write it.
//! Its namesakes, in any spelling, are cut from what leaves, whoever sent them.

mod fields;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::ops::Range;

use postern_config::PeerIdentity;
use postern_mail::{Customer, Directory, Identity, Login, Method, NetworkMap, Origin};

use self::fields::Fields;

/// What identity is looked up in.
#[derive(Clone, Copy)]
pub struct Identify<'a> {
    /// Hosts that speak for many customers, and how.
    pub peers: &'a NetworkMap<PeerIdentity>,
    /// Names of all fields by which a peer names a customer: they never leave.
    pub names: &'a [String],
    /// The customers.
    pub directory: &'a Directory,
}

/// What the connection showed.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The address at the other end, after PROXY, before XCLIENT.
    pub peer: IpAddr,
    /// The login that authenticated here.
    pub auth: Option<&'a str>,
    /// Subject name of the verified client certificate.
    pub certificate: Option<&'a str>,
    /// Whether XCLIENT was given, and the LOGIN in it.
    pub xclient: Option<Option<&'a str>>,
}

/// Whose message it is, and what must not leave with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Who sends.
    pub identity: Identity,
    /// Identity fields to cut from the message: ascending ranges of octets.
    pub cut: Vec<Range<u64>>,
    /// Identity fields that came with the message although no peer wrote them: somebody tries to
    /// pass as somebody else.
    pub forged: usize,
}

/// Whether a peer can still name the customer after MAIL: in the message's header, or by an XCLIENT
/// that has not come yet.
pub fn is_named_later(identify: &Identify<'_>, evidence: &Evidence<'_>) -> bool {
    let named_later = match identify.peers.longest(evidence.peer) {
        Some(PeerIdentity::Header(_)) => true,
        Some(PeerIdentity::Xclient) => evidence.xclient.is_none(),
        Some(PeerIdentity::None) | None => false,
    };
    evidence.auth.is_none() && named_later
}

/// Finds customer and origin (`docs/customers.md`, "Whose message it is"). `head` holds at least the
/// message's header, or nothing before the message is there.
pub fn identify(identify: &Identify<'_>, evidence: &Evidence<'_>, head: &[u8]) -> Found {
    let fields = Fields::read(head);
    let identity = who(identify, evidence, &fields).unwrap_or_else(|| Identity {
        customer: None,
        reseller: None,
        origin: Origin::ip(evidence.peer),
        method: Method::Nobody,
    });
    let cut = fields.ranges_like(identify.names);
    let written = usize::from(identity.method == Method::Header);
    let forged = cut.len().saturating_sub(written);
    Found { identity, cut, forged }
}

/// Evidence in the order of its weight. A peer's word, or its silence, ends the search: its address
/// is no customer's.
fn who(identify: &Identify<'_>, evidence: &Evidence<'_>, fields: &Fields<'_>) -> Option<Identity> {
    let directory = identify.directory;
    if let Some(login) = evidence.auth {
        let (customer, login) = directory.by_login(login)?;
        return Some(identity(customer, origin_of_login(login), Method::Auth));
    }
    if let Some(peer) = identify.peers.longest(evidence.peer) {
        let (login, method) = match peer {
            PeerIdentity::Xclient => (evidence.xclient??.to_owned(), Method::Xclient),
            PeerIdentity::Header(name) => (fields.topmost(name)?, Method::Header),
            PeerIdentity::None => return None,
        };
        let (customer, login) = directory.by_login(&login)?;
        let origin = script(login, fields).unwrap_or_else(|| origin_of_login(login));
        return Some(identity(customer, origin, method));
    }
    let by_certificate = evidence.certificate.and_then(|subject| directory.by_cert(subject));
    let (customer, method) = match by_certificate {
        Some(customer) => (customer, Method::Certificate),
        None => (directory.by_ip(evidence.peer)?, Method::Network),
    };
    Some(identity(customer, Origin::ip(evidence.peer), method))
}

fn identity(customer: &Customer, origin: Origin, method: Method) -> Identity {
    let reseller = customer.reseller.clone();
    Identity { customer: Some(customer.id.clone()), reseller, origin, method }
}

fn origin_of_login(login: &Login) -> Origin {
    Origin::login(login.origin.as_deref().unwrap_or(&login.login))
}

/// The script, where a peer names the account of a site. Under a mailbox's login the same field
/// came with the message (forwarded mail has it) and means nothing.
fn script(login: &Login, fields: &Fields<'_>) -> Option<Origin> {
    if login.login.contains('@') {
        return None;
    }
    let value = fields.topmost("X-PHP-Originating-Script")?;
    let (_uid, file) = value.split_once(':')?;
    let file = file.trim();
    if file.is_empty() {
        return None;
    }
    if file.starts_with('/') {
        return Some(Origin::script(&bounded(file)));
    }
    // PHP's own field has a bare name; the panel's says in which site's folder it lies.
    let folder = fields.topmost("X-Source-Dir").unwrap_or_default();
    let folder = folder.trim_end_matches('/').replacen(":/", "/", 1);
    let path = if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") };
    Some(Origin::script(&bounded(&path)))
}

/// Paths come from a site's own files: without control characters, and cut at their start, since
/// the file's name at the end tells most.
fn bounded(path: &str) -> String {
    let clean: String = path.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    let from = clean.len().saturating_sub(PATH_OCTETS_MAX);
    clean[clean.ceil_char_boundary(from)..].to_owned()
}

/// Linux's own limit of a path is 4,096; real ones are far shorter.
const PATH_OCTETS_MAX: usize = 512;
