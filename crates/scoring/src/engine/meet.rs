//! Who sends what to whom: a message set in relation to what is remembered. Nothing is decided.

use std::sync::Arc;

use postern_mail::{Customer, CustomerId, Lane, Origin, OriginKind, Submission, Timestamp};

use super::{Engine, PROVEN_AFTER, customer_key};
use crate::campaigns::Number;
use crate::facts::Facts;
use crate::known::{Acquaintance, Who, who};
use crate::lane::{is_site, lane};
use crate::places::{Place, network};
use crate::settings::Tier;
use crate::state::{CustomerState, OriginState, Stream};
use crate::tier::{is_new_origin, is_young, tier};
use crate::window::{HOUR, MINUTE, Sums};

/// A message in relation to what is remembered.
pub(super) struct Mail<'a> {
    pub(super) submission: &'a Submission,
    pub(super) facts: &'a Facts,
    pub(super) now: Timestamp,
    pub(super) key: CustomerId,
    /// Under which origin it counts: its own, or that of all new scripts of a customer that
    /// suddenly has many.
    pub(super) origin: Origin,
    pub(super) customer: Option<Arc<Customer>>,
    /// Who counts as one with others: the reseller, where there is one.
    pub(super) head: CustomerId,
    pub(super) site: bool,
    pub(super) lane: Lane,
    /// All recipients, hashed, in order.
    pub(super) all: Vec<Who>,
    /// Those never written to.
    pub(super) strangers: Vec<Who>,
    /// Whether the customer has written to all of them for a day and longer.
    pub(super) all_old: bool,
    /// Whether all are its own or in a correspondence with it.
    pub(super) all_close: bool,
    /// Recipients not counted within the last hour yet.
    pub(super) counted: u32,
    pub(super) campaign: Option<Number>,
    pub(super) tier: Tier,
    pub(super) young: bool,
    pub(super) new_origin: bool,
    /// The origin has sent for a day and longer.
    pub(super) proven: bool,
    /// Where a login is used from; `None` for sites and servers.
    pub(super) place: Option<Place>,
    /// Unrelated customers whose logins came from the same address within a day.
    pub(super) sharing: u32,
    /// What the stream's windows hold with this message.
    pub(super) strangers_sums: Sums,
    pub(super) everybody_sums: Sums,
    /// What the origin's windows of different recipients hold with it.
    pub(super) origin_sums: Sums,
    /// Messages to strangers from unfamiliar networks in the last minute.
    pub(super) from_afar: u32,
    /// Strangers of all the customer's new scripts in the last minute.
    pub(super) newcomers_minute: u32,
}

impl Engine {
    /// Sets a message in relation to what is remembered, and counts it.
    pub(super) fn meet<'a>(
        &mut self,
        submission: &'a Submission,
        facts: &'a Facts,
        now: Timestamp,
    ) -> Mail<'a> {
        let settings = Arc::clone(&self.settings);
        let identity = &submission.identity;
        let key = customer_key(identity);
        let customer = self.directory.customer(&key).cloned();
        let head = identity.reseller.clone().unwrap_or_else(|| key.clone());
        let campaign = facts
            .sketch
            .as_ref()
            .map(|sketch| self.state.campaigns.join(sketch, now, &settings.campaigns));
        let mut mail = Mail {
            submission,
            facts,
            now,
            origin: identity.origin.clone(),
            key: key.clone(),
            head,
            site: is_site(identity),
            lane: lane(submission, facts),
            all: submission.envelope.recipients.iter().map(|r| who(&r.address, self.key)).collect(),
            strangers: Vec::new(),
            all_old: true,
            all_close: true,
            counted: 0,
            campaign,
            tier: settings.tiers.unknown,
            young: is_young(customer.as_deref(), &settings, now),
            new_origin: false,
            proven: false,
            place: None,
            sharing: 0,
            strangers_sums: Sums::default(),
            everybody_sums: Sums::default(),
            origin_sums: Sums::default(),
            from_afar: 0,
            newcomers_minute: 0,
            customer,
        };
        let place_counts = mail.has_place();
        if place_counts {
            mail.sharing = self.state.shared.visit(submission.client.ip, &mail.head, now);
        }
        let state = self
            .state
            .customers
            .entry(key)
            .or_insert_with(|| CustomerState { first_seen: now, ..CustomerState::default() });
        mail.look_at_recipients(state, &settings);
        mail.origin = effective_origin(state, &identity.origin, now, &settings);
        let name = mail.origin.clone();
        if state.origins.len() >= settings.memory.origins_max as usize
            && !state.origins.contains_key(&name)
        {
            forget_an_origin(state, now);
        }
        let first = || OriginState { first_seen: now, ..OriginState::default() };
        let first_seen = state.origins.entry(name.clone()).or_insert_with(first).first_seen;
        mail.proven = now.since(first_seen) >= PROVEN_AFTER;
        if let Some(origin) = state.origins.get(&name) {
            mail.new_origin = is_new_origin(identity.origin.kind, state, origin, &settings, now);
        }
        mail.tier = tier(mail.customer.as_deref(), mail.site, mail.new_origin, &settings, now);
        if mail.lane != Lane::Notice && mail.lane != Lane::Forward {
            state.recipients.add(mail.counted, now);
        }
        if let Some(origin) = state.origins.get_mut(&name) {
            mail.count(origin, place_counts, &settings);
        }
        if name.kind == OriginKind::Script && !mail.proven {
            // One script fills half of this window at most: it is judged by its own speed, and the
            // site's other scripts do not pay for it. Invented names fill it together.
            let share = settings.tiers.new_origin.burst / 2;
            let strangers = mail.strangers.len() as u32;
            let before = mail.strangers_sums.minute.saturating_sub(strangers);
            let counted = strangers.min(share.saturating_sub(before));
            state.newcomers_strangers.add(counted, MINUTE, now);
            mail.newcomers_minute = state.newcomers_strangers.sum(MINUTE, now);
        }
        if mail.young
            && let Some(campaign) = mail.campaign.and_then(|n| self.state.campaigns.get(n))
        {
            campaign.sent_by_young(&mail.head);
        }
        mail
    }

    /// The stream that a message belongs to; made by [`Self::meet`].
    pub(super) fn stream(&mut self, mail: &Mail<'_>) -> &mut Stream {
        self.origin(mail).streams.entry(mail.lane).or_default()
    }

    /// The origin that a message belongs to; made by [`Self::meet`].
    pub(super) fn origin(&mut self, mail: &Mail<'_>) -> &mut OriginState {
        self.state
            .customers
            .entry(mail.key.clone())
            .or_default()
            .origins
            .entry(mail.origin.clone())
            .or_default()
    }
}

impl Mail<'_> {
    /// Whether the address tells where a person is: not for sites and servers.
    fn has_place(&self) -> bool {
        let identity = &self.submission.identity;
        let login = identity.origin.kind == postern_mail::OriginKind::Login;
        let ip = self.submission.client.ip.to_canonical();
        login
            && !self.site
            && !ip.is_loopback()
            && self.lane != Lane::Notice
            && self.lane != Lane::Forward
    }

    fn look_at_recipients(&mut self, state: &CustomerState, settings: &crate::settings::Settings) {
        for (who, recipient) in self.all.iter().zip(&self.submission.envelope.recipients) {
            let domain = recipient.address.domain().to_lowercase();
            let own =
                self.customer.as_ref().is_some_and(|c| c.domains.iter().any(|d| **d == domain));
            match state.known.look(*who, self.now, &settings.memory) {
                Acquaintance::Stranger => {
                    self.strangers.push(*who);
                    (self.all_old, self.all_close) = (false, self.all_close && own);
                    self.counted += 1;
                }
                Acquaintance::Recent { within_hour } => {
                    (self.all_old, self.all_close) = (false, self.all_close && own);
                    self.counted += u32::from(!within_hour);
                }
                Acquaintance::Old { within_hour, close } => {
                    self.all_close &= own || close;
                    self.counted += u32::from(!within_hour);
                }
            }
        }
    }

    fn count(
        &mut self,
        origin: &mut OriginState,
        place_counts: bool,
        settings: &crate::settings::Settings,
    ) {
        let now = self.now;
        let strangers = self.strangers.len() as u32;
        origin.last_seen = now;
        if self.lane != Lane::Notice && self.lane != Lane::Forward {
            self.origin_sums = origin.recipients.add(self.counted, now);
        }
        if place_counts {
            let ip = self.submission.client.ip;
            let suspended = origin.suspended.as_ref().is_some_and(|s| s.holds(now));
            let place = origin.places.visit(network(ip), suspended, now, &settings.networks);
            if !place.familiar && strangers > 0 {
                origin.from_afar.add(1, MINUTE, now);
            }
            self.place = Some(place);
            self.from_afar = origin.from_afar.sum(MINUTE, now);
        }
        let stream = origin.streams.entry(self.lane).or_default();
        self.strangers_sums = stream.strangers.add(strangers, now);
        self.everybody_sums = stream.everybody.add(self.counted, now);
    }
}

/// A script's name comes from the site, so a webshell may invent one for each message: the new
/// scripts of a customer that suddenly has many count as one origin.
fn effective_origin(
    state: &mut CustomerState,
    origin: &Origin,
    now: Timestamp,
    settings: &crate::settings::Settings,
) -> Origin {
    if origin.kind != OriginKind::Script || state.origins.contains_key(origin) {
        return origin.clone();
    }
    let all_new = Origin::script(NEW_SCRIPTS);
    if state.origins.get(&all_new).is_some_and(|all| {
        now.since(all.first_seen) < settings.tiers.origin_new
            || all.suspended.as_ref().is_some_and(|s| s.holds(now))
    }) {
        return all_new;
    }
    // Of a customer first seen today everything is new: more of it is no sign.
    let known = now.since(state.first_seen) >= settings.tiers.origin_new;
    let most = settings.tiers.new_scripts_hour * if known { 1 } else { 4 };
    while state.newcomers.front().is_some_and(|at| now.since(*at) >= HOUR) {
        state.newcomers.pop_front();
    }
    if state.newcomers.len() as u32 >= most {
        state.origins.remove(&all_new);
        return all_new;
    }
    state.newcomers.push_back(now);
    origin.clone()
}

/// The name under which many new scripts count together.
const NEW_SCRIPTS: &str = "*";

/// Makes room: the longest unseen origin that nothing is open about.
fn forget_an_origin(state: &mut CustomerState, now: Timestamp) {
    let open = |o: &OriginState| {
        o.suspended.as_ref().is_some_and(|s| s.holds(now))
            || o.streams.values().any(|s| s.hold.is_some())
    };
    let oldest = state
        .origins
        .iter()
        .filter(|(_, o)| !open(o))
        .map(|(name, o)| (o.last_seen, name))
        .min()
        .map(|(_, name)| name.clone());
    if let Some(name) = oldest {
        state.origins.remove(&name);
    }
}
