//! The engine: `admit`, `judge`, `learn`, `tick`, all synchronous, all taking `now`.
//!
//! A decision is a function of facts, memory and time alone: no clock, no randomness, and no map's
//! order of iteration takes part. Time never steps back: an earlier `now` counts as the latest.

mod balance;
mod condemn;
mod flush;
mod hold;
mod judge;
mod learn;
mod meet;
mod notices;
mod special;
#[cfg(test)]
mod tests;
mod views;
mod weigh;

use std::sync::Arc;

use postern_mail::{
    Client, CustomerId, Decision, Directory, Identity, Lane, Origin, OriginKind, Timestamp, Verb,
};
use serde::{Deserialize, Serialize};

use crate::act::Act;
use crate::lane::is_site;
use crate::rules;
use crate::settings::Settings;
use crate::state::{State, Suspended};

/// Judges streams of mail.
pub struct Engine {
    settings: Arc<Settings>,
    directory: Arc<Directory>,
    key: u64,
    state: State,
}

/// Why a snapshot was not taken over.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It is damaged.
    #[error("snapshot of the engine is unreadable: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It was written by another release.
    #[error("snapshot of the engine has version {found}, this release reads {VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// It was written by a clock that went ahead, or the clock is behind now. Time never steps back
    /// in here: it would stand still until that time, and no window would pass.
    #[error(
        "snapshot of the engine was written at {written}, and the clock says {now}: one of them is \
         wrong"
    )]
    Ahead {
        /// Its time.
        written: Timestamp,
        /// The time now.
        now: Timestamp,
    },
}

/// How far a snapshot may be ahead of the clock: more than what setting a clock right takes.
const AHEAD_MAX: std::time::Duration = std::time::Duration::from_secs(600);
/// Version of the snapshot.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    key: u64,
    state: &'a State,
}

#[derive(Deserialize)]
struct Head {
    version: u32,
}

#[derive(Deserialize)]
struct Read {
    key: u64,
    state: State,
}

impl Engine {
    /// An engine that remembers nothing. `key` keeps hashes of recipients from being guessed; a
    /// restored snapshot brings its own.
    pub fn new(settings: Arc<Settings>, directory: Arc<Directory>, key: u64) -> Self {
        Self { settings, directory, key, state: State::default() }
    }

    /// New settings and customers from now on; what is remembered stays.
    pub fn reload(&mut self, settings: Arc<Settings>, directory: Arc<Directory>) {
        self.settings = settings;
        self.directory = directory;
    }

    /// Before the message: the refusal, where the sender is suspended as a whole. An origin that was
    /// honest before keeps writing to those it knows, so that is left to [`Self::judge`].
    pub fn admit(
        &mut self,
        identity: &Identity,
        _client: &Client,
        now: Timestamp,
    ) -> Option<Decision> {
        let now = self.advance(now);
        let customer = self.state.customers.get(&customer_key(identity))?;
        let of_customer = customer.suspended.as_ref().filter(|s| s.holds(now));
        let origin = customer.origins.get(&identity.origin);
        let of_origin = origin.and_then(|origin| {
            let suspended = origin.suspended.as_ref().filter(|s| s.holds(now))?;
            // By a person: all of it. By the engine: what a site still sends is kept for the case.
            let whole = suspended.case.is_none() || !was_proven(origin.first_seen, suspended);
            (whole && !is_site(identity)).then_some(suspended)
        });
        let whole = of_customer.is_some();
        let suspended = of_customer.or(of_origin)?;
        let lane = if is_site(identity) { Lane::Script } else { Lane::Mailbox };
        Some(self.refusal_of_suspended(identity, lane, suspended, whole))
    }

    /// The words to a suspended sender, `whole`: to one of a suspended customer.
    fn refusal_of_suspended(
        &self,
        who: &Identity,
        lane: Lane,
        why: &Suspended,
        whole: bool,
    ) -> Decision {
        let hit = postern_mail::Hit {
            rule: rules::SUSPENDED.id.into(),
            points: postern_mail::Points::default(),
            why: format!("{} is suspended since {}: {}", who.origin, why.since, why.reason),
        };
        let since = why.since.to_string();
        let since = since.get(..16).unwrap_or_default().replace('T', " ");
        let text = match whole {
            true => {
                format!("All mail of this customer is suspended since {since} UTC. Ask your host")
            }
            false => format!(
                "Mail of {} is suspended since {since} UTC; other senders of the contract may write. \
                 Ask your host",
                in_words(&who.origin)
            ),
        };
        Decision {
            verb: Verb::Refuse,
            hits: vec![hit],
            case: self.state.case_id(why.case),
            text: Some(text),
            ..Decision::forward(lane)
        }
    }

    /// When [`Self::tick`] wants to be called.
    pub fn due(&self) -> Option<Timestamp> {
        self.state.timers.first().map(|(at, _)| *at)
    }

    /// Looks at holds whose time has come.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Act> {
        let now = self.advance(now);
        let mut acts = Vec::new();
        while let Some((at, hold)) = self.state.timers.first().copied()
            && at <= now
        {
            self.state.timers.remove(&(at, hold));
            self.check_hold(hold, now, &mut acts);
        }
        acts
    }

    /// Everything that is remembered.
    pub fn snapshot(&self) -> Vec<u8> {
        let written = Written { version: VERSION, key: self.key, state: &self.state };
        // Maps are written as pairs and all keys are plain: there is nothing that JSON cannot hold.
        serde_json::to_vec(&written).unwrap_or_default()
    }

    /// Takes over what another engine remembered until `now`.
    pub fn restore(&mut self, bytes: &[u8], now: Timestamp) -> Result<(), SnapshotError> {
        let Head { version } = serde_json::from_slice(bytes)?;
        if version != VERSION {
            return Err(SnapshotError::Version { found: version });
        }
        let Read { key, state } = serde_json::from_slice(bytes)?;
        let written = state.now;
        if written.since(now) > AHEAD_MAX {
            return Err(SnapshotError::Ahead { written, now });
        }
        self.key = key;
        self.state = state;
        self.state.index_cases();
        Ok(())
    }

    /// Time never steps back.
    fn advance(&mut self, now: Timestamp) -> Timestamp {
        self.state.now = self.state.now.max(now);
        self.state.now
    }
}

/// An origin as its owner knows it, short enough for a reply.
fn in_words(origin: &Origin) -> String {
    let kind = match origin.kind {
        OriginKind::Login => "login",
        OriginKind::Script => "script",
        OriginKind::Ip => "host",
    };
    let from = origin.name.len().saturating_sub(NAME_OCTETS_MAX);
    format!("{kind} {}", &origin.name[origin.name.ceil_char_boundary(from)..])
}

/// Of a longer path the end tells most.
const NAME_OCTETS_MAX: usize = 120;

/// Under which key a customer's state stands; all mail that is nobody's shares one.
fn customer_key(identity: &Identity) -> CustomerId {
    identity.customer.clone().unwrap_or_else(|| CustomerId::new(""))
}

/// Whether a suspended origin had an honest past: then mail to those it knew passes.
fn was_proven(first_seen: Timestamp, suspended: &Suspended) -> bool {
    suspended.since.since(first_seen) >= PROVEN_AFTER
}

/// A day: an origin that mailed for a day without a case is not what an attacker brought along.
const PROVEN_AFTER: std::time::Duration = std::time::Duration::from_secs(86_400);
