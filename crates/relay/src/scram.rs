//! SCRAM-SHA-256 (RFC 5802 §3): what is computed of a stored verifier.
//!
//! A login that does not exist, or whose password is stored otherwise, gets a salt that looks like
//! all others and stays the same, also in the next process, and no proof is ever right for it.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac, pbkdf2, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postern_config::{Passwords, ScramVerifier};
use postern_smtp::{Proof, Salt};

/// What a client gets to prove the password of `login`; `None` without randomness. `key` is kept
/// with the data and known to nobody.
pub(crate) fn salt(
    key: u64,
    login: &str,
    stored: Option<&ScramVerifier>,
    passwords: &Passwords,
) -> Option<Salt> {
    let mut nonce = [0; NONCE_BYTES];
    rand::fill(&mut nonce).ok()?;
    let nonce = STANDARD.encode(nonce);
    // Computed for everybody, as it takes time.
    let made_up = made_up(key, "salt", login);
    let like = passwords.scram_sample(pick(key, login));
    if let Some(ScramVerifier { salt, iterations, .. }) = stored {
        return Some(Salt { salt: salt.clone(), iterations: *iterations, nonce });
    }
    let (length, iterations) = like.map_or((16, 4096), |like| (like.salt.len(), like.iterations));
    let salt = made_up.iter().copied().cycle().take(length).collect();
    Some(Salt { salt, iterations, nonce })
}

/// Our own proof, where the client's is right.
pub(crate) fn prove(key: u64, proof: &Proof, stored: Option<&ScramVerifier>) -> Option<[u8; 32]> {
    let nobody = made_up(key, "key", &proof.login);
    let (stored_key, server_key) =
        stored.map_or((&nobody, &nobody), |verifier| (&verifier.stored_key, &verifier.server_key));
    let signature = mac(stored_key, proof.message.as_bytes());
    let mut client_key = proof.proof;
    client_key.iter_mut().zip(signature).for_each(|(octet, of_signature)| *octet ^= of_signature);
    let hashed = digest::digest(&digest::SHA256, &client_key);
    let right = verify_slices_are_equal(hashed.as_ref(), stored_key).is_ok();
    let ours = mac(server_key, proof.message.as_bytes());
    (right && stored.is_some()).then_some(ours)
}

/// Whether `password`, said in the clear, is the one of a verifier. Slow on purpose.
pub(crate) fn is_match(password: &str, stored: &ScramVerifier) -> bool {
    let Ok(iterations) = stored.iterations.try_into() else { return false };
    let mut salted = [0; 32];
    let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
    pbkdf2::derive(algorithm, iterations, &stored.salt, password.as_bytes(), &mut salted);
    let client_key = mac(&salted, b"Client Key");
    let hashed = digest::digest(&digest::SHA256, &client_key);
    verify_slices_are_equal(hashed.as_ref(), &stored.stored_key).is_ok()
}

/// A number that a login always gets, and that tells nothing of it.
pub(crate) fn pick(key: u64, login: &str) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = made_up(key, "pick", login);
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn made_up(key: u64, what: &str, login: &str) -> [u8; 32] {
    mac(&key.to_le_bytes(), [what, ":", login].concat().as_bytes())
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = [0; 32];
    let signed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
    mac.copy_from_slice(signed.as_ref());
    mac
}

/// As base64 24 letters, none of which is a comma.
const NONCE_BYTES: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the password `pencil`, with RFC 7677's salt, as docs/customers.md makes it.
    const PENCIL: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    /// The example of RFC 7677 §3.
    fn example() -> Proof {
        let both = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let message = format!(
            "n=user,r=rOprNGfwEbeRWgbNEkqO,{both},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,{both}"
        );
        let proof = STANDARD.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        Proof { login: "user".to_owned(), message, proof: proof.try_into().unwrap() }
    }

    #[test]
    fn the_example_is_right_and_all_else_is_wrong() {
        let stored = ScramVerifier::parse(PENCIL).unwrap();
        let ours = prove(7, &example(), Some(&stored)).unwrap();
        assert_eq!(STANDARD.encode(ours), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert_eq!(prove(7, &example(), None), None);
        let mut other = example();
        other.proof[31] ^= 1;
        assert_eq!(prove(7, &other, Some(&stored)), None);
        let mut other = example();
        other.message.push('x');
        assert_eq!(prove(7, &other, Some(&stored)), None);
    }

    #[test]
    fn a_verifier_takes_the_password_in_the_clear() {
        let stored = ScramVerifier::parse(PENCIL).unwrap();
        assert!(is_match("pencil", &stored));
        assert!(!is_match("Pencil", &stored) && !is_match("", &stored));
    }

    #[test]
    fn a_login_that_does_not_exist_has_a_salt() {
        let passwords = Passwords::default();
        let salt_of = |key, login| salt(key, login, None, &passwords).unwrap();
        let (first, again) = (salt_of(7, "nobody"), salt_of(7, "nobody"));
        assert_eq!((&first.salt, first.iterations), (&again.salt, 4096));
        assert_eq!(first.salt.len(), 16);
        assert_ne!(first.nonce, again.nonce);
        assert_ne!(first.salt, salt_of(7, "nobody else").salt);
        assert_ne!(first.salt, salt_of(8, "nobody").salt);
        let stored = ScramVerifier::parse(PENCIL).unwrap();
        let real = salt(7, "user", Some(&stored), &passwords).unwrap();
        assert_eq!((real.salt, real.iterations), (stored.salt, 4096));
    }
}
