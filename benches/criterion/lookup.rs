//! Whose message it is, at one, a thousand and a million customers.

use std::hint::black_box;
use std::net::IpAddr;

use criterion::Criterion;
use postern_benches::customers::{directory, network_address};
use postern_benches::mail::{Kind, message};
use postern_mail::NetworkMap;
use postern_relay::identify::{Evidence, Identify, identify};

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lookup");
    for count in [1, 1_000, 1_000_000] {
        // Built only where the filter of the command line lets one of them run.
        let directory = std::cell::LazyCell::new(|| directory(count));
        let mut next = turns(count);
        group.bench_function(format!("by network, {count} customers"), |b| {
            let directory = &*directory;
            b.iter(|| directory.by_ip(black_box(IpAddr::V4(network_address(next())))).is_some());
        });
        let mut next = turns(count);
        group.bench_function(format!("by login, {count} customers"), |b| {
            let directory = &*directory;
            // A few names, made before: making one costs more than looking it up.
            let logins: Vec<_> =
                (0..4096).map(|_| format!("info@shop{}.example", next())).collect();
            let mut logins = logins.iter().cycle();
            b.iter(|| directory.by_login(logins.next().map_or("", String::as_str)).is_some());
        });
        let mut next = turns(count);
        group.bench_function(format!("identify, {count} customers"), |b| {
            let (directory, peers) = (&*directory, NetworkMap::default());
            let names = ["X-AuthUser".to_owned()];
            let lookup = Identify { peers: &peers, names: &names, directory };
            let head = message(Kind::Html, 4 << 10, 1, 1);
            b.iter(|| {
                let peer = IpAddr::V4(network_address(next()));
                let evidence = Evidence { peer, auth: None, certificate: None, xclient: None };
                identify(&lookup, &evidence, black_box(&head)).identity
            });
        });
    }
    group.finish();
}

/// Customers in an order that no cache foresees.
pub(crate) fn turns(count: usize) -> impl FnMut() -> usize {
    let mut n = 0_usize;
    move || {
        n = n.wrapping_add(0x9e37_79b9);
        n % count
    }
}
