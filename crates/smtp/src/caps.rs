//! How many sessions there may be, in all and from one peer, and the counters of the front end.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::Limits;

/// What the front end counted since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Sessions now.
    pub open: u64,
    /// Connections accepted and greeted.
    pub accepted: u64,
    /// Connections told 421 because of a cap.
    pub capped: u64,
    /// TLS handshakes that failed.
    pub handshakes_failed: u64,
    /// Sessions ended by a deadline or the minimum rate.
    pub timed_out: u64,
    /// Panics caught in sessions; each is a bug.
    pub panics: u64,
    /// Messages spilled to a file.
    pub spilled: u64,
    /// Octets of messages in memory now.
    pub memory_bytes: u64,
}

/// The counters as they are kept.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    open: AtomicUsize,
    pub(crate) accepted: AtomicU64,
    pub(crate) capped: AtomicU64,
    pub(crate) handshakes_failed: AtomicU64,
    pub(crate) timed_out: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) spilled: AtomicU64,
    pub(crate) memory_bytes: AtomicUsize,
    by_peer: Mutex<HashMap<IpAddr, usize>>,
}

impl Tally {
    /// A place for one more session from `peer`, unless a cap is reached.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr, limits: &Limits) -> Result<Place, Cap> {
        if self.open.fetch_add(1, Ordering::Relaxed) >= limits.connections {
            self.open.fetch_sub(1, Ordering::Relaxed);
            self.capped.fetch_add(1, Ordering::Relaxed);
            return Err(Cap::Total);
        }
        let peer = host(peer);
        let mut by_peer = self.by_peer.lock();
        let of_peer = by_peer.entry(peer).or_default();
        if *of_peer >= limits.connections_per_peer {
            drop(by_peer);
            self.open.fetch_sub(1, Ordering::Relaxed);
            self.capped.fetch_add(1, Ordering::Relaxed);
            return Err(Cap::Peer);
        }
        *of_peer += 1;
        drop(by_peer);
        self.accepted.fetch_add(1, Ordering::Relaxed);
        Ok(Place { tally: self.clone(), peer })
    }

    /// Sessions now.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(crate) fn counters(&self) -> Counters {
        let of = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Counters {
            open: self.open() as u64,
            accepted: of(&self.accepted),
            capped: of(&self.capped),
            handshakes_failed: of(&self.handshakes_failed),
            timed_out: of(&self.timed_out),
            panics: of(&self.panics),
            spilled: of(&self.spilled),
            memory_bytes: self.memory_bytes.load(Ordering::Relaxed) as u64,
        }
    }
}

/// Which cap is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cap {
    /// `limits.connections`
    Total,
    /// `limits.connections_per_peer`
    Peer,
}

/// One session's place; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    tally: Arc<Tally>,
    peer: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.tally.open.fetch_sub(1, Ordering::Relaxed);
        let mut by_peer = self.tally.by_peer.lock();
        if let Some(n) = by_peer.get_mut(&self.peer) {
            *n -= 1;
            if *n == 0 {
                by_peer.remove(&self.peer);
            }
        }
    }
}

/// Who counts as one peer: an IPv4 address, or all of an IPv6 /64, since one host has that.
fn host(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => {
            let net = u128::from(v6) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(net))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_hold_and_places_come_back() {
        let limits = Limits { connections: 3, connections_per_peer: 2, ..Limits::default() };
        let tally = Arc::new(Tally::default());
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = tally.admit(ip("2001:db8::1"), &limits).unwrap();
        let _second = tally.admit(ip("2001:db8::2"), &limits).unwrap();
        assert_eq!(tally.admit(ip("2001:db8::3"), &limits).unwrap_err(), Cap::Peer);
        let _other = tally.admit(ip("192.0.2.1"), &limits).unwrap();
        assert_eq!(tally.admit(ip("192.0.2.2"), &limits).unwrap_err(), Cap::Total);
        drop(first);
        let _again = tally.admit(ip("2001:db8::3"), &limits).unwrap();
        let counters = tally.counters();
        assert_eq!((counters.open, counters.accepted, counters.capped), (3, 4, 2));
    }
}
