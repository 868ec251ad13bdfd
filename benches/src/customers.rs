//! Generated customers: each with a network of its own, a domain, a mailbox and a site's account.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use postern_mail::{Customer, CustomerId, Directory, Login};

/// Customers of the load generator: as many as `127.1.0.1` to `.200` gives addresses to.
pub const SENDERS: usize = 200;

/// The address that customer `n` of [`SENDERS`] connects from.
pub fn address(n: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 1, 0, (n % SENDERS) as u8 + 1)
}

/// Writes the directory of the load generator's customers as `docs/customers.md` describes it.
pub fn write_directory(path: &Path) -> io::Result<()> {
    let mut text = String::new();
    for n in 0..SENDERS {
        let address = address(n);
        let _ = writeln!(
            text,
            r#"{{"id":"c{n}","name":"Shop {n}","reseller":null,"plan":"M","since":"2020-01-01","domains":["shop{n}.example"],"networks":["{address}/32"],"logins":[{{"login":"info@shop{n}.example"}}],"certs":[]}}"#
        );
    }
    std::fs::write(path, text)
}

/// A directory of `count` customers, their networks counted up from 10.0.0.0.
pub fn directory(count: usize) -> Directory {
    let customer = |n: usize| Customer {
        id: CustomerId::new(format!("c{n}")),
        name: format!("Shop {n}"),
        reseller: None,
        plan: "M".into(),
        since_day: 18_000,
        domains: vec![format!("shop{n}.example").into()],
        networks: vec![ipnet_of(n)],
        logins: [format!("info@shop{n}.example"), format!("k{n}/web1")]
            .into_iter()
            .map(|login| Login { login: login.into(), origin: None })
            .collect(),
        certs: Vec::new(),
        limits: BTreeMap::new(),
    };
    Directory::build((0..count).map(customer).collect()).unwrap_or_default()
}

/// The address of customer `n` of [`directory`].
pub fn network_address(n: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + n as u32)
}

fn ipnet_of(n: usize) -> ipnet::IpNet {
    ipnet::IpNet::from(std::net::IpAddr::from(network_address(n)))
}
