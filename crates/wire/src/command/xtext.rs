//! xtext of RFC 3461 §4: printable ASCII in which `+` begins two hexadecimal digits.

/// Whether the text is xtext and stays printable ASCII when decoded: what goes on to upstreams and
/// into bounces must not turn into a line break there.
pub(crate) fn is_printable(text: &str) -> bool {
    decode(text).is_some_and(|octets| octets.iter().all(|o| (b' '..=b'~').contains(o)))
}

/// The octets that it stands for.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        match octet {
            b'+' => octets.push(hex(rest.next()?)? << 4 | hex(rest.next()?)?),
            b'=' => return None,
            b'!'..=b'~' => octets.push(octet),
            _ => return None,
        }
    }
    Some(octets)
}

/// Upper case only, as RFC 3461 §4 says.
fn hex(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}
