//! Every figure the engine goes by, resolved, with the reason for each default.
//!
//! The defaults are what the shipped `config/postern.toml` states. They are starting values taken
//! from what hosters publish about their own limits and from arithmetic on ordinary mail; none is
//! fitted to a trace.

use std::collections::BTreeMap;
use std::time::Duration;

use postern_mail::Points;

use crate::rules;

mod surroundings;

pub use surroundings::{Bombing, Budget, Campaigns, Flush, Memory, Networks, Notices};

/// All settings of the scoring crate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Limits by kind of sender.
    pub tiers: Tiers,
    /// Factor on all limits of a settled customer, in percent, by the plan's name. 100 for a plan
    /// that is not named: plans differ from hoster to hoster.
    pub plans_percent: BTreeMap<String, u32>,
    /// Holding back and letting go.
    pub hold: Hold,
    /// What later news of a message weighs.
    pub evidence: Evidence,
    /// From points to consequences.
    pub ladder: Ladder,
    /// One login from many places.
    pub networks: Networks,
    /// One recipient, many customers.
    pub bombing: Bombing,
    /// Automatic replies and reports.
    pub notices: Notices,
    /// Messages that are nearly the same.
    pub campaigns: Campaigns,
    /// After an outage, and when everybody deviates at once.
    pub flush: Flush,
    /// What examining one message may cost.
    pub budget: Budget,
    /// What the engine remembers, and how long.
    pub memory: Memory,
    /// Rules with their points; an absent one has its default.
    pub rules: BTreeMap<String, RuleSetting>,
}

impl Settings {
    /// How a rule is set; its default when the settings do not name it.
    pub fn rule(&self, id: &'static str) -> RuleSetting {
        let default = || RuleSetting { points: rules::default_points(id), mode: RuleMode::On };
        self.rules.get(id).copied().unwrap_or_else(default)
    }
}

/// One rule's setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleSetting {
    /// What a hit adds. For rules that measure, what the measure is multiplied by is fixed and this
    /// is its cap.
    pub points: Points,
    /// Whether it counts.
    pub mode: RuleMode,
}

/// Whether a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleMode {
    /// It counts.
    On,
    /// It is reported with 0 points.
    Shadow,
    /// It is not looked at.
    Off,
}

/// Limits by kind of sender. The youngest kind that fits is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiers {
    /// Mail that is nobody's. All of it shares one set of windows, so this is for the whole relay.
    pub unknown: Tier,
    /// Contracts of less than `week_days`.
    pub week: Tier,
    /// Contracts of less than `month_days`.
    pub month: Tier,
    /// Mailboxes and own servers of settled customers.
    pub mailbox: Tier,
    /// Scripts of settled customers.
    pub script: Tier,
    /// Scripts and logins of settled customers that were first seen less than `origin_new` ago.
    pub new_origin: Tier,
    /// Days of contract below which `week` holds; 7 is where hosters' own staged limits (IONOS, cyon)
    /// take their first step.
    pub week_days: u32,
    /// Days of contract below which `month` holds; 30 is their last step.
    pub month_days: u32,
    /// Age below which an origin is new. A day: a hacked script runs within hours of its upload, and
    /// a day has seen each hour's ordinary mail once.
    pub origin_new: Duration,
    /// Scripts of one customer never seen before in an hour, from which all further ones count as one
    /// origin. Five: an update of site software brings one or two files that mail.
    pub new_scripts_hour: u32,
    /// An origin's own clean peak hour is multiplied by this, in percent, where that is more than its
    /// tier's limit. 400: order mail of a good evening is three to four times a usual one.
    pub peak_percent: u32,
    /// An origin known for `week_days` that never came near its tier's hourly limit is looked at harder
    /// from this share of it, in percent: a quiet form that suddenly writes to twenty strangers an
    /// hour deviates, though a busy one may write to sixty.
    pub quiet_percent: u32,
}

/// Limits in recipients, in true sliding windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// Recipients never seen before in 60 seconds, past which a stream of mostly new recipients is
    /// held back.
    pub burst: u32,
    /// Recipients never seen before in an hour, past which a stream of mostly new recipients is held
    /// back, and other evidence looked at harder.
    pub new_recipients_hour: u32,
    /// Different recipients in an hour, past which mail is paced.
    pub recipients_hour: u32,
    /// Different recipients in a day, past which mail is paced.
    pub recipients_day: u32,
}

impl Default for Tiers {
    fn default() -> Self {
        // A script mails one person for one visitor's act: 15 strangers in a minute are no visitors.
        // A person with a mail program writes to a round of 30 at once, hardly to more strangers.
        // Hours and days: between the published limits of IONOS (50 to 5,000 an hour by age), cyon
        // (100, and 30 in the first month) and hosting.de (250 in ten minutes).
        let tier = |burst, new_recipients_hour, recipients_hour, recipients_day| Tier {
            burst,
            new_recipients_hour,
            recipients_hour,
            recipients_day,
        };
        Self {
            unknown: tier(5, 10, 20, 100),
            week: tier(10, 30, 100, 600),
            month: tier(15, 60, 200, 1500),
            mailbox: tier(30, 100, 500, 5000),
            script: tier(15, 60, 500, 5000),
            new_origin: tier(10, 20, 200, 2000),
            week_days: 7,
            month_days: 30,
            origin_new: Duration::from_secs(24 * 3600),
            new_scripts_hour: 5,
            peak_percent: 400,
            quiet_percent: 33,
        }
    }
}

/// Holding back and letting go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// How long a stream is held at first. Three minutes: four fifths of what becomes of a message
    /// is known by then, and nobody misses a newsletter for so long.
    pub span: Duration,
    /// Longest time that doubt keeps mail back; then it goes on unless something speaks against it.
    /// A quarter of an hour: what people still take for slow mail.
    pub span_max: Duration,
    /// Time between two probes while in doubt; two minutes bring most answers on the last one.
    pub probe_span: Duration,
    /// Points of other evidence up to which a fast stream goes free at the end of the first span
    /// without any news of its mail: weak signs never act alone.
    pub doubt_points: Points,
    /// Recipients whose mail is let go as a probe while in doubt. Four, twice, so that with a new
    /// origin's burst of 10 fewer than 20 escape.
    pub probe_recipients: u32,
    /// Probes before only waiting is left.
    pub probes: u32,
    /// A held stream that proves clean goes free in stages, this far apart: long enough to hear of
    /// the last stage's mail.
    pub stage_span: Duration,
    /// Messages of a stage for each recipient whose fate is known since the hold began. Four: when
    /// chance deceived the first look, the next one sees four times as much.
    pub stage_factor: u32,
    /// A stage is at least this share of all deliveries to strangers the stream ever had, in
    /// percent: a shop of years needs no stages for its sale, a script of yesterday does.
    pub past_percent: u32,
    /// Share of strangers from which a fast stream counts as new. Half: a newsletter or a round of
    /// invitations goes to people mailed before; a bought list does not.
    pub new_percent: u32,
    /// A released batch is spread over at most this long; a flood of own making gets mail greylisted.
    pub release_spread_max: Duration,
    /// Time between two messages of a released batch, as long as `release_spread_max` lets.
    pub release_gap: Duration,
    /// After a clean hold a stream's room is what it used in its fastest minute by this factor, in
    /// percent: it is not held again while it stays clean.
    pub headroom_percent: u32,
}

impl Default for Hold {
    fn default() -> Self {
        Self {
            span: Duration::from_secs(180),
            span_max: Duration::from_secs(900),
            probe_span: Duration::from_secs(120),
            doubt_points: Points::from_hundredths(120),
            probe_recipients: 4,
            probes: 2,
            stage_span: Duration::from_secs(60),
            stage_factor: 4,
            past_percent: 25,
            new_percent: 50,
            release_spread_max: Duration::from_secs(45),
            release_gap: Duration::from_millis(500),
            headroom_percent: 200,
        }
    }
}

/// What later news of a message weighs, as natural log odds of "bought or guessed addresses" (22 %
/// dead, 6 % refused as spam) against "ordinary mail of neglected lists" (6 % dead), in points. Only recipients
/// that the customer had never mailed before count: old ones say nothing about a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// A delivery: ln(0.72/0.93).
    pub delivered: Points,
    /// A recipient that does not exist: ln(0.22/0.06).
    pub unknown_user: Points,
    /// A refusal that names spam: ln(0.06/0.005).
    pub spam_blocked: Points,
    /// A complaint of a recipient: one is enough to look closely, with anything else beside it.
    pub complaint: Points,
    /// Good news never counts below this: a long clean past must not buy a long dirty day.
    pub floor: Points,
    /// Bad news never counts above this.
    pub ceiling: Points,
    /// What is left of the sum after a quiet day, in percent; old news grow stale.
    pub daily_percent: u32,
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            delivered: Points::from_hundredths(-25),
            unknown_user: Points::from_hundredths(130),
            spam_blocked: Points::from_hundredths(250),
            complaint: Points::from_hundredths(300),
            floor: Points::from_hundredths(-300),
            ceiling: Points::from_hundredths(1200),
            daily_percent: 80,
        }
    }
}

/// From points to consequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    /// Points of a family from which it counts as a signal: e² to 1, more than a coincidence.
    pub family_points: Points,
    /// Sum from which a stream is held although it is not fast, with two families: some 50 to 1.
    pub hold_points: Points,
    /// Sum from which it is quarantined, with two families: some 400 to 1, against one spam in a
    /// thousand and then reviewed by a person.
    pub quarantine_points: Points,
    /// Points of what became of earlier mail from which it is enough alone: 1 in 10,000 streams with
    /// 6 % dead addresses gets there, all with 18 % do.
    pub feedback_alone_points: Points,
    /// Sum of content alone from which forwarded mail is refused to the forwarder: nobody loses mail
    /// that was not written to him here, and the forwarder keeps the original.
    pub forward_refuse_points: Points,
    /// How long a suspension lasts after the last thing it stopped, unless a person ends it.
    pub suspension: Duration,
    /// Messages a case keeps for review; further ones of its origin are refused. What a person can
    /// look at, several times over.
    pub case_messages_max: u32,
    /// How long another origin's open case makes all new origins of the customer suspect.
    pub case_watch: Duration,
}

impl Default for Ladder {
    fn default() -> Self {
        Self {
            family_points: Points::from_hundredths(200),
            hold_points: Points::from_hundredths(400),
            quarantine_points: Points::from_hundredths(600),
            feedback_alone_points: Points::from_hundredths(900),
            forward_refuse_points: Points::from_hundredths(400),
            suspension: Duration::from_secs(7 * 86_400),
            case_messages_max: 1000,
            case_watch: Duration::from_secs(14 * 86_400),
        }
    }
}
