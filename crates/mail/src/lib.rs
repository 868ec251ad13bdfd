//! Ground types of Postern: what every crate means by an address, an envelope, a customer, a decision, a reply.
//!
//! Pure values without I/O. Nothing here knows SMTP's dialogue, a socket or a file.
//! The words are those of the glossary in `ARCHITECTURE.md`.

mod address;
mod clock;
mod content;
mod decision;
mod directory;
mod envelope;
mod id;
mod identity;
mod reply;
mod submission;

pub use address::{Address, AddressError};
pub use clock::{Clock, SystemClock, Timestamp};
pub use content::{Content, Pieces, read_all};
pub use decision::{Decision, Hit, Points, Verb};
pub use directory::{Customer, Directory, DirectoryError, Login, NetworkMap};
pub use envelope::{BodyKind, DsnNotify, DsnReturn, Envelope, Recipient};
pub use id::{BatchId, CampaignId, CaseId, CustomerId, IdSource, MessageId};
pub use identity::{Identity, Lane, Method, Origin, OriginKind};
pub use reply::{Enhanced, Reply};
pub use submission::{Client, Submission};
