//! What benches share: generated mail and customers; sink, floors and load generator; the readings
//! of a process's CPU time and memory.
//!
//! Nothing here is used by the product. `benches/README.md` says how each bench is run.

pub mod compare;
pub mod crowd;
pub mod customers;
pub mod floor;
pub mod house;
pub mod inbox;
pub mod load;
pub mod mail;
pub mod memory;
pub mod process;
pub mod sink;
pub mod statistics;
