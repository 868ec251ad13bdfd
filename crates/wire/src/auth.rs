//! AUTH with a password: PLAIN (RFC 4616), LOGIN and SCRAM-SHA-256 (RFC 7677), as an exchange of
//! lines (RFC 4954 §4).
//!
//! Whether anybody may authenticate here is the session's question, whether the password is right
//! the gate's.

pub(crate) mod scram;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use self::scram::{Challenged, First};
pub use self::scram::{Proof, Salt};
use crate::replies::{self, Line};

/// What a client authenticates with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who.
    pub login: String,
    /// By which secret.
    pub password: String,
}

/// A password never reaches a log.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("login", &self.login).finish_non_exhaustive()
    }
}

/// Mechanisms, as EHLO names them.
pub(crate) const MECHANISMS: &str = "PLAIN LOGIN";
/// One more, where passwords are stored in its form.
pub(crate) const SCRAM: &str = "SCRAM-SHA-256";

/// An exchange that waits for the client's next line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// PLAIN, without its initial response.
    Plain,
    /// LOGIN, before its name.
    Login,
    /// LOGIN, before its password.
    Password(String),
    /// SCRAM, without its initial response.
    Scram,
    /// SCRAM, before its proof.
    Challenged(Box<Challenged>),
    /// SCRAM, the proof was right: the client may still find that our signature is not.
    Signed(String),
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Say this and wait for a line.
    Challenge(Line, Exchange),
    /// Ask whether these are right.
    Check(Credentials),
    /// Ask what the password of this login is salted with.
    Salt(Box<First>),
    /// Ask whether this proves the password.
    Prove(Box<Proof>),
    /// Both sides have proved what they had to.
    Known(String),
}

/// `VXNlcm5hbWU6` and `UGFzc3dvcmQ6` are `Username:` and `Password:`; clients wait for these very
/// words.
const USERNAME: Line = "334 VXNlcm5hbWU6";
const PASSWORD: Line = "334 UGFzc3dvcmQ6";
const EMPTY: Line = "334 ";

/// AUTH with its mechanism and its initial response, if any; `scram`: that is offered.
pub(crate) fn begin(mechanism: &str, initial: Option<&str>, scram: bool) -> Result<Next, Line> {
    let is = |name: &str| mechanism.eq_ignore_ascii_case(name);
    let (challenge, exchange) = match () {
        () if is("PLAIN") => (EMPTY, Exchange::Plain),
        () if is("LOGIN") => (USERNAME, Exchange::Login),
        () if scram && is(SCRAM) => (EMPTY, Exchange::Scram),
        () => return Err(replies::UNKNOWN_MECHANISM),
    };
    match initial {
        None => Ok(Next::Challenge(challenge, exchange)),
        // RFC 4954 §4: `=` is a response of no octets.
        Some("=") => exchange.advance(b""),
        Some(initial) => exchange.advance(initial.as_bytes()),
    }
}

impl Exchange {
    /// The client's next line.
    pub(crate) fn advance(self, line: &[u8]) -> Result<Next, Line> {
        if line == b"*" {
            return Err(replies::AUTH_CANCELLED);
        }
        let octets = STANDARD.decode(line).map_err(|_| replies::AUTH_MALFORMED)?;
        let text = String::from_utf8(octets).map_err(|_| replies::AUTH_MALFORMED)?;
        match self {
            Self::Plain => plain(&text).map(Next::Check),
            Self::Scram => First::parse(&text).map(|first| Next::Salt(Box::new(first))),
            Self::Challenged(challenged) => {
                challenged.prove(&text).map(|proof| Next::Prove(Box::new(proof)))
            }
            Self::Signed(login) if text.is_empty() => Ok(Next::Known(login)),
            Self::Signed(_) => Err(replies::AUTH_MALFORMED),
            _ if text.contains('\0') => Err(replies::AUTH_MALFORMED),
            Self::Login => Ok(Next::Challenge(PASSWORD, Self::Password(text))),
            Self::Password(login) => check(&login, &text).map(Next::Check),
        }
    }
}

/// `authzid NUL authcid NUL passwd`. Acting for somebody else is offered to nobody.
fn plain(text: &str) -> Result<Credentials, Line> {
    let mut parts = text.split('\0');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(acts_for), Some(login), Some(password), None) => {
            if !acts_for.is_empty() && acts_for != login {
                return Err(replies::AUTH_FAILED);
            }
            check(login, password)
        }
        _ => Err(replies::AUTH_MALFORMED),
    }
}

/// An empty login or password is nobody's: answered like a wrong one, without asking.
fn check(login: &str, password: &str) -> Result<Credentials, Line> {
    if login.is_empty() || password.is_empty() {
        return Err(replies::AUTH_FAILED);
    }
    Ok(Credentials { login: login.to_owned(), password: password.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mechanism, initial response, further lines; login and password, or the refusal.
    type Row =
        (&'static str, Option<&'static str>, &'static [&'static str], Result<&'static str, Line>);

    #[test]
    fn exchanges() {
        let b64 = |text: &str| STANDARD.encode(text);
        let rows: &[Row] = &[
            ("plain", Some("\0u\0p"), &[], Ok("u p")),
            ("PLAIN", None, &["u\0u\0p"], Ok("u p")),
            ("PLAIN", Some("x\0u\0p"), &[], Err(replies::AUTH_FAILED)),
            ("PLAIN", Some("\0u\0"), &[], Err(replies::AUTH_FAILED)),
            ("PLAIN", Some("\0\0p"), &[], Err(replies::AUTH_FAILED)),
            ("PLAIN", Some("\0u\0p\0"), &[], Err(replies::AUTH_MALFORMED)),
            ("PLAIN", Some("up"), &[], Err(replies::AUTH_MALFORMED)),
            ("LOGIN", None, &["u", "p"], Ok("u p")),
            ("LOGIN", Some("u"), &["p"], Ok("u p")),
            ("LOGIN", Some("u"), &["p\0q"], Err(replies::AUTH_MALFORMED)),
            ("CRAM-MD5", None, &[], Err(replies::UNKNOWN_MECHANISM)),
            ("SCRAM-SHA-256-PLUS", Some("n,,n=u,r=x"), &[], Err(replies::UNKNOWN_MECHANISM)),
            ("scram-sha-256", Some("n,,n=u,r=x"), &[], Ok("salt of u")),
            ("SCRAM-SHA-256", None, &["n,,n=u,r=x"], Ok("salt of u")),
        ];
        for (mechanism, initial, lines, expect) in rows {
            let initial = initial.map(b64);
            let mut next = begin(mechanism, initial.as_deref(), true);
            for line in *lines {
                let Ok(Next::Challenge(challenge, exchange)) = next else { panic!("{next:?}") };
                assert!(challenge.starts_with("334 "));
                next = exchange.advance(b64(line).as_bytes());
            }
            let got = next.map(|next| match next {
                Next::Check(c) => format!("{} {}", c.login, c.password),
                Next::Salt(first) => format!("salt of {}", first.login),
                other => format!("{other:?}"),
            });
            assert_eq!(got, expect.map(str::to_owned), "{mechanism} {initial:?} {lines:?}");
        }
    }

    #[test]
    fn bad_base64_and_cancel() {
        for line in ["!!!", "=", "a", "ab", "abc", "QUFB=QUFB"] {
            assert_eq!(Exchange::Plain.advance(line.as_bytes()), Err(replies::AUTH_MALFORMED));
        }
        assert_eq!(Exchange::Login.advance(b"*"), Err(replies::AUTH_CANCELLED));
        assert_eq!(begin("PLAIN", Some("="), true), Err(replies::AUTH_MALFORMED));
        assert_eq!(begin("SCRAM-SHA-256", None, false), Err(replies::UNKNOWN_MECHANISM));
    }

    #[test]
    fn a_password_is_not_printed() {
        let credentials = Credentials { login: "u".into(), password: "geheim".into() };
        assert!(!format!("{credentials:?}").contains("geheim"));
    }
}
