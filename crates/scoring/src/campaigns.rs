//! Campaigns: messages that are nearly the same, whoever sent them.
//!
//! A message belongs to the campaign whose first member it is most alike; campaigns between which a
//! message stands become one, under the name of the older. Lookup is by bands of the sketch, in
//! bounded memory. Being of a campaign is no guilt: what counts is whose, and what became of it.

use std::collections::{HashMap, VecDeque};

use postern_mail::{CampaignId, CustomerId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::fates::Fates;
use crate::pairs;
use crate::settings::Campaigns as Settings;
use crate::sketch::Sketch;

/// A campaign's number within this engine.
pub(crate) type Number = u32;

/// All campaigns remembered.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Campaigns {
    #[serde(with = "pairs")]
    all: HashMap<Number, Campaign>,
    #[serde(with = "pairs")]
    bands: HashMap<u64, Vec<Number>>,
    /// In order of their last member's time; a number may stand several times, the last one counts.
    order: VecDeque<(Timestamp, Number)>,
    next: Number,
}

/// One campaign.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Campaign {
    pub(crate) id: CampaignId,
    sketch: Sketch,
    seen: Timestamp,
    queued: Timestamp,
    pub(crate) messages: u64,
    /// Young contracts that sent it, without their resellers' other ones; bounded.
    pub(crate) young: Vec<CustomerId>,
    /// Messages of it in quarantine.
    pub(crate) condemned: u32,
    /// The case they are under.
    pub(crate) case: Option<u64>,
    /// What became of its mail to strangers.
    pub(crate) fates: Fates,
    /// A person's word: spam or not, until when.
    pub(crate) verdict: Option<(bool, Timestamp)>,
    /// The older campaign that it became a part of.
    merged: Option<Number>,
}

/// Campaigns of one band; a band of many is one that means nothing (greetings).
const BAND_MAX: usize = 16;
/// Young contracts that are told apart.
const YOUNG_MAX: usize = 32;

impl Campaigns {
    /// The campaign of a sketch: an old one, or a new one.
    pub(crate) fn join(&mut self, sketch: &Sketch, now: Timestamp, settings: &Settings) -> Number {
        let mut alike: Vec<Number> = Vec::new();
        for band in sketch.bands() {
            for number in self.bands.get(&band).into_iter().flatten() {
                let Some(campaign) = self.all.get(number) else { continue };
                if campaign.sketch.alike_percent(sketch) >= settings.alike_percent {
                    alike.extend(self.root(*number));
                }
            }
        }
        // The oldest, so that the order of lookup does not decide.
        alike.sort_unstable();
        alike.dedup();
        let number = match alike.split_first() {
            None => self.found(sketch, now),
            Some((oldest, younger)) => {
                for number in younger {
                    self.merge(*number, *oldest);
                }
                *oldest
            }
        };
        if let Some(campaign) = self.all.get_mut(&number) {
            campaign.messages += 1;
            campaign.seen = now;
            if now.since(campaign.queued).as_secs() >= REQUEUE_SECONDS {
                campaign.queued = now;
                self.order.push_back((now, number));
            }
        }
        while self.all.len() > settings.kept_max as usize {
            self.forget_oldest();
        }
        number
    }

    fn found(&mut self, sketch: &Sketch, now: Timestamp) -> Number {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        for band in sketch.bands() {
            let all = self.bands.entry(band).or_default();
            if all.len() >= BAND_MAX {
                all.remove(0);
            }
            all.push(number);
        }
        let id = CampaignId::new(format!("k{:x}-{number:x}", now.seconds()));
        let campaign = Campaign {
            id,
            sketch: *sketch,
            seen: now,
            queued: now,
            messages: 0,
            young: Vec::new(),
            condemned: 0,
            case: None,
            fates: Fates::default(),
            verdict: None,
            merged: None,
        };
        self.all.insert(number, campaign);
        self.order.push_back((now, number));
        number
    }

    fn forget_oldest(&mut self) {
        while let Some((queued, number)) = self.order.pop_front() {
            let Some(campaign) = self.all.get(&number) else { continue };
            if campaign.queued != queued {
                continue;
            }
            for band in campaign.sketch.bands() {
                if let Some(all) = self.bands.get_mut(&band) {
                    all.retain(|other| *other != number);
                    if all.is_empty() {
                        self.bands.remove(&band);
                    }
                }
            }
            self.all.remove(&number);
            return;
        }
    }

    /// By number, or the one that it became a part of.
    pub(crate) fn get(&mut self, number: Number) -> Option<&mut Campaign> {
        let root = self.root(number)?;
        self.all.get_mut(&root)
    }

    fn root(&self, mut number: Number) -> Option<Number> {
        // Numbers fall along the way, so this ends.
        while let Some(merged) = self.all.get(&number)?.merged {
            number = merged;
        }
        Some(number)
    }

    /// Makes a campaign a part of an older one. Verdicts are not mixed: a person spoke of one.
    fn merge(&mut self, number: Number, into: Number) {
        let Some(part) = self.all.get(&number) else { return };
        if part.verdict.is_some() || self.all.get(&into).is_none_or(|c| c.verdict.is_some()) {
            return;
        }
        let part = part.clone();
        if let Some(part) = self.all.get_mut(&number) {
            part.merged = Some(into);
        }
        if let Some(whole) = self.all.get_mut(&into) {
            whole.messages += part.messages;
            whole.condemned = whole.condemned.saturating_add(part.condemned);
            whole.case = whole.case.or(part.case);
            for who in &part.young {
                whole.sent_by_young(who);
            }
        }
    }
}

/// A campaign's place in the order of forgetting is refreshed so often.
const REQUEUE_SECONDS: u64 = 3600;

impl Campaign {
    /// A young contract sent it. Contracts of one reseller count once.
    pub(crate) fn sent_by_young(&mut self, who: &CustomerId) {
        if self.young.len() < YOUNG_MAX && !self.young.contains(who) {
            self.young.push(who.clone());
        }
    }

    /// A person's word that still holds.
    pub(crate) fn standing_verdict(&self, now: Timestamp) -> Option<bool> {
        self.verdict.filter(|(_, until)| *until > now).map(|(spam, _)| spam)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_meet_and_memory_is_bounded() {
        let settings = Settings { kept_max: 50, ..Settings::default() };
        let mut campaigns = Campaigns::default();
        let at = |s: u64| Timestamp::from_millis(1_700_000_000_000 + s * 1000);
        let offer = |n: u32| {
            let text = format!(
                "Guten Tag, mit unserer Anlage sparen Sie bis zu {n} Prozent im Jahr, jetzt anfordern"
            );
            Sketch::of("Ihr Vorteil", &text).unwrap()
        };
        let first = campaigns.join(&offer(1), at(0), &settings);
        for n in 2..20 {
            assert_eq!(campaigns.join(&offer(n), at(u64::from(n)), &settings), first);
        }
        assert_eq!(campaigns.get(first).unwrap().messages, 19);
        for n in 0..500_u64 {
            let words: Vec<String> = (0..20)
                .map(|i| {
                    format!("word{}x", (b'a' + i) as char).repeat(1 + n as usize % 7)
                        + &"y".repeat(n as usize / 7)
                })
                .collect();
            campaigns.join(&Sketch::of("x", &words.join(" ")).unwrap(), at(100 + n), &settings);
            assert!(campaigns.all.len() <= 50);
        }
        assert!(campaigns.get(first).is_none(), "the longest unseen went");
        assert!(campaigns.bands.values().flatten().all(|n| campaigns.all.contains_key(n)));
    }
}
