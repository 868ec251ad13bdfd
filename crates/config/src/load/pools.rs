//! `[pool.NAME]`: the upstreams.

use std::time::Duration;

use postern_queue::{PoolSettings, UpstreamTls};

use super::{HOUR, Purpose, SECOND};
use crate::section::Section;
use crate::value::choice;

pub(super) fn read(
    root: &mut Section<'_, '_>,
    hostname: &str,
    purpose: Purpose,
) -> Vec<PoolSettings> {
    let mut pools = root.named("pool", |name, section| pool(name, section, hostname));
    match pools.iter().position(|pool| pool.name == "main") {
        Some(at) => pools[..=at].rotate_right(1),
        None if purpose == Purpose::Serve => {
            let remedy = "add one: [pool.main] and servers = [\"smarthost.example.net:25\"]";
            root.missing("there is no [pool.main], where forwarded mail goes", remedy);
        }
        None => {}
    }
    pools
}

fn pool(name: &str, section: &mut Section<'_, '_>, hostname: &str) -> PoolSettings {
    let servers: Option<Vec<String>> =
        section.need("servers", "say where mail goes: servers = [\"smarthost.example.net:25\"]");
    if servers.as_ref().is_some_and(Vec::is_empty) {
        section.refuse("servers", "is empty", "name at least one smarthost as \"host:port\"");
    }
    let servers: Vec<String> = servers.unwrap_or_default();
    for server in servers.iter().filter(|server| !is_server(server)) {
        section.refuse(
            "servers",
            format!("has {server:?}"),
            "a server is written \"host:port\", \"192.0.2.1:25\" or \"[2001:db8::1]:25\"",
        );
    }
    let mut pool = PoolSettings {
        name: name.to_owned(),
        servers,
        tls: UpstreamTls::Opportunistic,
        ca: section.path("ca"),
        ehlo_name: section.take("ehlo_name").unwrap_or_else(|| hostname.to_owned()),
        connections_per_server: 50,
        messages_per_connection: 100,
        idle_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(10),
        reply_timeout: Duration::from_secs(60),
        data_reply_timeout: Duration::from_secs(600),
    };
    section.set("tls", &mut pool.tls);
    section.set_within("connections_per_server", &mut pool.connections_per_server, 1..=10_000);
    section.set_within("messages_per_connection", &mut pool.messages_per_connection, 1..=1_000_000);
    section.set_within("idle_timeout", &mut pool.idle_timeout, SECOND..=HOUR);
    section.set_within("connect_timeout", &mut pool.connect_timeout, SECOND..=HOUR);
    section.set_within("reply_timeout", &mut pool.reply_timeout, SECOND..=HOUR);
    section.set_within("data_reply_timeout", &mut pool.data_reply_timeout, SECOND..=HOUR);
    pool
}

/// `host:port`, with an IPv6 address in brackets.
fn is_server(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_host = match host.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']').is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok()),
        None => super::is_host_name(host),
    };
    is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
}

choice!(UpstreamTls, "\"off\", \"opportunistic\" or \"required\"",
    "off" => UpstreamTls::Off, "opportunistic" => UpstreamTls::Opportunistic,
    "required" => UpstreamTls::Required);
