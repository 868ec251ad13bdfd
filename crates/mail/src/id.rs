//! Names of things, each a type of its own so that none is taken for another.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A text that names one kind of thing; cheap to clone.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// From its text.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }
            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A customer, by the id of the directory.
    CustomerId
);
name!(
    /// A case under review.
    CaseId
);
name!(
    /// Messages that are nearly the same.
    CampaignId
);
name!(
    /// Mail held together: released together, or quarantined together.
    BatchId
);

/// A submission's id: 16 letters and digits, sorted by time of arrival, the same in reply, log and list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId([u8; 16]);

impl MessageId {
    /// Of 48 bits of milliseconds and 32 bits that tell apart what came in the same one.
    pub fn new(at: Timestamp, tail: u32) -> Self {
        let bits = (u128::from(at.millis()) & 0xffff_ffff_ffff) << 32 | u128::from(tail);
        let mut text = [0; 16];
        for (i, octet) in text.iter_mut().enumerate() {
            *octet = ALPHABET[(bits >> (75 - 5 * i)) as usize & 31];
        }
        Self(text)
    }

    /// From its text, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        let octets: [u8; 16] = text.as_bytes().try_into().ok()?;
        let octets = octets.map(|o| o.to_ascii_uppercase());
        octets.iter().all(|o| ALPHABET.contains(o)).then_some(Self(octets))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Crockford's base 32: no letter that is read as another.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for MessageId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).ok_or("a message id has 16 letters and digits")
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.as_str().to_owned()
    }
}

/// Hands out message ids that differ within a process by a counter and between processes by where
/// it starts.
#[derive(Debug)]
pub struct IdSource {
    next: AtomicU64,
}

impl IdSource {
    /// `seed` is any random number.
    pub fn new(seed: u64) -> Self {
        Self { next: AtomicU64::new(seed) }
    }

    /// A new id for something that came at `at`.
    pub fn next(&self, at: Timestamp) -> MessageId {
        MessageId::new(at, self.next.fetch_add(1, Ordering::Relaxed) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_read_back() {
        let early = MessageId::new(Timestamp::from_millis(1_795_554_000_000), u32::MAX);
        let late = MessageId::new(Timestamp::from_millis(1_795_554_000_001), 0);
        assert!(early < late);
        assert_eq!(MessageId::parse(&early.to_string().to_lowercase()), Some(early));
        assert_eq!(MessageId::parse("tooshort"), None);
        assert_eq!(MessageId::parse("UUUUUUUUUUUUUUUU"), None);
    }
}
