//! Mail addresses as they stand in an envelope: `local@domain`, kept exactly as written.
//!
//! Only what RFC 5321 §4.1.2 (and RFC 6531 §3.3 for UTF-8) allows gets in, so an `Address` never
//! holds a control character, a space outside quotes or an angle bracket that ends a path early.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A mailbox, or the domainless `postmaster` of RFC 5321 §4.1.1.3. Spelling is kept.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    text: Box<str>,
    /// Where the `@` before the domain stands; the text's length without a domain.
    at: u16,
}

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing there.
    #[error("address is empty")]
    Empty,
    /// Longer than [`Address::OCTETS_MAX`], or a domain longer than 255 octets.
    #[error("address is too long")]
    TooLong,
    /// The part before the `@` breaks the grammar.
    #[error("local part is malformed")]
    Local,
    /// The part after the `@` breaks the grammar.
    #[error("domain is malformed")]
    Domain,
    /// No `@domain`, and it is not `postmaster`.
    #[error("domain is missing")]
    NoDomain,
}

impl Address {
    /// RFC 5321 §4.5.3.1 asks for 64 + 1 + 255 at least. SRS and VERP local parts pass 64 in
    /// practice, so only the sum is limited.
    pub const OCTETS_MAX: usize = 320;

    /// Parses a mailbox without angle brackets and without a source route.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.len() > Self::OCTETS_MAX {
            return Err(AddressError::TooLong);
        }
        let end = if text.starts_with('"') {
            quoted_end(text).ok_or(AddressError::Local)?
        } else {
            text.find('@').unwrap_or(text.len())
        };
        let (local, rest) = text.split_at(end);
        if !local.starts_with('"') && !is_dot_atom(local) {
            return Err(AddressError::Local);
        }
        match rest.strip_prefix('@') {
            Some(domain) if domain.len() > DOMAIN_OCTETS_MAX => return Err(AddressError::TooLong),
            Some(domain) if !is_domain(domain) => return Err(AddressError::Domain),
            Some(_) => {}
            None if rest.is_empty() && local.eq_ignore_ascii_case("postmaster") => {}
            None if rest.is_empty() => return Err(AddressError::NoDomain),
            None => return Err(AddressError::Local),
        }
        Ok(Self { text: text.into(), at: end as u16 })
    }

    /// The whole address as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the `@`, quotes included.
    pub fn local(&self) -> &str {
        &self.text[..usize::from(self.at)]
    }

    /// The part after the `@` as written; empty for the domainless `postmaster`.
    pub fn domain(&self) -> &str {
        self.text.get(usize::from(self.at) + 1..).unwrap_or("")
    }

    /// Whether it needs SMTPUTF8 (RFC 6531) on its way.
    pub fn is_utf8(&self) -> bool {
        !self.text.is_ascii()
    }

    /// The spelling under which it is counted: domain in lower case, local part too, since no
    /// receiver of weight tells `Info@` from `info@`.
    pub fn folded(&self) -> String {
        self.text.to_lowercase()
    }
}

/// RFC 5321 §4.5.3.1.2.
const DOMAIN_OCTETS_MAX: usize = 255;

/// The end of a leading quoted string: the index after its closing quote.
fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            _ if c.is_control() => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(i + 1),
            _ => {}
        }
    }
    None
}

/// Dot-atom of RFC 5322 §3.2.3; doubled and trailing dots pass, since real mailboxes (and whole
/// carriers) have them and a relay is not the one to lose their mail.
fn is_dot_atom(local: &str) -> bool {
    !local.is_empty() && local.chars().all(|c| is_atext(c) || c == '.')
}

fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(c)
        || (!c.is_ascii() && !c.is_control() && !c.is_whitespace())
}

fn is_domain(domain: &str) -> bool {
    match domain.strip_prefix('[') {
        Some(literal) => literal.strip_suffix(']').is_some_and(is_literal),
        None => domain.split('.').all(is_label),
    }
}

/// Letters, digits, hyphens (RFC 1035 §2.3.1), U-labels, and the underscore that hosts do have.
fn is_label(label: &str) -> bool {
    let inner = |c: char| {
        c.is_ascii_alphanumeric()
            || c == '-'
            || c == '_'
            || (!c.is_ascii() && !c.is_control() && !c.is_whitespace())
    };
    (1..=63).contains(&label.len())
        && label.chars().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3).
fn is_literal(text: &str) -> bool {
    match text.get(..5).filter(|tag| tag.eq_ignore_ascii_case("ipv6:")) {
        Some(_) => text[5..].parse::<std::net::Ipv6Addr>().is_ok(),
        None => text.parse::<std::net::Ipv4Addr>().is_ok(),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.text)
    }
}

impl std::str::FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::parse(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes() {
        type Row = (&'static str, Result<(&'static str, &'static str), AddressError>);
        let rows: &[Row] = &[
            ("a@b.example", Ok(("a", "b.example"))),
            ("\"a b@c\"@d.example", Ok(("\"a b@c\"", "d.example"))),
            ("\"q\\\"q\"@d.example", Ok(("\"q\\\"q\"", "d.example"))),
            ("a@[192.0.2.1]", Ok(("a", "[192.0.2.1]"))),
            ("a@[IPv6:2001:db8::1]", Ok(("a", "[IPv6:2001:db8::1]"))),
            ("Postmaster", Ok(("Postmaster", ""))),
            ("grün@bücher.example", Ok(("grün", "bücher.example"))),
            ("a..b.@d.example", Ok(("a..b.", "d.example"))),
            ("", Err(AddressError::Empty)),
            ("a", Err(AddressError::NoDomain)),
            ("a@", Err(AddressError::Domain)),
            ("@b.example", Err(AddressError::Local)),
            ("a b@c.example", Err(AddressError::Local)),
            ("a@b..c", Err(AddressError::Domain)),
            ("a@b@c.example", Err(AddressError::Domain)),
            ("a@-b.example", Err(AddressError::Domain)),
            ("a@[300.0.0.1]", Err(AddressError::Domain)),
            ("a\r@b.example", Err(AddressError::Local)),
            ("a@b.example\n", Err(AddressError::Domain)),
            ("\"a\"b@c.example", Err(AddressError::Local)),
            ("<a@b.example>", Err(AddressError::Local)),
        ];
        for (text, expect) in rows {
            let got = Address::parse(text);
            let parts = got.as_ref().map(|a| (a.local(), a.domain())).map_err(|e| *e);
            assert_eq!(parts, *expect, "{text:?}");
        }
    }

    #[test]
    fn limits() {
        let long = |n: usize| format!("{}@b.example", "a".repeat(n));
        assert!(Address::parse(&long(Address::OCTETS_MAX - 10)).is_ok());
        assert_eq!(Address::parse(&long(Address::OCTETS_MAX)), Err(AddressError::TooLong));
    }
}
