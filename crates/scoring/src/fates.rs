//! What became of earlier mail to strangers, as one running sum (Page's CUSUM over log odds).
//!
//! The sum never falls below a floor, so that a long clean past does not hide a change, and it
//! fades day by day.

use postern_mail::{Points, Timestamp};
use serde::{Deserialize, Serialize};

use crate::act::Fate;
use crate::settings::Evidence;

/// The sum and what it was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fates {
    hundredths: i32,
    day: u32,
    /// Recipients since the sum was last at rest.
    pub(crate) delivered: u32,
    pub(crate) unknown: u32,
    pub(crate) blocked: u32,
    pub(crate) complaints: u32,
    /// The sum since the last mark, without floor, and how many fates it is of.
    fresh: i32,
    fresh_known: u32,
    /// Good news in all: how much of a past it has.
    pub(crate) past: u32,
}

impl Fates {
    /// The sum now.
    pub(crate) fn points(&mut self, now: Timestamp, settings: &Evidence) -> Points {
        let today = (now.seconds() / 86_400) as u32;
        if self.day == 0 {
            self.day = today;
        }
        while self.day < today && self.hundredths != 0 {
            self.hundredths = self.hundredths * settings.daily_percent as i32 / 100;
            self.day += 1;
        }
        self.day = today;
        Points::from_hundredths(self.hundredths)
    }

    /// A recipient's fate.
    pub(crate) fn learn(&mut self, fate: Fate, now: Timestamp, settings: &Evidence) {
        let (points, count) = match fate {
            Fate::Delivered => (settings.delivered, &mut self.delivered),
            Fate::UnknownUser => (settings.unknown_user, &mut self.unknown),
            Fate::SpamBlocked => (settings.spam_blocked, &mut self.blocked),
            // A full mailbox exists; speed and greylisting say nothing about the list.
            Fate::MailboxFull | Fate::RateLimited | Fate::Greylisted | Fate::Other => return,
        };
        *count = count.saturating_add(1);
        if fate == Fate::Delivered {
            self.past = self.past.saturating_add(1);
        }
        self.fresh_known = self.fresh_known.saturating_add(1);
        self.weigh(points, now, settings);
    }

    /// A complaint.
    pub(crate) fn complain(&mut self, now: Timestamp, settings: &Evidence) {
        self.complaints = self.complaints.saturating_add(1);
        self.weigh(settings.complaint, now, settings);
    }

    /// From here on [`Self::fresh`] counts anew.
    pub(crate) fn mark(&mut self) {
        (self.fresh, self.fresh_known) = (0, 0);
    }

    /// What was learnt since the mark, good and bad, in hundredths, and of how many recipients.
    pub(crate) fn fresh(&self) -> (i32, u32) {
        (self.fresh, self.fresh_known)
    }

    fn weigh(&mut self, points: Points, now: Timestamp, settings: &Evidence) {
        self.fresh = self.fresh.saturating_add(points.hundredths());
        let before = self.points(now, settings).hundredths();
        let (floor, ceiling) = (settings.floor.hundredths(), settings.ceiling.hundredths());
        self.hundredths = (before + points.hundredths()).clamp(floor.min(ceiling), ceiling);
        if self.hundredths == floor {
            (self.delivered, self.unknown, self.blocked, self.complaints) = (0, 0, 0, 0);
        }
    }

    /// For people.
    pub(crate) fn why(&self) -> String {
        format!(
            "of strangers' mail {} unknown, {} refused as spam, {} complaints, {} delivered",
            self.unknown, self.blocked, self.complaints, self.delivered
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_news_add_up_and_fade() {
        let settings = Evidence::default();
        let at = |day: u64| Timestamp::from_millis((1000 + day) * 86_400_000);
        let mut fates = Fates::default();
        for _ in 0..1000 {
            fates.learn(Fate::Delivered, at(0), &settings);
        }
        assert_eq!(fates.points(at(0), &settings), settings.floor);
        for _ in 0..5 {
            fates.learn(Fate::UnknownUser, at(0), &settings);
        }
        assert_eq!(fates.points(at(0), &settings).hundredths(), -300 + 5 * 130);
        assert_eq!(fates.points(at(2), &settings).hundredths(), 350 * 80 / 100 * 80 / 100);
        fates.complain(at(2), &settings);
        assert!(fates.why().contains("5 unknown") && fates.why().contains("1 complaint"));
    }
}
