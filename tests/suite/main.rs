//! Holds the house to what it says of itself: who may import whom, what it may be built of, and
//! that its documents name what is there.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test file as a whole")]

mod dependencies;
mod documents;
mod edges;
