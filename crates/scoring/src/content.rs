//! Content alone: hits and a probability, without any stream.

use postern_mail::{Hit, Points};

use crate::facts::Facts;
use crate::rules;
use crate::settings::{RuleMode, Settings};

/// The content rules that hit, with their points.
pub fn content_hits(facts: &Facts, settings: &Settings) -> Vec<Hit> {
    let look = |finding: &crate::facts::Finding| {
        let rule = rules::find(&finding.rule)?;
        let set = settings.rule(rule.id);
        let points = match set.mode {
            RuleMode::Off => return None,
            RuleMode::Shadow => Points::default(),
            RuleMode::On => set.points,
        };
        Some(Hit { rule: rule.id.into(), points, why: finding.why.clone() })
    };
    facts.findings.iter().filter_map(look).collect()
}

/// Probability of abuse by points of content: they are log odds, against prior odds of one in a
/// thousand, the share of spam in an ordinary outbound flow.
pub fn content_probability(points: Points) -> f64 {
    const PRIOR: f64 = -6.9;
    1.0 / (1.0 + (-(PRIOR + f64::from(points))).exp())
}
