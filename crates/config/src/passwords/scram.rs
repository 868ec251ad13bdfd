//! A stored password in the form that SCRAM needs, as PostgreSQL writes it:
//! `SCRAM-SHA-256$4096:SALT$STOREDKEY:SERVERKEY`, the last three in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What RFC 5802 §3 has a server keep of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramVerifier {
    /// How often the password was hashed.
    pub iterations: u32,
    /// With what.
    pub salt: Vec<u8>,
    /// Tells a right proof.
    pub stored_key: [u8; 32],
    /// Proves to the client that we know the password's verifier.
    pub server_key: [u8; 32],
}

/// What such a hash begins with.
pub(super) const SCRAM: &str = "SCRAM-SHA-256$";

/// RFC 7677 §4 has at least 4096; more than the upper bound would let one login keep a core busy.
const ITERATIONS: std::ops::RangeInclusive<u32> = 4096..=1_000_000;

/// The salt goes out in a reply of at most 512 octets.
const SALT_BYTES: std::ops::RangeInclusive<usize> = 8..=64;

impl ScramVerifier {
    /// Reads one; `None` for every other kind of hash.
    pub fn parse(hash: &str) -> Option<Self> {
        let (costs, keys) = hash.strip_prefix(SCRAM)?.split_once('$')?;
        let (iterations, salt) = costs.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let digits = iterations.bytes().all(|octet| octet.is_ascii_digit());
        let iterations = iterations.parse().ok().filter(|n| digits && ITERATIONS.contains(n))?;
        let salt = STANDARD.decode(salt).ok().filter(|salt| SALT_BYTES.contains(&salt.len()))?;
        let key = |text: &str| STANDARD.decode(text).ok()?.try_into().ok();
        let (stored_key, server_key) = (key(stored_key)?, key(server_key)?);
        Some(Self { iterations, salt, stored_key, server_key })
    }
}

/// Neither key belongs in a log.
impl std::fmt::Debug for ScramVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScramVerifier")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifiers() {
        let (salt, key) = ("W22ZaJ0SNY7soEsUEjb6gQ==", STANDARD.encode([7; 32]));
        let rows = [
            (format!("SCRAM-SHA-256$4096:{salt}${key}:{key}"), Some(4096)),
            (format!("SCRAM-SHA-256$1000000:{salt}${key}:{key}"), Some(1_000_000)),
            (format!("SCRAM-SHA-256$4095:{salt}${key}:{key}"), None),
            (format!("SCRAM-SHA-256$1000001:{salt}${key}:{key}"), None),
            (format!("SCRAM-SHA-256$+4096:{salt}${key}:{key}"), None),
            (format!("SCRAM-SHA-256$4096:AAAA${key}:{key}"), None),
            (format!("SCRAM-SHA-256$4096:{salt}${key}:AAAA"), None),
            (format!("SCRAM-SHA-256$4096:{salt}${key}"), None),
            (format!("SCRAM-SHA-1$4096:{salt}${key}:{key}"), None),
        ];
        for (hash, iterations) in rows {
            let got = ScramVerifier::parse(&hash).map(|verifier| verifier.iterations);
            assert_eq!(got, iterations, "{hash}");
        }
    }
}
