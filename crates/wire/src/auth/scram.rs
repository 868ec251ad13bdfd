//! SCRAM-SHA-256 (RFC 5802, RFC 7677): the texts of an exchange, in order and each checked against
//! those before it. Nothing is computed here: who keeps the verifiers does that with [`Proof`].
//!
//! Channel binding is not offered (no `-PLUS`): a client that would have bound (`y`) goes on
//! without, one that wants to (`p=`) is refused. Names and passwords are compared octet for octet.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::replies::{self, Line};

/// What a client has to know to prove its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salt {
    /// Of the stored password.
    pub salt: Vec<u8>,
    /// How often it was hashed.
    pub iterations: u32,
    /// Our half of the nonce: printable ASCII without a comma, never used before.
    pub nonce: String,
}

/// What a client says to prove its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    /// Who.
    pub login: String,
    /// RFC 5802 §3: AuthMessage, which proof and signature are made over.
    pub message: String,
    /// ClientProof.
    pub proof: [u8; 32],
}

/// With a verifier it gives a key away; it does not belong in logs.
impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof").field("login", &self.login).finish_non_exhaustive()
    }
}

/// client-first-message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct First {
    pub(crate) login: String,
    /// gs2-header, which has to come back in the last message.
    header: String,
    /// client-first-message-bare.
    bare: String,
    nonce: String,
}

/// A challenge that waits for client-final-message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenged {
    login: String,
    header: String,
    nonce: String,
    /// Both first messages, as AuthMessage begins.
    messages: String,
}

/// A nonce comes back within a reply, which has 512 octets. Clients send 20 to 50.
const NONCE_MAX: usize = 128;

impl First {
    /// `n,[a=NAME],n=NAME,r=NONCE`, and extensions that need not be understood.
    pub(crate) fn parse(text: &str) -> Result<Self, Line> {
        let malformed = replies::AUTH_MALFORMED;
        let (binding, rest) = text.split_once(',').ok_or(malformed)?;
        match binding {
            "n" | "y" => {}
            _ if binding.starts_with("p=") => return Err(replies::UNKNOWN_MECHANISM),
            _ => return Err(malformed),
        }
        let (acts_for, bare) = rest.split_once(',').ok_or(malformed)?;
        let mut parts = bare.split(',');
        // `m=` in front, an extension that must be understood, is refused like anything else.
        let login = parts.next().and_then(|part| name(part.strip_prefix("n=")?));
        let nonce = parts.next().and_then(|part| part.strip_prefix("r="));
        let (Some(login), Some(nonce), true) = (login, nonce, parts.all(is_extension)) else {
            return Err(malformed);
        };
        let fits = nonce.bytes().all(|octet| octet.is_ascii_graphic());
        if !fits || !(1..=NONCE_MAX).contains(&nonce.len()) {
            return Err(malformed);
        }
        let for_itself = match acts_for.strip_prefix("a=") {
            Some(other) => name(other).ok_or(malformed)? == login,
            None if acts_for.is_empty() => true,
            None => return Err(malformed),
        };
        if login.is_empty() || !for_itself {
            return Err(replies::AUTH_FAILED);
        }
        let header = text.strip_suffix(bare).unwrap_or_default().to_owned();
        Ok(Self { login, header, bare: bare.to_owned(), nonce: nonce.to_owned() })
    }

    /// server-first-message, and what waits for its answer.
    pub(crate) fn challenge(self, salt: &Salt) -> (String, Challenged) {
        let Self { login, header, bare, nonce } = self;
        let nonce = nonce + &salt.nonce;
        let text = format!("r={nonce},s={},i={}", STANDARD.encode(&salt.salt), salt.iterations);
        let messages = format!("{bare},{text}");
        (text, Challenged { login, header, nonce, messages })
    }
}

impl Challenged {
    /// `c=GS2-HEADER,r=NONCE,p=PROOF`, with extensions before the proof.
    pub(crate) fn prove(self, text: &str) -> Result<Proof, Line> {
        let malformed = replies::AUTH_MALFORMED;
        let (unproven, proof) = text.rsplit_once(",p=").ok_or(malformed)?;
        let mut parts = unproven.split(',');
        let header = parts.next().and_then(|part| decode(part.strip_prefix("c=")?));
        let nonce = parts.next().and_then(|part| part.strip_prefix("r="));
        let (Some(header), Some(nonce), true) = (header, nonce, parts.all(is_extension)) else {
            return Err(malformed);
        };
        let proof = decode(proof).and_then(|proof| proof.try_into().ok()).ok_or(malformed)?;
        if header != self.header.as_bytes() || nonce != self.nonce {
            return Err(replies::AUTH_FAILED);
        }
        Ok(Proof { login: self.login, message: format!("{},{unproven}", self.messages), proof })
    }
}

/// server-final-message.
pub(crate) fn signed(signature: &[u8; 32]) -> String {
    format!("v={}", STANDARD.encode(signature))
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// `=2C` and `=3D` are comma and equals sign; no other `=` may be there (RFC 5802 §5.1).
fn name(text: &str) -> Option<String> {
    let mut pieces = text.split('=');
    let mut name = pieces.next()?.to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2)?;
        name.push(match code {
            "2C" | "2c" => ',',
            "3D" | "3d" => '=',
            _ => return None,
        });
        name.push_str(rest);
    }
    (!name.contains(char::is_control)).then_some(name)
}

/// `x=value`
fn is_extension(part: &str) -> bool {
    let (name, value) = part.split_once('=').unwrap_or_default();
    name.len() == 1 && name.bytes().all(|octet| octet.is_ascii_alphabetic()) && !value.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

    fn salt() -> Salt {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        Salt { salt, iterations: 4096, nonce: OURS.to_owned() }
    }

    /// The example of RFC 7677 §3.
    #[test]
    fn the_example() {
        let first = First::parse("n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        assert_eq!(first.login, "user");
        let (challenge, challenged) = first.challenge(&salt());
        let both = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        assert_eq!(challenge, format!("{both},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
        let last = format!("c=biws,{both},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let proof = challenged.prove(&last).unwrap();
        assert_eq!(proof.login, "user");
        assert_eq!(STANDARD.encode(proof.proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let message = format!("n=user,r=rOprNGfwEbeRWgbNEkqO,{challenge},c=biws,{both}");
        assert_eq!(proof.message, message);
        assert!(!format!("{proof:?}").contains("dHzb"));
    }

    #[test]
    fn first_messages() {
        let long = format!("n,,n=u,r={}", "x".repeat(129));
        let rows: &[(&str, Result<&str, Line>)] = &[
            ("n,,n=u,r=x", Ok("u")),
            ("y,,n=u,r=x,e=ext", Ok("u")),
            ("n,a=u,n=u,r=x", Ok("u")),
            ("n,,n=a=2Cb=3dc@d.test,r=x", Ok("a,b=c@d.test")),
            ("n,,n=\u{fc}@d.test,r=x", Ok("\u{fc}@d.test")),
            ("n,a=other,n=u,r=x", Err(replies::AUTH_FAILED)),
            ("n,,n=,r=x", Err(replies::AUTH_FAILED)),
            ("p=tls-exporter,,n=u,r=x", Err(replies::UNKNOWN_MECHANISM)),
            ("n,,m=must,n=u,r=x", Err(replies::AUTH_MALFORMED)),
            ("n,,n=u=2,r=x", Err(replies::AUTH_MALFORMED)),
            ("n,,n=u=4A,r=x", Err(replies::AUTH_MALFORMED)),
            ("n,,n=u\0,r=x", Err(replies::AUTH_MALFORMED)),
            ("n,,n=u,r=", Err(replies::AUTH_MALFORMED)),
            ("n,,n=u,r=x y", Err(replies::AUTH_MALFORMED)),
            ("n,,n=u,r=x,", Err(replies::AUTH_MALFORMED)),
            ("n,,r=x,n=u", Err(replies::AUTH_MALFORMED)),
            ("n,b=u,n=u,r=x", Err(replies::AUTH_MALFORMED)),
            ("n,n=u,r=x", Err(replies::AUTH_MALFORMED)),
            ("N,,n=u,r=x", Err(replies::AUTH_MALFORMED)),
            ("n", Err(replies::AUTH_MALFORMED)),
            ("", Err(replies::AUTH_MALFORMED)),
            (&long, Err(replies::AUTH_MALFORMED)),
        ];
        for (text, expect) in rows {
            let got = First::parse(text).map(|first| first.login);
            assert_eq!(got, expect.map(str::to_owned), "{text:?}");
        }
    }

    #[test]
    fn last_messages() {
        let proof = STANDARD.encode([7; 32]);
        let both = format!("x{OURS}");
        let rows = [
            (format!("c=eSws,r={both},p={proof}"), Ok(())),
            (format!("c=eSws,r={both},z=ext,p={proof}"), Ok(())),
            (format!("c=biws,r={both},p={proof}"), Err(replies::AUTH_FAILED)),
            (format!("c=eSws,r={OURS},p={proof}"), Err(replies::AUTH_FAILED)),
            (format!("c=eSws,r=x,p={proof}"), Err(replies::AUTH_FAILED)),
            (format!("c=eSws,r={both},z,p={proof}"), Err(replies::AUTH_MALFORMED)),
            (format!("c=eSw,r={both},p={proof}"), Err(replies::AUTH_MALFORMED)),
            (format!("c=eSws,r={both},p=AAAA"), Err(replies::AUTH_MALFORMED)),
            (format!("c=eSws,r={both}"), Err(replies::AUTH_MALFORMED)),
            (format!("r={both},c=eSws,p={proof}"), Err(replies::AUTH_MALFORMED)),
        ];
        for (text, expect) in rows {
            let (_, challenged) = First::parse("y,,n=u,r=x").unwrap().challenge(&salt());
            assert_eq!(challenged.prove(&text).map(drop), expect, "{text}");
        }
    }
}
