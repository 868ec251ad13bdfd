//! The door between the front end and whoever decides: the relay, or the demo's sink.
//!
//! The front end knows SMTP and sockets, the gate knows customers. Refusals are replies, not errors.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use postern_mail::{Content, Envelope, Recipient, Reply};
pub use postern_wire::auth::{Proof, Salt};
pub use postern_wire::command::Xclient;

/// Decides about sessions. One gate serves all connections; what it remembers of one is its
/// `Session`.
pub trait Gate: Send + Sync + 'static {
    /// What the gate knows of one connection.
    type Session: Send + 'static;

    /// A peer has connected (PROXY header read). `Err`: it is told this and disconnected.
    fn connect(&self, connection: &Connection) -> Result<Self::Session, Reply>;

    /// EHLO or HELO. Told again after STARTTLS and XCLIENT.
    fn hello(&self, session: &mut Self::Session, helo: &str, esmtp: bool);

    /// The session is encrypted now; whatever was known before was said in the clear.
    fn secured(&self, session: &mut Self::Session, tls: &Secured);

    /// AUTH with a password (PLAIN, LOGIN). `Err`: 535, or 454 where it cannot be checked now.
    fn auth(
        &self,
        session: &mut Self::Session,
        login: &str,
        password: &str,
    ) -> impl Future<Output = Result<(), Reply>> + Send;

    /// Whether AUTH SCRAM-SHA-256 is offered to a session that begins now.
    fn offers_scram(&self) -> bool {
        false
    }

    /// SCRAM begins: what the login's password is salted with. Of a login that does not exist
    /// something that looks the same, and the same each time.
    fn salt(&self, _: &mut Self::Session, _login: &str) -> Result<Salt, Reply> {
        Err(no_scram())
    }

    /// SCRAM's proof: our own for a right one. Nobody is known by it yet: the client may still
    /// find that ours is not right.
    fn prove(&self, _: &mut Self::Session, _: &Proof) -> Result<[u8; 32], Reply> {
        Err(no_scram())
    }

    /// SCRAM ends: whom `prove` found right is known from here.
    fn known(&self, _: &mut Self::Session, _login: &str) {}

    /// XCLIENT from a network that may say it: attributes as decoded, the session starts over.
    fn xclient(&self, session: &mut Self::Session, attributes: &Xclient) -> Result<(), Reply>;

    /// MAIL; `envelope` has no recipients yet.
    fn mail(
        &self,
        session: &mut Self::Session,
        envelope: &Envelope,
    ) -> impl Future<Output = Result<(), Reply>> + Send;

    /// RCPT; `envelope` holds those accepted before.
    fn rcpt(
        &self,
        session: &mut Self::Session,
        envelope: &Envelope,
        recipient: &Recipient,
    ) -> impl Future<Output = Result<(), Reply>> + Send;

    /// The whole message, well-formed as far as SMTP goes. The reply is the answer to its end.
    fn message(
        &self,
        session: &mut Self::Session,
        envelope: Envelope,
        content: Arc<dyn Content>,
    ) -> impl Future<Output = Reply> + Send;
}

fn no_scram() -> Reply {
    Reply::new(535, 7, 8, "Authentication failed")
}

/// A connection as it was accepted.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The client, after PROXY.
    pub client: SocketAddr,
    /// Our side.
    pub local: SocketAddr,
    /// The socket's other end, before PROXY.
    pub peer: IpAddr,
}

/// What a TLS handshake showed.
#[derive(Debug, Clone)]
pub struct Secured {
    /// `TLSv1.3`.
    pub version: &'static str,
    /// Cipher suite's name.
    pub cipher: String,
    /// Subject name (CN, else first DNS or e-mail SAN) of a client certificate that our CA signed.
    pub certificate: Option<String>,
}
