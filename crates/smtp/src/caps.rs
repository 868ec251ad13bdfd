//! How many sessions there may be, in all and from one peer, and the counters of the front end.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::{Connection, Limits};

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
    /// A place for one more session, unless all are taken.
    pub(crate) fn admit(self: &Arc<Self>, limits: &Limits) -> Result<Place, Cap> {
        if self.open.fetch_add(1, Ordering::Relaxed) >= limits.connections {
            self.open.fetch_sub(1, Ordering::Relaxed);
            self.capped.fetch_add(1, Ordering::Relaxed);
            return Err(Cap::Total);
        }
        Ok(Place { tally: self.clone(), peer: None })
    }

    /// Sessions now.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// A handshake failed; scanners do that all day, so it is no warning.
    pub(crate) fn handshake_failed(&self, connection: &Connection, error: &std::io::Error) {
        self.handshakes_failed.fetch_add(1, Ordering::Relaxed);
        tracing::info!(client = %connection.client, %error, "TLS handshake failed");
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

impl Cap {
    /// What the client is told.
    pub(crate) fn line(self) -> &'static [u8] {
        match self {
            Self::Total => b"421 4.3.2 Too many connections, try again later\r\n",
            Self::Peer => b"421 4.7.0 Too many connections from your address\r\n",
        }
    }
}

/// One session's place; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    tally: Arc<Tally>,
    peer: Option<IpAddr>,
}

impl Place {
    /// Whose place it is, known after PROXY; no more than each may have.
    pub(crate) fn taken_by(&mut self, peer: IpAddr, limits: &Limits) -> Result<(), Cap> {
        let peer = host(peer);
        let mut by_peer = self.tally.by_peer.lock();
        let of_peer = by_peer.entry(peer).or_default();
        if *of_peer >= limits.connections_per_peer {
            self.tally.capped.fetch_add(1, Ordering::Relaxed);
            return Err(Cap::Peer);
        }
        *of_peer += 1;
        self.peer = Some(peer);
        self.tally.accepted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.tally.open.fetch_sub(1, Ordering::Relaxed);
        let Some(peer) = self.peer else { return };
        let mut by_peer = self.tally.by_peer.lock();
        if let Some(n) = by_peer.get_mut(&peer) {
            *n -= 1;
            if *n == 0 {
                by_peer.remove(&peer);
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
        let admit = |ip: &str| {
            let mut place = tally.admit(&limits)?;
            place.taken_by(ip.parse().unwrap(), &limits).map(|()| place)
        };
        let first = admit("2001:db8::1").unwrap();
        let _second = admit("2001:db8::2").unwrap();
        assert_eq!(admit("2001:db8::3").unwrap_err(), Cap::Peer);
        let _other = admit("192.0.2.1").unwrap();
        assert_eq!(admit("192.0.2.2").unwrap_err(), Cap::Total);
        drop(first);
        let _again = admit("2001:db8::3").unwrap();
        let counters = tally.counters();
        assert_eq!((counters.open, counters.accepted, counters.capped), (3, 4, 2));
    }
}
