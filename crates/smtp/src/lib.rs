//! Listeners, TLS, and the driver that moves octets between a socket and the machine of
//! `postern-wire`.

mod accept;
mod caps;
mod gate;
mod listen;
mod live;
mod server;
mod session;
mod settings;
mod tls;

pub use caps::Counters;
pub use gate::{Connection, Gate, Secured, Xclient};
pub use server::{BindError, Server};
pub use settings::{Limits, Listener, Settings, TlsFiles, TlsMode};
