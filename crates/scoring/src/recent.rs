//! Messages of the last days, so that later news find the stream they are about.

use std::collections::{HashMap, VecDeque};

use postern_mail::{CustomerId, Lane, MessageId, Origin, Timestamp};
use serde::{Deserialize, Serialize};

use crate::campaigns::Number;
use crate::known::Who;
use crate::pairs;

/// What is remembered of a message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Brief {
    pub(crate) customer: CustomerId,
    pub(crate) origin: Origin,
    pub(crate) lane: Lane,
    pub(crate) campaign: Option<Number>,
    /// Recipients that were strangers, as long as nothing is known of them.
    pub(crate) strangers: Vec<Who>,
    /// Whether it was handed on.
    pub(crate) forwarded: bool,
}

/// The messages, oldest forgotten first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Recent {
    #[serde(with = "pairs")]
    all: HashMap<MessageId, Brief>,
    order: VecDeque<(Timestamp, MessageId)>,
}

/// News of a message come within days or not at all (bounces after five days at most, RFC 5321
/// §4.5.4.1).
const DAYS_MAX: u64 = 5;

impl Recent {
    /// Remembers.
    pub(crate) fn insert(&mut self, id: MessageId, brief: Brief, now: Timestamp, most: u32) {
        self.all.insert(id, brief);
        self.order.push_back((now, id));
        while let Some((at, oldest)) = self.order.front().copied() {
            if self.order.len() <= most as usize && now.since(at).as_secs() < DAYS_MAX * 86_400 {
                break;
            }
            self.order.pop_front();
            self.all.remove(&oldest);
        }
    }

    /// By id.
    pub(crate) fn get(&mut self, id: MessageId) -> Option<&mut Brief> {
        self.all.get_mut(&id)
    }
}
