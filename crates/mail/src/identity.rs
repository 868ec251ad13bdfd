//! Whose mail it is: customer, origin, and how we know.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::Ipv6Net;
use serde::{Deserialize, Serialize};

use crate::CustomerId;

/// The answer to "who sends?", bound to the connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// `None`: nobody's.
    pub customer: Option<CustomerId>,
    /// Who manages the customer, where somebody does.
    pub reseller: Option<CustomerId>,
    /// The smallest sender inside the customer.
    pub origin: Origin,
    /// How customer and origin were found.
    pub method: Method,
}

/// How an identity was found, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// SMTP AUTH.
    Auth,
    /// XCLIENT LOGIN of a trusted peer.
    Xclient,
    /// The header that a trusted peer alone writes.
    Header,
    /// A verified client certificate.
    Certificate,
    /// The customer's own network.
    Network,
    /// Not at all.
    Nobody,
}

impl Method {
    /// Whether such a client is a customer's own mail server, which keeps and retries what is
    /// answered 4xx. Scripts, mail programs and the nodes that speak for them do not.
    pub fn is_server(self) -> bool {
        matches!(self, Self::Certificate | Self::Network)
    }
}

/// What an origin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OriginKind {
    /// A mailbox or an account of a site.
    Login,
    /// A script file of a site.
    Script,
    /// An address of the customer's own network.
    Ip,
}

/// The smallest sender inside a customer, written `login:…`, `script:…`, `ip:…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// Its kind.
    pub kind: OriginKind,
    /// Its name within the customer.
    pub name: Arc<str>,
}

impl Origin {
    /// `login:NAME`
    pub fn login(name: &str) -> Self {
        Self { kind: OriginKind::Login, name: name.into() }
    }

    /// `script:PATH`
    pub fn script(path: &str) -> Self {
        Self { kind: OriginKind::Script, name: path.into() }
    }

    /// `ip:ADDRESS`; IPv6 counts by its /64, since one host has all of it.
    pub fn ip(ip: IpAddr) -> Self {
        let name = match ip.to_canonical() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => Ipv6Net::new_assert(v6, 64).trunc().to_string(),
        };
        Self { kind: OriginKind::Ip, name: name.into() }
    }

    /// From `KIND:NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':').filter(|(_, name)| !name.is_empty())?;
        let kind = match kind {
            "login" => OriginKind::Login,
            "script" => OriginKind::Script,
            "ip" => OriginKind::Ip,
            _ => return None,
        };
        Some(Self { kind, name: name.into() })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            OriginKind::Login => "login",
            OriginKind::Script => "script",
            OriginKind::Ip => "ip",
        };
        write!(f, "{kind}:{}", self.name)
    }
}

/// Kind of mail.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// A person's mail.
    #[default]
    Mailbox,
    /// What a site's script sends.
    Script,
    /// Lists, newsletters.
    Bulk,
    /// Passed on from elsewhere.
    Forward,
    /// DSNs and automatic replies.
    Notice,
}

impl Lane {
    /// As it stands in lists and journals.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mailbox => "mailbox",
            Self::Script => "script",
            Self::Bulk => "bulk",
            Self::Forward => "forward",
            Self::Notice => "notice",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_print_and_read_back() {
        let v6: IpAddr = "2001:db8:1:2:3:4:5:6".parse().unwrap();
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        let rows = [
            (Origin::login("info@a.example"), "login:info@a.example"),
            (Origin::script("/home/a/x.php"), "script:/home/a/x.php"),
            (Origin::ip(v6), "ip:2001:db8:1:2::/64"),
            (Origin::ip(mapped), "ip:192.0.2.1"),
        ];
        for (origin, text) in rows {
            assert_eq!(origin.to_string(), text);
            assert_eq!(Origin::parse(text), Some(origin));
        }
        assert_eq!(Origin::parse("form:x"), None);
        assert_eq!(Origin::parse("login:"), None);
    }
}
