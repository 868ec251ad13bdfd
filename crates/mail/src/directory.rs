//! The customers, in memory: who owns a login, a network, a certificate, a domain.
//!
//! Built whole and then only read; a reload builds a new one. Format of the file:
//! `docs/customers.md`; reading it is `postern-config`'s work.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::CustomerId;

/// One hosting contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Unique.
    pub id: CustomerId,
    /// Of the person or firm.
    pub name: String,
    /// Who manages this customer.
    pub reseller: Option<CustomerId>,
    /// Chooses the tier of limits.
    pub plan: String,
    /// First day of the contract, in days since 1970.
    pub since_day: u32,
    /// Owned domains, in lower case.
    pub domains: Vec<Box<str>>,
    /// Own addresses.
    pub networks: Vec<IpNet>,
    /// Mailboxes and accounts of sites.
    pub logins: Vec<Login>,
    /// Subject names of client certificates.
    pub certs: Vec<Box<str>>,
    /// Overrides of the tier's limits, by the tier's keys.
    pub limits: BTreeMap<String, u64>,
}

/// A name that authenticates, or that a trusted peer states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// As it is written by the client.
    pub login: Box<str>,
    /// A name to use for its origin.
    pub origin: Option<Box<str>>,
}

/// Why lines cannot stand in one directory. `line` counts from 0 in the order given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// Two customers with one id.
    #[error("customer {id:?} stands twice")]
    Customer {
        /// Index of the second one.
        line: usize,
        /// The id.
        id: String,
    },
    /// Two customers own one thing that must be one customer's.
    #[error("{kind} {name:?} belongs to {first} already")]
    Taken {
        /// Index of the second owner.
        line: usize,
        /// `login`, `network` or `certificate`.
        kind: &'static str,
        /// The thing.
        name: String,
        /// The first owner.
        first: CustomerId,
    },
    /// A reseller without a line of its own.
    #[error("reseller {reseller:?} has no line of its own")]
    Reseller {
        /// Index of the customer.
        line: usize,
        /// The missing id.
        reseller: String,
    },
}

impl DirectoryError {
    /// Index of the customer it is about.
    pub fn line(&self) -> usize {
        match self {
            Self::Customer { line, .. }
            | Self::Taken { line, .. }
            | Self::Reseller { line, .. } => *line,
        }
    }
}

/// All customers with their indexes.
#[derive(Debug, Default)]
pub struct Directory {
    customers: Vec<Arc<Customer>>,
    by_id: HashMap<CustomerId, u32>,
    by_login: HashMap<Box<str>, (u32, u32)>,
    by_cert: HashMap<Box<str>, u32>,
    by_domain: HashMap<Box<str>, Vec<u32>>,
    by_network: NetworkMap<u32>,
}

impl Directory {
    /// Builds the indexes, or says everything that stands against it.
    pub fn build(customers: Vec<Customer>) -> Result<Self, Vec<DirectoryError>> {
        let mut built = Self::default();
        let mut errors = Vec::new();
        for (line, customer) in customers.into_iter().enumerate() {
            built.insert(line, Arc::new(customer), &mut errors);
        }
        for (line, customer) in built.customers.iter().enumerate() {
            if let Some(reseller) = &customer.reseller
                && !built.by_id.contains_key(reseller)
            {
                let reseller = reseller.to_string();
                errors.push(DirectoryError::Reseller { line, reseller });
            }
        }
        if errors.is_empty() { Ok(built) } else { Err(errors) }
    }

    fn insert(&mut self, line: usize, customer: Arc<Customer>, errors: &mut Vec<DirectoryError>) {
        let n = line as u32;
        if self.by_id.insert(customer.id.clone(), n).is_some() {
            errors.push(DirectoryError::Customer { line, id: customer.id.to_string() });
        }
        let first = |all: &[Arc<Customer>], owner: u32| {
            all.get(owner as usize).map_or_else(|| customer.id.clone(), |c| c.id.clone())
        };
        let mut taken = |kind, name: String, owner| {
            let first = first(&self.customers, owner);
            errors.push(DirectoryError::Taken { line, kind, name, first });
        };
        for (i, login) in customer.logins.iter().enumerate() {
            if let Some((owner, _)) = self.by_login.insert(login.login.clone(), (n, i as u32)) {
                taken("login", login.login.to_string(), owner);
            }
        }
        for cert in &customer.certs {
            if let Some(owner) = self.by_cert.insert(cert.clone(), n) {
                taken("certificate", cert.to_string(), owner);
            }
        }
        for network in &customer.networks {
            if let Some(owner) = self.by_network.insert(*network, n) {
                taken("network", network.to_string(), owner);
            }
        }
        for domain in &customer.domains {
            self.by_domain.entry(domain.clone()).or_default().push(n);
        }
        self.customers.push(customer);
    }

    /// All customers, in the order of the file.
    pub fn customers(&self) -> &[Arc<Customer>] {
        &self.customers
    }

    /// By id.
    pub fn customer(&self, id: &CustomerId) -> Option<&Arc<Customer>> {
        self.at(*self.by_id.get(id)?)
    }

    /// The owner of a login, and the login.
    pub fn by_login(&self, login: &str) -> Option<(&Arc<Customer>, &Login)> {
        let (owner, i) = *self.by_login.get(login)?;
        let customer = self.at(owner)?;
        Some((customer, customer.logins.get(i as usize)?))
    }

    /// The owner of the longest network that holds the address.
    pub fn by_ip(&self, ip: IpAddr) -> Option<&Arc<Customer>> {
        self.at(*self.by_network.longest(ip)?)
    }

    /// The owner of a client certificate's subject name.
    pub fn by_cert(&self, subject: &str) -> Option<&Arc<Customer>> {
        self.at(*self.by_cert.get(subject)?)
    }

    /// Everybody who owns the domain itself (not one above it); `domain` in lower case.
    pub fn owners(&self, domain: &str) -> impl Iterator<Item = &Arc<Customer>> {
        self.by_domain.get(domain).into_iter().flatten().filter_map(|n| self.at(*n))
    }

    fn at(&self, n: u32) -> Option<&Arc<Customer>> {
        self.customers.get(n as usize)
    }
}

/// Networks with a value each; answers with the longest that holds an address.
#[derive(Debug, Clone)]
pub struct NetworkMap<T> {
    /// By family and prefix length, longest first; a lookup asks each length that occurs.
    by_length: BTreeMap<std::cmp::Reverse<(bool, u8)>, HashMap<IpNet, T>>,
}

impl<T> Default for NetworkMap<T> {
    fn default() -> Self {
        Self { by_length: BTreeMap::new() }
    }
}

impl<T> NetworkMap<T> {
    /// Puts a network in; gives back the value that it had.
    pub fn insert(&mut self, network: IpNet, value: T) -> Option<T> {
        let key = std::cmp::Reverse((network.addr().is_ipv6(), network.prefix_len()));
        self.by_length.entry(key).or_default().insert(network.trunc(), value)
    }

    /// The value of the longest network that holds `ip`; IPv4 mapped into IPv6 is IPv4.
    pub fn longest(&self, ip: IpAddr) -> Option<&T> {
        let ip = ip.to_canonical();
        self.by_length.iter().find_map(|(key, networks)| {
            let (is_v6, length) = key.0;
            if is_v6 != ip.is_ipv6() {
                return None;
            }
            networks.get(&IpNet::new(ip, length).ok()?.trunc())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(id: &str, networks: &[&str], logins: &[&str], domains: &[&str]) -> Customer {
        Customer {
            id: CustomerId::new(id),
            name: id.to_uppercase(),
            reseller: None,
            plan: "S".into(),
            since_day: 0,
            domains: domains.iter().map(|d| (*d).into()).collect(),
            networks: networks.iter().map(|n| n.parse().unwrap()).collect(),
            logins: logins.iter().map(|l| Login { login: (*l).into(), origin: None }).collect(),
            certs: Vec::new(),
            limits: BTreeMap::new(),
        }
    }

    #[test]
    fn the_longest_network_owns_an_address() {
        let directory = Directory::build(vec![
            customer("wide", &["192.0.2.0/24", "2001:db8::/32"], &["w"], &["a.example"]),
            customer("narrow", &["192.0.2.128/25", "2001:db8:1::/48"], &[], &["a.example"]),
        ])
        .unwrap();
        let rows = [
            ("192.0.2.1", Some("wide")),
            ("192.0.2.200", Some("narrow")),
            ("::ffff:192.0.2.200", Some("narrow")),
            ("198.51.100.1", None),
            ("2001:db8:1::9", Some("narrow")),
            ("2001:db8:2::9", Some("wide")),
        ];
        for (ip, owner) in rows {
            let found = directory.by_ip(ip.parse().unwrap()).map(|c| c.id.as_str());
            assert_eq!(found, owner, "{ip}");
        }
        assert_eq!(directory.owners("a.example").count(), 2);
        assert_eq!(directory.by_login("w").unwrap().0.id.as_str(), "wide");
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let mut orphan = customer("b", &["192.0.2.0/24"], &["x"], &[]);
        orphan.reseller = Some(CustomerId::new("ghost"));
        let again = customer("a", &[], &[], &[]);
        let first = customer("a", &["192.0.2.0/24"], &["x"], &[]);
        let errors = Directory::build(vec![first, orphan, again]).unwrap_err();
        let lines: Vec<_> = errors.iter().map(DirectoryError::line).collect();
        assert_eq!(lines, [1, 1, 2, 1], "{errors:?}");
    }
}
