//! Listeners, TLS, and the driver that moves octets between a socket and the machine of
//! `postern-wire`.

mod gate;
mod settings;

pub use gate::{Connection, Gate, Secured, Xclient};
pub use settings::{Limits, Listener, Settings, TlsFiles, TlsMode};
