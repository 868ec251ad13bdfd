//! The subject name of a client certificate that the TLS library has verified.
//!
//! Reads just enough DER (X.690) to find the common name, and the DNS and e-mail names of the
//! subject alternative name extension (RFC 5280 §4.1.2.6, §4.2.1.6). Whatever does not fit the
//! pattern is no name.

/// The common name; else the first DNS or e-mail name.
pub(crate) fn subject(certificate: &[u8]) -> Option<String> {
    let fields = fields(certificate)?;
    common_name(fields.subject)
        .or_else(|| alternatives(&fields).find_map(|(_, name)| printable(name)))
}

/// All DNS names, wildcards as they are written.
pub(crate) fn dns_names(certificate: &[u8]) -> Vec<String> {
    let Some(fields) = fields(certificate) else { return Vec::new() };
    let dns = alternatives(&fields).filter(|(tag, _)| *tag == DNS);
    dns.filter_map(|(_, name)| printable(name)).collect()
}

struct Fields<'d> {
    subject: &'d [u8],
    extensions: &'d [u8],
}

/// Optional version `[0]`, then serial, signature, issuer, validity, subject; extensions in `[3]`.
fn fields(certificate: &[u8]) -> Option<Fields<'_>> {
    let (_, certificate, _) = element(certificate)?;
    let (_, signed, _) = element(certificate)?;
    let all: Vec<_> = elements(signed).collect();
    let version = usize::from(all.first()?.0 == 0xa0);
    let extensions = all.iter().find(|(tag, _)| *tag == 0xa3).map_or(&[][..], |(_, e)| *e);
    Some(Fields { subject: all.get(version + 4)?.1, extensions })
}

/// Tag, content and what follows of the first element.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (octets.iter().fold(0, |n, &octet| n << 8 | usize::from(octet)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn elements(mut der: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (tag, content, rest) = element(der)?;
        der = rest;
        Some((tag, content))
    })
}

/// Name: a sequence of sets of (type, value).
fn common_name(name: &[u8]) -> Option<String> {
    elements(name).flat_map(|(_, set)| elements(set)).find_map(|(_, pair)| {
        let (_, kind, value) = element(pair)?;
        let (_, text, _) = element(value)?;
        (kind == COMMON_NAME).then(|| printable(text)).flatten()
    })
}

/// DNS and e-mail names. Extensions are a sequence of (id, critical?, octets); the octets of ours
/// hold a sequence of names.
fn alternatives<'d>(fields: &Fields<'d>) -> impl Iterator<Item = (u8, &'d [u8])> {
    let extensions = element(fields.extensions).map_or(&[][..], |(_, all, _)| all);
    let octets = elements(extensions).find_map(|(_, extension)| {
        let (_, id, _) = element(extension)?;
        (id == ALTERNATIVE_NAME).then(|| elements(extension).last()).flatten()
    });
    let names =
        octets.and_then(|(_, octets)| element(octets)).map_or(&[][..], |(_, names, _)| names);
    elements(names).filter(|(tag, _)| matches!(*tag, EMAIL | DNS))
}

fn printable(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
}

/// Tags of names (RFC 5280 §4.2.1.6).
const EMAIL: u8 = 0x81;
const DNS: u8 = 0x82;
/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.29.17
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    #[test]
    fn names() {
        let rows = [
            (Some("shop.example"), &["other.example"][..], Some("shop.example")),
            (None, &["first.example", "second.example"], Some("first.example")),
            (None, &[], None),
        ];
        for (common, alternative, expect) in rows {
            let mut params = CertificateParams::new(
                alternative.iter().map(|n| n.to_string()).collect::<Vec<_>>(),
            )
            .unwrap();
            params.distinguished_name = DistinguishedName::new();
            if let Some(name) = common {
                params.distinguished_name.push(DnType::OrganizationName, "Org");
                params.distinguished_name.push(DnType::CommonName, name);
            }
            let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            assert_eq!(subject(certificate.der()).as_deref(), expect);
            assert_eq!(dns_names(certificate.der()), alternative);
            for cut in 0..certificate.der().len() {
                subject(&certificate.der()[..cut]);
            }
        }
    }
}
