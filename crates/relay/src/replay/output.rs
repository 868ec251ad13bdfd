//! Decisions as JSON Lines, and a table for people.

use std::collections::BTreeMap;
use std::io::{self, Write};

use postern_mail::{Decision, Lane, Verb};
use serde::Serialize;

use super::drive::{Drive, Item, Stands};

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    decision: &'static str,
    reply: String,
    r#final: &'static str,
    forwarded_at: Option<f64>,
    customer: Option<&'a str>,
    origin: Option<String>,
    lane: Lane,
    campaign: Option<&'a str>,
    score: f64,
    rules: &'a [postern_mail::Hit],
}

#[derive(Serialize)]
struct Summary<'a> {
    r#type: &'static str,
    messages: usize,
    r#final: BTreeMap<&'static str, usize>,
    config: &'a str,
}

/// One line a message in the order of the trace, then the summary.
pub(super) fn write(drive: &Drive<'_>, mut out: impl Write) -> anyhow::Result<()> {
    for item in &drive.items {
        let Decision { verb, hits, campaign, lane, .. } = &item.decision;
        let line = Line {
            id: &item.name,
            decision: verb.as_str(),
            reply: item.reply.to_string(),
            r#final: place(item),
            forwarded_at: match item.stands {
                Stands::Forwarded(at) => Some(drive.seconds(at)),
                _ => None,
            },
            customer: item.identity.customer.as_ref().map(postern_mail::CustomerId::as_str),
            origin: item.identity.customer.as_ref().map(|_| item.identity.origin.to_string()),
            lane: *lane,
            campaign: campaign.as_ref().map(postern_mail::CampaignId::as_str),
            score: f64::from(item.decision.score()),
            rules: hits,
        };
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
    }
    let summary = Summary {
        r#type: "summary",
        messages: drive.items.len(),
        r#final: finals(drive),
        config: &drive.live.config.version,
    };
    serde_json::to_writer(&mut out, &summary)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

fn place(item: &Item) -> &'static str {
    match item.stands {
        Stands::Paced => "paced",
        Stands::Held => "held",
        Stands::Quarantined => "quarantined",
        Stands::Forwarded(_) => "forwarded",
        Stands::Refused => "refused",
        Stands::Deferred => "deferred",
        Stands::Bounced => "bounced",
    }
}

fn finals(drive: &Drive<'_>) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for item in &drive.items {
        *counts.entry(place(item)).or_default() += 1;
    }
    counts
}

/// What was decided and by which rules, in a few lines.
pub(super) fn table(drive: &Drive<'_>, mut out: impl Write) -> io::Result<()> {
    writeln!(out, "{} messages, config {}", drive.items.len(), drive.live.config.version)?;
    for (place, count) in finals(drive) {
        writeln!(out, "{count:>10} {place}")?;
    }
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    for item in drive.items.iter().filter(|item| item.decision.verb != Verb::Forward) {
        for hit in &item.decision.hits {
            *rules.entry(hit.rule.as_ref()).or_default() += 1;
        }
    }
    let mut rules: Vec<_> = rules.into_iter().collect();
    rules.sort_by_key(|(rule, count)| (std::cmp::Reverse(*count), *rule));
    for (rule, count) in rules.into_iter().take(RULES_SHOWN) {
        writeln!(out, "{count:>10} not forwarded at once by {rule}")?;
    }
    Ok(())
}

/// More do not help to read.
const RULES_SHOWN: usize = 20;
