//! Where logins are used from: networks of one login, and foreign addresses shared by many.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use postern_mail::{CustomerId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::pairs;
use crate::settings::Networks;

/// A network as a person moves between them: IPv4 /16, IPv6 /32.
pub(crate) fn network(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(v4) => u64::from(u32::from(v4) >> 16),
        IpAddr::V6(v6) => 1 << 32 | (u128::from(v6) >> 96) as u64,
    }
}

/// Networks of one login.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Places {
    /// When it was first seen, and last, in seconds.
    #[serde(with = "pairs")]
    known: HashMap<u64, (u64, u64)>,
    /// Unfamiliar networks of the last minutes, each once.
    lately: VecDeque<(Timestamp, u64)>,
}

/// What a message's network is to its login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// It was seen with the login a day ago or earlier, or the login has no past to compare with.
    pub(crate) familiar: bool,
    /// Unfamiliar networks lately, this one included.
    pub(crate) unfamiliar_lately: u32,
}

impl Places {
    /// Looks at a network, and remembers it; while `suspended` no new one, or a thief's would become
    /// familiar by and by.
    pub(crate) fn visit(
        &mut self,
        network: u64,
        suspended: bool,
        now: Timestamp,
        settings: &Networks,
    ) -> Place {
        let seconds = now.seconds();
        while let Some((at, _)) = self.lately.front()
            && now.since(*at) > settings.span
        {
            self.lately.pop_front();
        }
        let oldest = self.known.values().map(|(first, _)| *first).min();
        let has_past = oldest.is_some_and(|first| seconds.saturating_sub(first) >= DAY);
        let seen = self.known.get(&network).copied();
        // A login without a past has nothing to be compared with but its own first places.
        let first_places = !has_past && (seen.is_some() || self.known.len() < FIRST_NETWORKS);
        let familiar =
            first_places || seen.is_some_and(|(first, _)| seconds.saturating_sub(first) >= DAY);
        if !familiar
            && !self.lately.iter().any(|(_, n)| *n == network)
            && self.lately.len() < LATELY_MAX
        {
            self.lately.push_back((now, network));
        }
        if !suspended || familiar {
            self.remember(network, seconds);
        }
        Place { familiar, unfamiliar_lately: self.lately.len() as u32 }
    }

    /// Whether it was used from an unfamiliar network around its last use.
    pub(crate) fn was_afar_lately(&self) -> bool {
        !self.lately.is_empty()
    }

    fn remember(&mut self, network: u64, seconds: u64) {
        self.known.entry(network).or_insert((seconds, seconds)).1 = seconds;
        if self.known.len() > KNOWN_MAX {
            let longest_unseen = self.known.iter().map(|(n, (_, last))| (*last, *n)).min();
            if let Some((_, network)) = longest_unseen {
                self.known.remove(&network);
            }
        }
    }
}

const DAY: u64 = 86_400;
/// Home, office, phone: what a login may show on its first day without being compared.
const FIRST_NETWORKS: usize = 3;
/// Networks remembered of a login; the longest unseen go first.
const KNOWN_MAX: usize = 64;
/// More in ten minutes need not be told apart.
const LATELY_MAX: usize = 200;

/// Customers whose logins were used from one foreign address.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Shared {
    #[serde(with = "pairs")]
    by_address: HashMap<u64, Vec<(Timestamp, CustomerId)>>,
    swept: Timestamp,
}

impl Shared {
    /// A login of the customer (or of its reseller, who counts once) was used from the address;
    /// gives how many unrelated customers were within a day.
    pub(crate) fn visit(&mut self, ip: IpAddr, customer: &CustomerId, now: Timestamp) -> u32 {
        self.sweep(now);
        let all = self.by_address.entry(address(ip)).or_default();
        all.retain(|(at, _)| now.since(*at) <= SPAN);
        let at = all.iter().position(|(_, known)| known == customer);
        if let Some(known) = at.and_then(|at| all.get_mut(at)) {
            known.0 = now;
        } else if all.len() < CUSTOMERS_MAX {
            all.push((now, customer.clone()));
        }
        all.len() as u32
    }

    /// Hourly, so that addresses that never come back are forgotten.
    fn sweep(&mut self, now: Timestamp) {
        if now.since(self.swept) >= SWEEP || self.by_address.len() > ADDRESSES_MAX {
            self.swept = now;
            let span = if self.by_address.len() > ADDRESSES_MAX { SWEEP } else { SPAN };
            self.by_address.retain(|_, all| all.iter().any(|(at, _)| now.since(*at) <= span));
        }
    }
}

const SPAN: Duration = Duration::from_secs(DAY);
const SWEEP: Duration = Duration::from_secs(3600);
/// More customers of one address need not be told apart.
const CUSTOMERS_MAX: usize = 16;
const ADDRESSES_MAX: usize = 500_000;

/// IPv4 as it is, IPv6 by its /64.
fn address(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(v4) => u64::from(u32::from(v4)),
        IpAddr::V6(v6) => (u128::from(v6) >> 64) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + seconds * 1000)
    }

    #[test]
    fn a_traveller_is_familiar_where_he_was_before() {
        let settings = Networks::default();
        let mut places = Places::default();
        assert!(places.visit(1, false, at(0), &settings).familiar);
        assert!(places.visit(2, false, at(10), &settings).familiar);
        let day = 86_400;
        assert!(places.visit(1, false, at(day), &settings).familiar);
        assert!(!places.visit(9, false, at(day + 1), &settings).familiar);
        for i in 0..50 {
            let place = places.visit(100 + i, false, at(day + 2 + i), &settings);
            assert_eq!(u64::from(place.unfamiliar_lately), i + 2);
        }
        assert_eq!(places.visit(1, false, at(day + 2000), &settings).unfamiliar_lately, 0);
    }

    #[test]
    fn a_thiefs_network_does_not_become_familiar() {
        let settings = Networks::default();
        let mut places = Places::default();
        places.visit(1, false, at(0), &settings);
        for hours in 24..100 {
            assert!(!places.visit(9, true, at(hours * 3600), &settings).familiar);
            assert!(places.visit(1, true, at(hours * 3600), &settings).familiar);
        }
    }

    #[test]
    fn customers_of_one_address_count_once_each() {
        let mut shared = Shared::default();
        let ip = "203.0.113.9".parse().unwrap();
        for (i, expect) in [(0, 1), (1, 2), (1, 2), (2, 3)] {
            assert_eq!(shared.visit(ip, &CustomerId::new(format!("k{i}")), at(i)), expect);
        }
        assert_eq!(shared.visit(ip, &CustomerId::new("k9"), at(200_000)), 1);
    }
}
