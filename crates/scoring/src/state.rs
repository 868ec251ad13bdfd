//! What the engine remembers. Everything here is in the snapshot; nothing here decides.

use std::collections::{BTreeMap, HashMap, VecDeque};

use postern_mail::{BatchId, CaseId, CustomerId, Hit, Lane, Origin, Timestamp};
use serde::{Deserialize, Serialize};

use crate::act::Case;
use crate::campaigns::Campaigns;
use crate::fates::Fates;
use crate::known::{Known, Who};
use crate::pairs;
use crate::places::{Places, Shared};
use crate::recent::Recent;
use crate::rules::Family;
use crate::victims::Victims;
use crate::window::{Window, Windows};

/// All of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct State {
    #[serde(with = "pairs")]
    pub(crate) customers: HashMap<CustomerId, CustomerState>,
    pub(crate) campaigns: Campaigns,
    pub(crate) victims: Victims,
    pub(crate) shared: Shared,
    pub(crate) recent: Recent,
    #[serde(with = "pairs")]
    pub(crate) holds: BTreeMap<u64, Hold>,
    /// When a hold wants to be looked at; ordered, so that equal times are taken in order of age.
    pub(crate) timers: std::collections::BTreeSet<(Timestamp, u64)>,
    #[serde(with = "pairs")]
    pub(crate) cases: BTreeMap<u64, Case>,
    /// The newest case that names an origin; made anew from the cases.
    #[serde(skip)]
    pub(crate) case_of: HashMap<(CustomerId, Origin), u64>,
    pub(crate) outage: Outage,
    /// Holds for speed that began lately, by customer.
    pub(crate) trips: VecDeque<(Timestamp, CustomerId)>,
    /// When a delivery was last heard of: without news there is no proving clean.
    pub(crate) heard_at: Option<Timestamp>,
    /// Next number of a hold or case.
    pub(crate) next: u64,
    /// The latest time that was told.
    pub(crate) now: Timestamp,
}

/// The last outage of all upstreams.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Outage {
    pub(crate) down: Option<Timestamp>,
    pub(crate) up: Option<Timestamp>,
}

/// One customer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct CustomerState {
    pub(crate) first_seen: Timestamp,
    pub(crate) known: Known,
    /// Different recipients.
    pub(crate) recipients: Windows,
    #[serde(with = "pairs")]
    pub(crate) origins: HashMap<Origin, OriginState>,
    /// When scripts never seen before came, of the last hour; bounded by the setting.
    pub(crate) newcomers: VecDeque<Timestamp>,
    /// Strangers of all scripts that are not a day old, in a minute.
    pub(crate) newcomers_strangers: Window,
    pub(crate) suspended: Option<Suspended>,
    pub(crate) allowances: Vec<Allowance>,
    /// When a case about one of its origins last grew.
    pub(crate) case_at: Option<Timestamp>,
}

/// Room granted by a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Allowance {
    pub(crate) left: u32,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

/// May not send.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Suspended {
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) case: Option<u64>,
    pub(crate) reason: String,
    /// What stopped it came from an unfamiliar network: the owner at home is not the one.
    pub(crate) from_afar: bool,
}

/// One origin.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct OriginState {
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    /// Different recipients.
    pub(crate) recipients: Windows,
    pub(crate) places: Places,
    /// Messages to strangers from unfamiliar networks, in a minute.
    pub(crate) from_afar: Window,
    pub(crate) suspended: Option<Suspended>,
    /// Automatic replies.
    pub(crate) replies: Windows,
    /// When whom, of the last day.
    #[serde(with = "pairs")]
    pub(crate) replied: HashMap<Who, Timestamp>,
    /// When the next paced message may go.
    pub(crate) next_paced: Timestamp,
    pub(crate) streams: BTreeMap<Lane, Stream>,
}

/// One lane of an origin.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Stream {
    /// Strangers.
    pub(crate) strangers: Windows,
    /// All different recipients.
    pub(crate) everybody: Windows,
    pub(crate) fates: Fates,
    /// Running mean of content points of mail to strangers, in hundredths.
    pub(crate) content: i32,
    /// Most strangers in an hour and in a minute while clean, and when.
    pub(crate) peak_hour: u32,
    pub(crate) peak_minute: u32,
    pub(crate) peak_at: Timestamp,
    /// The same of the hour that runs: it counts when the hour is over and was clean, so that a
    /// burst does not make its own excuse.
    pub(crate) running: Running,
    /// Earned room: strangers a minute.
    pub(crate) room: u32,
    pub(crate) hold: Option<u64>,
    /// A person said that it is innocent.
    pub(crate) cleared_at: Option<Timestamp>,
    /// Messages to strangers handed on lately, for the count of what escaped.
    pub(crate) passed: Windows,
}

/// Most strangers in an hour and in a minute since then.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) since: Timestamp,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
}

/// A stream held back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hold {
    pub(crate) customer: CustomerId,
    pub(crate) origin: Origin,
    pub(crate) lane: Lane,
    pub(crate) since: Timestamp,
    /// When it is looked at next.
    pub(crate) check: Timestamp,
    /// Held mail, in order; the first batches are small, to be let go as probes, then each has twice
    /// the messages of the one before, to be let go in stages.
    pub(crate) batches: VecDeque<Batch>,
    pub(crate) batches_made: u32,
    pub(crate) probes: u32,
    /// What spoke against it at its last message, but for speed.
    pub(crate) hits: Vec<WeighedHit>,
    /// Most strangers in a minute.
    pub(crate) fastest: u32,
    /// A person's allowance came while it was held.
    pub(crate) allowed_until: Option<Timestamp>,
}

/// Mail held together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Batch {
    pub(crate) id: BatchId,
    pub(crate) messages: u32,
    pub(crate) recipients: u32,
    /// Strangers in it: they become known when it goes.
    pub(crate) strangers: Vec<Who>,
    /// Some messages of it, for a case.
    pub(crate) samples: Vec<postern_mail::MessageId>,
    /// Campaigns in it, each once.
    pub(crate) campaigns: Vec<u32>,
}

/// A hit with its family, which the decision does not carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WeighedHit {
    pub(crate) family: Family,
    pub(crate) hit: Hit,
}

impl State {
    /// A new number.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A case's public id.
    pub(crate) fn case_id(&self, case: Option<u64>) -> Option<CaseId> {
        self.cases.get(&case?).map(|case| case.id.clone())
    }

    /// The open case that names an origin. No origin is in two: while one is open, what the origin
    /// does is added to it.
    pub(crate) fn open_case_of(&self, who: &(CustomerId, Origin)) -> Option<u64> {
        let number = *self.case_of.get(who)?;
        self.cases.get(&number).is_some_and(|case| !case.closed).then_some(number)
    }

    /// Finds each origin's newest case.
    pub(crate) fn index_cases(&mut self) {
        let named = |(number, case): (&u64, &Case)| {
            case.origins.iter().map(|who| (who.clone(), *number)).collect::<Vec<_>>()
        };
        self.case_of = self.cases.iter().flat_map(named).collect();
    }

    /// Forgets the oldest case.
    pub(crate) fn forget_case(&mut self) {
        let Some((number, case)) = self.cases.pop_first() else { return };
        for who in &case.origins {
            if self.case_of.get(who) == Some(&number) {
                self.case_of.remove(who);
            }
        }
    }

    /// The stream of a hold.
    pub(crate) fn stream_of(&mut self, hold: &Hold) -> Option<&mut Stream> {
        stream_among(&mut self.customers, hold)
    }

    /// A hold and its stream, as far as there are any.
    pub(crate) fn hold_and_stream(&mut self, number: u64) -> Option<(&Hold, Option<&mut Stream>)> {
        let hold = self.holds.get(&number)?;
        Some((hold, stream_among(&mut self.customers, hold)))
    }
}

fn stream_among<'a>(
    customers: &'a mut HashMap<CustomerId, CustomerState>,
    hold: &Hold,
) -> Option<&'a mut Stream> {
    let customer = customers.get_mut(&hold.customer)?;
    customer.origins.get_mut(&hold.origin)?.streams.get_mut(&hold.lane)
}

impl Suspended {
    /// Whether it still holds.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        self.until > now
    }
}
