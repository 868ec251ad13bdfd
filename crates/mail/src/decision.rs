//! A decision and its reasons. Refusing mail is not an error, it is one of these.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{BatchId, CampaignId, CaseId, Lane, Timestamp};

/// What becomes of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Handed on at once.
    Forward,
    /// Kept, and handed on a little later at a rate.
    Pace,
    /// Kept for some minutes, then handed on unless something corroborates the suspicion.
    Hold,
    /// Kept until a person decides.
    Quarantine,
    /// Answered 5xx, never accepted.
    Refuse,
    /// Answered 4xx, never accepted; for real mail servers only.
    Defer,
}

impl Verb {
    /// As it stands in lists, logs and journals.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Pace => "pace",
            Self::Hold => "hold",
            Self::Quarantine => "quarantine",
            Self::Refuse => "refuse",
            Self::Defer => "defer",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Points in hundredths: whole numbers, so that sums are the same on every machine.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(from = "f64", into = "f64")]
pub struct Points(i32);

impl Points {
    /// From hundredths.
    pub const fn from_hundredths(hundredths: i32) -> Self {
        Self(hundredths)
    }

    /// In hundredths.
    pub const fn hundredths(self) -> i32 {
        self.0
    }
}

impl From<f64> for Points {
    fn from(points: f64) -> Self {
        Self((points * 100.0).round() as i32)
    }
}

impl From<Points> for f64 {
    fn from(points: Points) -> Self {
        Self::from(points.0) / 100.0
    }
}

impl std::iter::Sum for Points {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        Self(all.fold(0, |sum, p| sum.saturating_add(p.0)))
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(*self))
    }
}

/// A rule that spoke: what it counts and why, with figures and threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The rule's id.
    #[serde(rename = "id")]
    pub rule: Cow<'static, str>,
    /// What it adds to the score.
    pub points: Points,
    /// For people: the figures and the threshold.
    pub why: String,
}

/// What the engine decided of one submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What to do.
    pub verb: Verb,
    /// Kind of mail, as the engine saw it.
    pub lane: Lane,
    /// The reasons; never empty unless `verb` is `Forward`.
    pub hits: Vec<Hit>,
    /// For `Pace` and `Hold`: not before this time.
    pub until: Option<Timestamp>,
    /// For what is kept: with which other mail it is released or quarantined.
    pub batch: Option<BatchId>,
    /// Its campaign, where it has one.
    pub campaign: Option<CampaignId>,
    /// Its case, where one is open.
    pub case: Option<CaseId>,
    /// For `Refuse` and `Defer`: the text after the enhanced code.
    pub text: Option<String>,
}

impl Decision {
    /// Handed on at once, nothing against it.
    pub fn forward(lane: Lane) -> Self {
        Self {
            verb: Verb::Forward,
            lane,
            hits: Vec::new(),
            until: None,
            batch: None,
            campaign: None,
            case: None,
            text: None,
        }
    }

    /// The points of all rules.
    pub fn score(&self) -> Points {
        self.hits.iter().map(|hit| hit.points).sum()
    }
}
