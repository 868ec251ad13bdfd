//! The PROXY protocol, versions 1 and 2: who is really at the other end, said by a load balancer
//! before anything else ("The PROXY protocol", W. Tarreau, 2017/03/10).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header read. Version 1 has 107 octets at most, version 2 may carry more (TLVs).
pub const OCTETS_MAX: usize = 4096;

/// What the first octets of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// The start of a header.
    More,
    /// A header.
    Header {
        /// Its length in octets.
        octets: usize,
        /// Client and our side as the client sees it; `None` when the proxy speaks for itself
        /// (health checks) or does not know.
        ends: Option<(SocketAddr, SocketAddr)>,
    },
    /// No header, or a malformed one.
    Invalid,
}

/// Looks at the first octets of a connection.
pub fn parse(input: &[u8]) -> Parsed {
    if input.starts_with(&SIGNATURE) {
        return v2(input);
    }
    let starts_like = |header: &[u8]| header.starts_with(input) || input.starts_with(header);
    match input {
        _ if SIGNATURE.starts_with(input) => Parsed::More,
        _ if starts_like(b"PROXY ") => v1(input),
        _ => Parsed::Invalid,
    }
}

fn v1(input: &[u8]) -> Parsed {
    let head = input.get(..V1_OCTETS_MAX).unwrap_or(input);
    let Some(end) = head.windows(2).position(|pair| pair == b"\r\n") else {
        return if input.len() < V1_OCTETS_MAX { Parsed::More } else { Parsed::Invalid };
    };
    let line = head.get(..end).and_then(|line| std::str::from_utf8(line).ok());
    match line.and_then(v1_ends) {
        Some(ends) => Parsed::Header { octets: end + 2, ends },
        None => Parsed::Invalid,
    }
}

/// `PROXY TCP4 client ours port port`, or `PROXY UNKNOWN …`.
fn v1_ends(line: &str) -> Option<Option<(SocketAddr, SocketAddr)>> {
    let mut words = line.split(' ').skip(1);
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let mut ip = || -> Option<IpAddr> {
        let ip: IpAddr = words.next()?.parse().ok()?;
        (family == if ip.is_ipv4() { "TCP4" } else { "TCP6" }).then_some(ip)
    };
    let (client, ours) = (ip()?, ip()?);
    let mut port = || -> Option<u16> {
        words.next().filter(|p| p.bytes().all(|c| c.is_ascii_digit()))?.parse().ok()
    };
    let ends = (SocketAddr::new(client, port()?), SocketAddr::new(ours, port()?));
    words.next().is_none().then_some(Some(ends))
}

fn v2(input: &[u8]) -> Parsed {
    let Some([.., command, family, high, low]) = input.get(..V2_FIXED) else { return Parsed::More };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let octets = V2_FIXED + length;
    if octets > OCTETS_MAX {
        return Parsed::Invalid;
    }
    let Some(block) = input.get(V2_FIXED..octets) else { return Parsed::More };
    match (command, family) {
        // LOCAL: the proxy itself, whatever addresses follow.
        (0x20, _) => Parsed::Header { octets, ends: None },
        (0x21, 0x11) => match v2_ends::<4>(block) {
            Some(ends) => Parsed::Header { octets, ends: Some(ends) },
            None => Parsed::Invalid,
        },
        (0x21, 0x21) => match v2_ends::<16>(block) {
            Some(ends) => Parsed::Header { octets, ends: Some(ends) },
            None => Parsed::Invalid,
        },
        // UNSPEC, datagrams, Unix sockets: nobody that we could name.
        (0x21, 0x00 | 0x12 | 0x22 | 0x31 | 0x32) => Parsed::Header { octets, ends: None },
        _ => Parsed::Invalid,
    }
}

fn v2_ends<const N: usize>(block: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let ip = |at: usize| -> Option<IpAddr> {
        let octets = block.get(at..at + N)?;
        match N {
            4 => <[u8; 4]>::try_from(octets).ok().map(|o| Ipv4Addr::from(o).into()),
            _ => <[u8; 16]>::try_from(octets).ok().map(|o| Ipv6Addr::from(o).into()),
        }
    };
    let port = |at: usize| Some(u16::from_be_bytes([*block.get(at)?, *block.get(at + 1)?]));
    let client = SocketAddr::new(ip(0)?, port(2 * N)?);
    let ours = SocketAddr::new(ip(N)?, port(2 * N + 2)?);
    Some((client, ours))
}

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const V1_OCTETS_MAX: usize = 107;
/// Signature, version and command, family, length.
const V2_FIXED: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn v2_header(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, block].concat()
    }

    /// A header and the ends it names; `None` where it is invalid.
    type Row = (Vec<u8>, Option<Option<(SocketAddr, SocketAddr)>>);

    #[test]
    fn headers() {
        let ends = |client: &str, ours: &str| {
            Some(Some((client.parse().unwrap(), ours.parse::<SocketAddr>().unwrap())))
        };
        let four = [192, 0, 2, 1, 198, 51, 100, 1, 0x30, 0x39, 0, 25];
        let six: Vec<u8> = [[0u8; 15].as_slice(), &[1], &[0; 15], &[2], &[0, 7, 0, 25]].concat();
        let long = format!("PROXY TCP4 {}\r\n", "1".repeat(120));
        let rows: &[Row] = &[
            (
                b"PROXY TCP4 192.0.2.1 198.51.100.1 12345 25\r\n".to_vec(),
                ends("192.0.2.1:12345", "198.51.100.1:25"),
            ),
            (b"PROXY TCP6 ::1 ::2 7 25\r\n".to_vec(), ends("[::1]:7", "[::2]:25")),
            (b"PROXY UNKNOWN\r\n".to_vec(), Some(None)),
            (b"PROXY UNKNOWN ffff:: ::1 1 2\r\n".to_vec(), Some(None)),
            (b"PROXY TCP4 ::1 ::2 7 25\r\n".to_vec(), None),
            (b"PROXY TCP4 192.0.2.1 198.51.100.1 +1 25\r\n".to_vec(), None),
            (b"PROXY TCP4 192.0.2.1 198.51.100.1 12345 25 x\r\n".to_vec(), None),
            (b"EHLO a\r\n".to_vec(), None),
            (long.into_bytes(), None),
            (v2_header(0x21, 0x11, &four), ends("192.0.2.1:12345", "198.51.100.1:25")),
            (v2_header(0x21, 0x21, &six), ends("[::1]:7", "[::2]:25")),
            (
                v2_header(0x21, 0x11, &[&four[..], &[3, 0, 1, 9]].concat()),
                ends("192.0.2.1:12345", "198.51.100.1:25"),
            ),
            (v2_header(0x20, 0, b""), Some(None)),
            (v2_header(0x21, 0, b""), Some(None)),
            (v2_header(0x21, 0x11, &four[..11]), None),
            (v2_header(0x31, 0x11, &four), None),
            (v2_header(0x21, 0x11, &[0; 5000]), None),
        ];
        for (input, expect) in rows {
            let label = String::from_utf8_lossy(input);
            match (parse(input), expect) {
                (Parsed::Header { octets, ends }, Some(expect)) => {
                    assert_eq!((octets, ends), (input.len(), *expect), "{label}");
                    let longer = [input, &b"EHLO x\r\n"[..]].concat();
                    assert_eq!(parse(&longer), parse(input), "{label}");
                    for cut in 0..input.len() {
                        assert_eq!(parse(&input[..cut]), Parsed::More, "{label} cut {cut}");
                    }
                }
                (Parsed::Invalid, None) => {}
                (got, _) => panic!("{label}: {got:?}"),
            }
        }
    }
}
