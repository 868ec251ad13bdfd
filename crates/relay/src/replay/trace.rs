//! Reading a trace: one JSON object a line, times in seconds from its start.

use std::collections::HashMap;
use std::io::BufRead;

use anyhow::{Context, bail, ensure};
use postern_mail::Timestamp;
use postern_scoring::Fate;
use serde::Deserialize;

/// One line.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Event {
    Trace {
        version: u32,
        starts: String,
    },
    Message(Box<Message>),
    Feedback {
        at: f64,
        message: String,
        rcpt: String,
        class: Fate,
    },
    Complaint {
        at: f64,
        message: String,
    },
    Verdict {
        at: f64,
        message: String,
        is: Is,
        scope: Scope,
    },
    Allowance {
        at: f64,
        customer: String,
        recipients: u32,
        from: f64,
        until: f64,
    },
    Upstream {
        at: f64,
        state: Up,
    },
    Restart {
        at: f64,
    },
    #[serde(skip)]
    End,
    #[serde(rename = "end")]
    Last {
        at: f64,
    },
}

/// A person's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Is {
    Spam,
    Ham,
}

/// On what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Scope {
    Message,
    Campaign,
}

/// All upstreams together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Up {
    Up,
    Down,
}

/// A complete SMTP transaction.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) at: f64,
    pub(super) id: String,
    pub(super) client: ClientLine,
    pub(super) mail_from: String,
    pub(super) rcpt_to: Vec<String>,
    pub(super) raw: Option<String>,
    pub(super) raw_b64: Option<String>,
    pub(super) file: Option<String>,
    pub(super) upstream: Option<Answers>,
}

/// The SMTP client.
#[derive(Debug, Deserialize)]
pub(super) struct ClientLine {
    pub(super) ip: std::net::IpAddr,
    pub(super) helo: String,
    pub(super) auth: Option<String>,
    pub(super) cert: Option<String>,
    pub(super) tls: bool,
    pub(super) xclient: Option<XclientLine>,
}

/// What it sent with XCLIENT.
#[derive(Debug, Deserialize)]
pub(super) struct XclientLine {
    pub(super) addr: Option<String>,
    pub(super) login: Option<String>,
}

/// The upstreams' answers to one message.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Answers {
    pub(super) code: u16,
    #[serde(default)]
    pub(super) text: String,
    #[serde(default)]
    pub(super) rcpt: HashMap<String, Answer>,
}

/// To one recipient.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Answer {
    pub(super) code: u16,
    #[serde(default)]
    pub(super) text: String,
}

/// The lines of a trace, checked for order.
pub(super) struct Lines<R> {
    from: R,
    number: usize,
    starts: Option<Timestamp>,
    latest: Timestamp,
    line: String,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, number: 0, starts: None, latest: Timestamp::default(), line: String::new() }
    }

    /// Of the line read last, counted from 1.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// The next event with its wall time; `None` after the last line. The header is an event too.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<(Timestamp, Event)>> {
        self.line.clear();
        self.number += 1;
        let read = self.from.read_line(&mut self.line).context("is no UTF-8 text")?;
        if read == 0 {
            return Ok(None);
        }
        let event: Event = serde_json::from_str(&self.line)
            .context("is no event of a trace; docs/replay.md lists types and fields")?;
        let Some(starts) = self.starts else {
            let Event::Trace { version, starts } = &event else {
                bail!("the first line must be the header, {{\"type\":\"trace\", …}}");
            };
            ensure!(*version == 1, "version {version} of traces is not known, only 1");
            let starts = rfc3339(starts).with_context(|| {
                format!("`starts` is {starts:?}, wanted is a time like 2024-02-05T00:00:00+01:00")
            })?;
            self.starts = Some(starts);
            self.latest = starts;
            return Ok(Some((starts, event)));
        };
        let seconds = match &event {
            Event::Trace { .. } => bail!("a second header; one trace a file"),
            Event::Message(message) => message.at,
            Event::Feedback { at, .. }
            | Event::Complaint { at, .. }
            | Event::Verdict { at, .. }
            | Event::Allowance { at, .. }
            | Event::Upstream { at, .. }
            | Event::Restart { at }
            | Event::Last { at } => *at,
            Event::End => bail!("not an event"),
        };
        let at = wall(starts, seconds)?;
        ensure!(at >= self.latest, "goes back in time; lines are ordered by `at`");
        self.latest = at;
        let event = if matches!(event, Event::Last { .. }) { Event::End } else { event };
        Ok(Some((at, event)))
    }
}

/// Seconds of the trace as wall time.
pub(super) fn wall(starts: Timestamp, seconds: f64) -> anyhow::Result<Timestamp> {
    ensure!(seconds.is_finite() && (0.0..1e10).contains(&seconds), "`at` is {seconds}");
    Ok(Timestamp::from_millis(starts.millis() + (seconds * 1000.0).round() as u64))
}

/// RFC 3339 §5.6 with an offset.
fn rfc3339(text: &str) -> Option<Timestamp> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let rest = text.get(19..)?;
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let offset = match rest {
        "Z" | "z" => 0,
        _ => {
            let sign = match rest.chars().next()? {
                '+' => 1,
                '-' => -1,
                _ => return None,
            };
            let (hours, minutes) = rest.get(1..)?.split_once(':')?;
            sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?)
        }
    };
    // Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil.
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100
        + day_of_year
        - 719_468;
    let seconds = days * 86_400 + hour * 3600 + (minute - offset) * 60 + second;
    Some(Timestamp::from_millis(u64::try_from(seconds).ok()? * 1000))
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn times_with_offsets() {
        let rows = [
            ("2024-02-05T00:00:00+01:00", Some("2024-02-04T23:00:00.000Z")),
            ("2024-02-29T12:30:15Z", Some("2024-02-29T12:30:15.000Z")),
            ("2024-02-29T12:30:15.5-02:30", Some("2024-02-29T15:00:15.000Z")),
            ("yesterday", None),
        ];
        for (text, expect) in rows {
            assert_eq!(rfc3339(text).map(|t| t.to_string()).as_deref(), expect, "{text}");
        }
    }
}
