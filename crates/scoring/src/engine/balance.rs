//! Adding up what speaks against a message: hits, families, thresholds.

use postern_mail::{Hit, Points};

use super::meet::Mail;
use crate::rules::{self, Family, Rule};
use crate::settings::{RuleMode, Settings};
use crate::state::WeighedHit;

/// All that speaks against it.
#[derive(Debug, Clone, Default)]
pub(super) struct Weighed {
    pub(super) hits: Vec<WeighedHit>,
    /// Fast and new.
    pub(super) burst: bool,
}

/// Sums over hits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Balance {
    /// Points in all, in hundredths.
    pub(super) total: i32,
    /// Families that count as a signal each.
    pub(super) strong: u32,
    /// Points of what became of earlier mail.
    pub(super) feedback: i32,
    /// Points but for behaviour and feedback.
    pub(super) other: i32,
}

impl Balance {
    /// Adds hits up by family.
    pub(super) fn of(hits: &[WeighedHit], settings: &Settings) -> Self {
        let mut by_family = [0_i32; 6];
        for weighed in hits {
            let slot = &mut by_family[weighed.family as usize];
            *slot = slot.saturating_add(weighed.hit.points.hundredths());
        }
        let least = settings.ladder.family_points.hundredths();
        let (behaviour, feedback) =
            (by_family[Family::Behaviour as usize], by_family[Family::Feedback as usize]);
        let total = by_family.iter().sum();
        Self {
            total,
            strong: by_family.iter().filter(|points| **points >= least).count() as u32,
            feedback,
            other: total - behaviour - feedback,
        }
    }

    /// Beyond doubt: enough points, of two kinds at least, or of what became of earlier mail alone.
    pub(super) fn condemns(&self, settings: &Settings) -> bool {
        let ladder = &settings.ladder;
        self.strong >= 2 && self.total >= ladder.quarantine_points.hundredths()
            || self.feedback >= ladder.feedback_alone_points.hundredths()
    }

    /// Suspect without being fast.
    pub(super) fn holds(&self, settings: &Settings) -> bool {
        self.strong >= 2 && self.total >= settings.ladder.hold_points.hundredths()
    }
}

impl Weighed {
    /// Adds a rule's hit with its points, or with a part of them.
    pub(super) fn add(
        &mut self,
        settings: &Settings,
        rule: Rule,
        points: Option<i32>,
        why: String,
    ) {
        let set = settings.rule(rule.id);
        let full = set.points.hundredths();
        let points = match set.mode {
            RuleMode::Off => return,
            RuleMode::Shadow => 0,
            RuleMode::On => points.map_or(full, |p| p.min(full)),
        };
        let hit = Hit { rule: rule.id.into(), points: Points::from_hundredths(points), why };
        self.hits.push(WeighedHit { family: rule.family, hit });
    }
}

/// Content rules of a message with their points; nothing for desks that want to see abuse.
pub(super) fn content_points(mail: &Mail<'_>, settings: &Settings) -> Vec<(Rule, i32, String)> {
    if mail.facts.to_abuse_desks {
        return Vec::new();
    }
    let look = |finding: &crate::facts::Finding| {
        let rule = rules::find(&finding.rule)?;
        let set = settings.rule(rule.id);
        (set.mode == RuleMode::On).then(|| (rule, set.points.hundredths(), finding.why.clone()))
    };
    mail.facts.findings.iter().filter_map(look).collect()
}
