//! `[[listener]]`, `[tls]`, and of `[limits]` what a session may take.

use std::time::Duration;

use ipnet::IpNet;
use postern_mail::NetworkMap;
use postern_smtp::{CertificateFiles, Limits, Listener, TlsFiles, TlsMode};

use super::{HOUR, Purpose, SECOND};
use crate::section::Section;
use crate::value::{Bytes, choice};

pub(super) fn tls(root: &mut Section<'_, '_>) -> Option<TlsFiles> {
    root.section("tls", |tls| {
        const REMEDY: &str =
            "[tls] needs both: certificate = \"FILE\" and key = \"FILE\", in PEM form";
        let certificate = tls.path("certificate");
        let key = tls.path("key");
        let client_ca = tls.path("client_ca");
        let more = tls.list("more", |more| {
            const REMEDY: &str = "each [[tls.more]] needs certificate and key";
            for name in ["certificate", "key"] {
                if !more.has(name) {
                    more.missing(format!("`{name}` is missing in [[tls.more]]"), REMEDY);
                }
            }
            let (certificate, key) = (more.path("certificate"), more.path("key"));
            Some(CertificateFiles { certificate: certificate?, key: key? })
        });
        let more = more.into_iter().flatten().collect();
        for name in ["certificate", "key"] {
            if tls.is_there() && !tls.has(name) {
                tls.missing(format!("`{name}` is missing in [tls]"), REMEDY);
            }
        }
        Some(TlsFiles { certificate: certificate?, key: key?, client_ca, more })
    })
}

pub(super) fn listeners(
    root: &mut Section<'_, '_>,
    encrypts: bool,
    purpose: Purpose,
) -> Vec<Listener> {
    let mut taken = Vec::new();
    let all = root.list("listener", |listener| {
        let address = listener.need("address", "say where to listen: address = \"127.0.0.1:2525\"");
        let mut tls = if encrypts { TlsMode::StartTls } else { TlsMode::Off };
        listener.set("tls", &mut tls);
        if tls != TlsMode::Off && !encrypts {
            listener.refuse(
                "tls",
                "needs a certificate",
                "add a section [tls] with certificate and key",
            );
        }
        let proxy = balancers(listener);
        let mut submission = false;
        listener.set("submission", &mut submission);
        let client_ca = listener.path("client_ca");
        if client_ca.is_some() && tls == TlsMode::Off {
            let remedy = "take it away, or let this listener encrypt: tls = \"starttls\"";
            listener.refuse("client_ca", "has no use without TLS", remedy);
        }
        let address: std::net::SocketAddr = address?;
        if address.port() != 0 && taken.contains(&address) {
            let what = format!("is {address} once more");
            listener.refuse("address", what, "give each listener an address of its own");
        }
        taken.push(address);
        Some(Listener { address, tls, proxy, submission, client_ca })
    });
    if all.is_empty() && purpose == Purpose::Serve {
        let remedy = "add one: [[listener]] and address = \"127.0.0.1:2525\"";
        root.missing("there is no [[listener]]", remedy);
    }
    all.into_iter().flatten().collect()
}

/// Who may say by the PROXY protocol who the client is; `None`: the protocol is not spoken.
fn balancers(listener: &mut Section<'_, '_>) -> Option<NetworkMap<()>> {
    let mut proxy = false;
    listener.set("proxy", &mut proxy);
    let from: Vec<IpNet> = listener.take("proxy_from").unwrap_or_default();
    match (proxy, from.is_empty()) {
        (true, true) => {
            let remedy = "name the load balancers: proxy_from = [\"192.0.2.10/32\"]";
            listener.refuse(
                "proxy",
                "needs `proxy_from`: else anybody could say who he is",
                remedy,
            );
        }
        (false, false) => {
            listener.refuse("proxy_from", "has no use without `proxy`", "add: proxy = true");
        }
        _ => {}
    }
    let mut networks = NetworkMap::default();
    for network in from {
        networks.insert(network, ());
    }
    proxy.then_some(networks)
}

pub(super) fn limits(section: &mut Section<'_, '_>) -> Limits {
    let mut limits = Limits::default();
    bytes(section, "message_bytes", &mut limits.message_bytes, 64 << 10, 1 << 30);
    // RFC 5321 §4.5.3.1.8: at least 100 recipients.
    section.set_within("recipients_per_message", &mut limits.recipients_per_message, 100..=50_000);
    section.set_within("connections", &mut limits.connections, 1..=1_000_000);
    section.set_within("connections_per_peer", &mut limits.connections_per_peer, 1..=1_000_000);
    section.set_within(
        "messages_per_connection",
        &mut limits.messages_per_connection,
        1..=u32::MAX,
    );
    section.set_within("errors_per_connection", &mut limits.errors_per_connection, 1..=u32::MAX);
    section.set_within(
        "idle_commands_per_connection",
        &mut limits.idle_commands_per_connection,
        100..=u32::MAX,
    );
    section.set_within(
        "failed_logins_per_connection",
        &mut limits.failed_logins_per_connection,
        1..=u32::MAX,
    );
    // RFC 5321 §4.5.3.1.4: 512; AUTH adds up to 12,288 (RFC 4954 §4).
    section.set_within("command_line_bytes", &mut limits.command_line_bytes, 1024..=64 << 10);
    size(section, "memory_bytes_per_message", &mut limits.memory_bytes_per_message, 16 << 10);
    size(section, "memory_bytes", &mut limits.memory_bytes, 1 << 20);
    section.set_within("command_timeout", &mut limits.command_timeout, SECOND..=HOUR);
    section.set_within("data_timeout", &mut limits.data_timeout, SECOND..=HOUR);
    section.set_within(
        "data_bytes_per_second_min",
        &mut limits.data_bytes_per_second_min,
        0..=1 << 20,
    );
    section.set_within(
        "handshake_timeout",
        &mut limits.handshake_timeout,
        SECOND..=Duration::from_secs(300),
    );
    limits
}

/// A size in octets from `min` to `max`.
pub(super) fn bytes(section: &mut Section<'_, '_>, key: &str, place: &mut u64, min: u64, max: u64) {
    let mut value = Bytes(*place);
    section.set_within(key, &mut value, Bytes(min)..=Bytes(max));
    *place = value.0;
}

/// A size of something in memory.
fn size(section: &mut Section<'_, '_>, key: &str, place: &mut usize, min: u64) {
    let mut value = *place as u64;
    bytes(section, key, &mut value, min, 1 << 40);
    *place = value as usize;
}

choice!(TlsMode, "\"off\", \"starttls\", \"required\" or \"implicit\"",
    "off" => TlsMode::Off, "starttls" => TlsMode::StartTls,
    "required" => TlsMode::Required, "implicit" => TlsMode::Implicit);
