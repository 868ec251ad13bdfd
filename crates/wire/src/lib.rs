//! SMTP in both directions as state machines without I/O: octets and the time go in, replies and
//! events come out.
//!
//! Nothing here knows a socket, a clock, a file or a customer.

pub mod auth;
pub mod client;
pub mod codec;
pub mod command;
pub mod proxy;
pub mod replies;
pub mod reply;
pub mod server;
