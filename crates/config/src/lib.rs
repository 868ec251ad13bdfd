//! The config file, the customer directory and the password file, as each crate's settings.
//!
//! Whatever is wrong is said at once, with its place and what to do about it; nothing here has an
//! effect outside memory.

mod check;
mod config;
mod directory;
mod document;
mod errors;
mod load;
mod passwords;
mod section;
mod value;

pub use check::{Report, check};
pub use config::{
    AdminSettings, Config, CustomersSettings, HandoffMode, LogFormat, LogSettings, Mode, Peer,
    PeerIdentity, Unjudged, Unknown,
};
pub use directory::load_directory;
pub use errors::{Errors, Problem};
pub use load::{Purpose, admin_socket, load};
pub use passwords::{Passwords, ScramVerifier, load_passwords};
