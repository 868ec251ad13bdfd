//! Listeners, TLS, and the driver that moves octets between a socket and the machine of
//! `postern-wire`.

mod accept;
mod body;
mod caps;
mod certificate;
mod driver;
mod gate;
mod listen;
mod live;
mod proxy;
mod server;
mod session;
mod settings;
mod stream;
mod tls;

pub use caps::Counters;
pub use gate::{Connection, Gate, Proof, Salt, Secured, Xclient};
pub use server::{BindError, Server};
pub use settings::{CertificateFiles, Limits, Listener, Settings, TlsFiles, TlsMode};

#[cfg(test)]
mod tests;
