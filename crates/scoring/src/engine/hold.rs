//! Holding a deviating stream back, and letting it go unless something corroborates the suspicion.
//!
//! At the end of the first span the stream goes free when nothing but its speed speaks against it, or
//! when what became of its mail since then outweighs it; an older past does not, since stolen
//! senders have one. In doubt a few messages go as probes, and their fate decides. At the longest
//! span doubt goes in favour of the sender, unless two kinds of evidence stand. What goes free goes in
//! stages, each as large as what is known by then vouches for.

use std::time::Duration;

use postern_mail::{BatchId, Decision, Timestamp, Verb};

use super::Engine;
use super::balance::{Balance, Weighed};
use super::meet::Mail;
use crate::act::Act;
use crate::rules::{self, Family};
use crate::state::{Batch, Hold, WeighedHit};

/// What becomes of a hold.
enum End {
    Free,
    Doubt,
    Guilty,
}

impl Engine {
    /// Begins to hold a stream back, with this message.
    pub(super) fn start_hold(&mut self, mail: &Mail<'_>, weighed: Weighed) -> Decision {
        let number = self.state.number();
        let check = mail.now.plus(self.settings.hold.span);
        let hold = Hold {
            customer: mail.key.clone(),
            origin: mail.origin.clone(),
            lane: mail.lane,
            since: mail.now,
            check,
            batches: std::collections::VecDeque::new(),
            batches_made: 0,
            probes: 0,
            hits: Vec::new(),
            fastest: 0,
            allowed_until: None,
        };
        self.state.holds.insert(number, hold);
        self.state.timers.insert((check, number));
        if weighed.burst {
            self.state.trips.push_back((mail.now, mail.head.clone()));
        }
        let stream = self.stream(mail);
        stream.hold = Some(number);
        stream.fates.mark();
        self.join_hold(mail, number, weighed.hits)
    }

    /// Holds a message with its stream.
    pub(super) fn join_hold(
        &mut self,
        mail: &Mail<'_>,
        number: u64,
        hits: Vec<WeighedHit>,
    ) -> Decision {
        let settings = std::sync::Arc::clone(&self.settings);
        let Some(hold) = self.state.holds.get_mut(&number) else {
            return Decision::forward(mail.lane);
        };
        let full = hold
            .batches
            .back()
            .is_none_or(|batch| batch.recipients >= batch_size(hold.batches_made, &settings.hold));
        if full {
            hold.batches_made += 1;
            let id = BatchId::new(
                format!("h{:x}-{}", hold.since.millis(), number)
                    + &format!("-{}", hold.batches_made),
            );
            hold.batches.push_back(Batch {
                id,
                messages: 0,
                recipients: 0,
                strangers: Vec::new(),
                samples: Vec::new(),
                campaigns: Vec::new(),
            });
        }
        let mut decision = Decision::forward(mail.lane);
        decision.verb = Verb::Hold;
        // The engine lets it go earlier; this is for the case that there is no engine any more.
        decision.until =
            Some(hold.since.plus(settings.hold.span_max).max(mail.now.plus(settings.hold.span)));
        decision.hits = hits.iter().map(|w| w.hit.clone()).collect();
        if decision.hits.is_empty() {
            let why = format!("its stream is held back since {}", hold.since);
            decision.hits.push(super::judge::hit(rules::STREAM_HELD, 0, why));
        }
        hold.fastest = hold.fastest.max(mail.strangers_sums.minute);
        hold.hits = hits
            .into_iter()
            .filter(|w| !matches!(w.family, Family::Behaviour | Family::Feedback))
            .collect();
        if let Some(batch) = hold.batches.back_mut() {
            batch.messages += 1;
            batch.recipients += mail.all.len() as u32;
            let room = STRANGERS_MAX.saturating_sub(batch.strangers.len());
            batch.strangers.extend(mail.strangers.iter().take(room));
            if batch.samples.len() < SAMPLES_MAX {
                batch.samples.push(mail.submission.id);
            }
            if let Some(campaign) = mail.campaign
                && batch.campaigns.len() < CAMPAIGNS_MAX
                && !batch.campaigns.contains(&campaign)
            {
                batch.campaigns.push(campaign);
            }
            decision.batch = Some(batch.id.clone());
        }
        decision
    }

    /// Looks at a hold: its time has come, or news have.
    pub(super) fn check_hold(&mut self, number: u64, now: Timestamp, acts: &mut Vec<Act>) {
        let Some(hold) = self.state.holds.get(&number) else { return };
        let waited = now.since(hold.since);
        let due = hold.check <= now;
        match self.verdict_on_hold(number, waited, now) {
            End::Guilty => self.condemn_hold(number, now, acts),
            End::Free if due => self.release_stage(number, now, acts),
            End::Doubt if due && waited >= self.settings.hold.span_max => {
                self.release_hold(number, false, now, acts);
            }
            End::Doubt if due => self.probe(number, now, acts),
            End::Free | End::Doubt => {}
        }
    }

    fn verdict_on_hold(&mut self, number: u64, waited: Duration, now: Timestamp) -> End {
        let settings = std::sync::Arc::clone(&self.settings);
        let Some(hold) = self.state.holds.get(&number) else { return End::Free };
        let allowed = self.state.customers.get(&hold.customer).is_some_and(|customer| {
            customer.allowances.iter().any(|a| a.from <= now && a.until > now && a.left > 0)
        });
        let Some((hold, stream)) = self.state.hold_and_stream(number) else { return End::Free };
        let mut hits = hold.hits.clone();
        let (mut fates, mut fresh) = (0, 0);
        if let Some(stream) = stream {
            fates = stream.fates.points(now, &settings.evidence).hundredths();
            fresh = stream.fates.fresh().0;
            // A long clean past must not buy the burst a discount.
            let points = fates.max(fresh);
            if points > 0 {
                let hit = super::judge::hit(rules::RECIPIENT_FEEDBACK, points, stream.fates.why());
                hits.push(WeighedHit { family: Family::Feedback, hit });
            }
        }
        let other = Balance::of(&hits, &settings).other;
        if !allowed {
            let why = format!("up to {} new recipients in a minute", hold.fastest);
            let points = settings.rule(rules::BURST_NEW_RECIPIENTS.id).points.hundredths();
            let hit = super::judge::hit(rules::BURST_NEW_RECIPIENTS, points, why);
            hits.push(WeighedHit { family: Family::Behaviour, hit });
        }
        let balance = Balance::of(&hits, &settings);
        if balance.condemns(&settings) {
            return End::Guilty;
        }
        // Weak signs never act alone; strong ones must be outweighed by what became of mail since.
        let weak = settings.hold.doubt_points.hundredths();
        let clean = if other > weak { other + fresh <= 0 } else { fresh <= FRESH_MAX };
        if fates <= weak && clean || allowed && balance.total <= 0 {
            return End::Free;
        }
        if waited >= settings.hold.span_max && balance.holds(&settings) {
            return End::Guilty;
        }
        End::Doubt
    }

    /// Lets a few messages go, so that their fate tells more. Not while two kinds of evidence stand.
    fn probe(&mut self, number: u64, now: Timestamp, acts: &mut Vec<Act>) {
        let settings = std::sync::Arc::clone(&self.settings);
        let Some(mut hold) = self.state.holds.remove(&number) else { return };
        let suspect = Balance::of(&hold.hits, &settings).holds(&settings);
        // A message to a crowd is no small probe: it waits until there is no smaller one.
        let small = hold.batches.front().is_none_or(|batch| {
            batch.recipients <= settings.hold.probe_recipients.saturating_mul(2)
        });
        let later = now.since(hold.since) > settings.hold.span;
        if !suspect && hold.probes < settings.hold.probes && (small || later) {
            hold.probes += 1;
            if let Some(batch) = hold.batches.pop_front() {
                self.release_batch(&hold, batch, now, acts);
            }
        }
        let last = hold.since.plus(settings.hold.span_max);
        hold.check = now.plus(settings.hold.probe_span).min(last.max(now.plus(STEP)));
        self.state.timers.insert((hold.check, number));
        self.state.holds.insert(number, hold);
    }

    /// Lets as much go as what is known of the stream vouches for; the hold ends when that is all.
    fn release_stage(&mut self, number: u64, now: Timestamp, acts: &mut Vec<Act>) {
        let settings = std::sync::Arc::clone(&self.settings);
        let Some(mut hold) = self.state.holds.remove(&number) else { return };
        let heard = self.state.heard_at.is_some_and(|at| now.since(at) <= HEARD_SPAN);
        let mut room = u32::MAX;
        if heard && let Some(stream) = self.state.stream_of(&hold) {
            let known = stream.fates.fresh().1.saturating_mul(settings.hold.stage_factor);
            let past = u64::from(stream.fates.past) * u64::from(settings.hold.past_percent) / 100;
            room = known.max(past as u32).max(settings.hold.probe_recipients * 4);
        }
        let held: u32 = hold.batches.iter().map(|batch| batch.recipients).sum();
        if held <= room {
            self.state.holds.insert(number, hold);
            self.release_hold(number, true, now, acts);
            return;
        }
        while let Some(batch) = hold.batches.pop_front() {
            room = room.saturating_sub(batch.recipients);
            self.release_batch(&hold, batch, now, acts);
            if hold.batches.front().is_none_or(|next| next.recipients > room) {
                break;
            }
        }
        hold.check = now.plus(settings.hold.stage_span);
        self.state.timers.insert((hold.check, number));
        self.state.holds.insert(number, hold);
    }

    /// Ends a hold in favour of the sender. `clean`: it earned room by what became of its mail.
    pub(super) fn release_hold(
        &mut self,
        number: u64,
        clean: bool,
        now: Timestamp,
        acts: &mut Vec<Act>,
    ) {
        let Some(mut hold) = self.state.holds.remove(&number) else { return };
        self.state.timers.remove(&(hold.check, number));
        let percent = if clean { self.settings.hold.headroom_percent } else { 100 };
        while let Some(batch) = hold.batches.pop_front() {
            self.release_batch(&hold, batch, now, acts);
        }
        let room = hold.fastest.saturating_mul(percent) / 100;
        if let Some(stream) = self.state.stream_of(&hold) {
            stream.room = stream.room.max(room);
            stream.hold = None;
        }
    }

    fn release_batch(&mut self, hold: &Hold, batch: Batch, now: Timestamp, acts: &mut Vec<Act>) {
        let settings = std::sync::Arc::clone(&self.settings);
        if let Some(customer) = self.state.customers.get_mut(&hold.customer) {
            for who in &batch.strangers {
                customer.known.meet(*who, now, &settings.memory);
            }
        }
        if let Some(stream) = self.state.stream_of(hold) {
            stream.passed.add(batch.messages, now);
        }
        let spread = match hold.allowed_until {
            Some(until) => until.since(now),
            None => {
                let wanted = settings.hold.release_gap.saturating_mul(batch.messages);
                wanted.min(settings.hold.release_spread_max)
            }
        };
        acts.push(Act::Release { batch: batch.id, spread });
    }
}

/// Recipients of a hold's n-th batch, counted from 1.
fn batch_size(n: u32, settings: &crate::settings::Hold) -> u32 {
    if n <= settings.probes {
        return settings.probe_recipients;
    }
    let doublings = (n - settings.probes).min(20);
    settings.probe_recipients.saturating_mul(1 << doublings)
}

/// Points up to which news of a held stream's mail are still ordinary: two dead addresses in twelve.
const FRESH_MAX: i32 = 50;
/// Without a delivery heard of for so long there is nobody who tells.
const HEARD_SPAN: Duration = Duration::from_secs(86_400);
/// The shortest time between two looks at a hold.
const STEP: Duration = Duration::from_secs(10);
/// Strangers of a batch that become known when it goes; further ones stay strangers. No honest
/// mailing of so many has only strangers in it.
const STRANGERS_MAX: usize = 20_000;
/// Messages of a batch that a case shows.
const SAMPLES_MAX: usize = 3;
/// Campaigns of a batch that are told apart.
const CAMPAIGNS_MAX: usize = 16;
