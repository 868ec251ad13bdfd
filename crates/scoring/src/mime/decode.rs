//! Transfer encodings and charsets, read as leniently as mail readers read them: what one of them
//! would show must not disappear here.

use mail_parser::decoders::charsets::map::charset_decoder;

/// Decodes base64 up to `limit` octets; gives them and how many octets were none of its alphabet.
/// Junk is skipped, padding ends a group and what follows begins a new one.
pub(crate) fn base64(octets: &[u8], limit: usize) -> (Vec<u8>, usize) {
    let mut out = Vec::with_capacity((octets.len() / 4 * 3).min(limit));
    let (mut bits, mut held, mut junk) = (0_u32, 0_u32, 0);
    for octet in octets {
        let value = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                (bits, held) = (0, 0);
                continue;
            }
            b'\r' | b'\n' | b' ' | b'\t' => continue,
            _ => {
                junk += 1;
                continue;
            }
        };
        bits = (bits << 6 | u32::from(value)) & 0x00ff_ffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            if out.len() >= limit {
                break;
            }
        }
    }
    (out, junk)
}

/// Decodes quoted-printable up to `limit` octets; gives them and the number of broken escapes,
/// which stand for themselves.
pub(crate) fn quoted_printable(octets: &[u8], limit: usize) -> (Vec<u8>, usize) {
    let mut out = Vec::with_capacity(octets.len().min(limit));
    let (mut at, mut broken) = (0, 0);
    while at < octets.len() && out.len() < limit {
        let plain = memchr::memchr(b'=', &octets[at..]).unwrap_or(octets.len() - at);
        if plain > 0 {
            let plain = plain.min(limit - out.len());
            out.extend_from_slice(&octets[at..at + plain]);
            at += plain;
            continue;
        }
        at += 1;
        let rest = &octets[at..];
        // A soft line break may have blanks before its end (RFC 2045 §6.7, rule 3).
        let blanks = rest.iter().take_while(|o| matches!(o, b' ' | b'\t')).count();
        if rest[blanks..].starts_with(b"\r\n") {
            at += blanks + 2;
        } else if rest[blanks..].starts_with(b"\n") {
            at += blanks + 1;
        } else if let [high, low, ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            out.push(high << 4 | low);
            at += 2;
        } else {
            broken += usize::from(!rest.is_empty());
            out.push(b'=');
        }
    }
    (out, broken)
}

fn hex(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).map(|n| n as u8)
}

/// Octets to text: by the charset where it is known, else as UTF-8, else as Windows-1252.
pub(crate) fn to_text(octets: &[u8], charset: Option<&str>) -> String {
    let charset = charset.unwrap_or("utf-8");
    if matches!(charset, "utf-8" | "utf8" | "us-ascii" | "ascii") {
        if let Ok(text) = std::str::from_utf8(octets) {
            return text.to_owned();
        }
    } else if let Some(decode) = charset_decoder(charset.as_bytes()) {
        return decode(octets);
    } else if let Ok(text) = std::str::from_utf8(octets) {
        return text.to_owned();
    }
    charset_decoder(b"windows-1252")
        .map_or_else(|| String::from_utf8_lossy(octets).into_owned(), |decode| decode(octets))
}
