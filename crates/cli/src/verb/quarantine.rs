//! `postern quarantine list|show|release|refuse`

use std::fmt::Write;

use clap::{Args, Subcommand};
use postern_api::{Act, Done, Kept, MessageRow, MessageView, path};

use super::queue::{List, Show, report, sender};
use super::select::Chosen;
use super::{Common, EXIT_CODES, Reason, behalf};
use crate::Trouble;
use crate::client::Client;
use crate::output::{Output, count, first_of, or_dash, table, time};
use crate::safe;

/// Its verbs.
#[derive(Debug, Subcommand)]
pub enum Quarantine {
    /// Mail that is held back or waits for a decision: first the causes, then the messages.
    #[command(after_help = LIST_HELP)]
    List(List),
    /// One message: why it is kept, its headers and its text, safe for a terminal.
    #[command(after_help = EXIT_CODES)]
    Show(Show),
    /// Let messages go. They leave spread over some time, so that no upstream chokes on them.
    #[command(after_help = RELEASE_HELP)]
    Release(Decide),
    /// Give messages back to their sender with a notice; none is ever dropped silently.
    #[command(after_help = REFUSE_HELP)]
    Refuse(Decide),
}

const LIST_HELP: &str = "\
Examples:
  postern quarantine list
  postern quarantine list --customer c1001 --younger-than 1h
  postern quarantine list --json | jq -r .campaign | sort | uniq -c

Exit codes:
  0  done, also when there is nothing to list
  1  not done: the relay says no
  2  the command line is wrong
  3  no relay answers at the admin socket of this config";

const RELEASE_HELP: &str = "\
Examples:
  postern quarantine release 06D2VX5M3N8Q0000 --reason 'order mail, checked'
  postern quarantine release --campaign 7f3a --reason 'newsletter, customer called' --dry-run
  postern quarantine release --customer c1001 --older-than 1h --reason 'ticket 4711'

Exit codes:
  0  all of them were released (with --dry-run: would be)
  1  nothing fits, some ids are not kept (any more), or the relay says no
  2  the command line is wrong
  3  no relay answers at the admin socket of this config";

const REFUSE_HELP: &str = "\
Examples:
  postern quarantine refuse --case 12 --reason 'hacked form, site cleaned'
  postern quarantine refuse --origin script:/home/c1001/x.php --reason 'webshell' --dry-run

Exit codes:
  0  all of them were refused (with --dry-run: would be)
  1  nothing fits, some ids are not kept (any more), or the relay says no
  2  the command line is wrong
  3  no relay answers at the admin socket of this config";

/// Arguments.
#[derive(Debug, Args)]
pub struct Decide {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    reason: Reason,
    /// Only say which it would be.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

impl Quarantine {
    pub(super) fn common(&self) -> &Common {
        match self {
            Self::List(verb) => &verb.common,
            Self::Show(verb) => &verb.common,
            Self::Release(verb) | Self::Refuse(verb) => &verb.common,
        }
    }
}

pub(super) async fn run(verb: Quarantine, client: &Client, output: &Output) -> Result<(), Trouble> {
    match verb {
        Quarantine::List(list) => {
            let rows = list.rows(Kept::Quarantine, client).await?;
            output.rows(&rows, people)
        }
        Quarantine::Show(verb) => show(&verb.id, client, output).await,
        Quarantine::Release(verb) => decide(verb, path::RELEASE, "released", client, output).await,
        Quarantine::Refuse(verb) => {
            decide(verb, path::REFUSE, "refused with a notice", client, output).await
        }
    }
}

async fn decide(
    verb: Decide,
    endpoint: &str,
    what: &str,
    client: &Client,
    output: &Output,
) -> Result<(), Trouble> {
    let act = Act {
        selector: verb.chosen.selector(Kept::Quarantine)?,
        reason: verb.reason.reason,
        dry_run: verb.dry_run,
        behalf: behalf(),
    };
    let done: Done = client.post(endpoint, &act).await?;
    report(&done, what, output)
}

/// Messages with one cause: of one case, or held of one sender.
struct Cause<'r> {
    first: &'r MessageRow,
    messages: u64,
    recipients: u64,
    held: bool,
}

/// The causes, in the order in which they began.
fn causes(rows: &[MessageRow]) -> Vec<Cause<'_>> {
    let mut causes: Vec<Cause<'_>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for row in rows {
        let key = match &row.case {
            Some(case) => (Some(case), None),
            None => (None, Some((&row.customer, &row.origin))),
        };
        let place = *places.entry(key).or_insert(causes.len());
        if place == causes.len() {
            causes.push(Cause { first: row, messages: 0, recipients: 0, held: false });
        }
        if let Some(cause) = causes.get_mut(place) {
            cause.messages += 1;
            cause.recipients += row.recipients.len() as u64;
            cause.held |= row.state == "held";
        }
    }
    causes
}

/// More messages than this nobody reads on a screen; the causes say it all.
const MESSAGES_SHOWN: usize = 50;

fn people(rows: &[MessageRow]) -> String {
    if rows.is_empty() {
        return "nothing is held or quarantined\n".to_owned();
    }
    let causes = causes(rows);
    let head =
        ["CASE", "STATE", "MESSAGES", "RECIPIENTS", "CUSTOMER", "ORIGIN", "SINCE (UTC)", "WHY"];
    let lines = causes.iter().map(|cause| {
        [
            or_dash(cause.first.case.as_deref()),
            if cause.held { "held".into() } else { cause.first.state.clone() },
            cause.messages.to_string(),
            cause.recipients.to_string(),
            or_dash(cause.first.customer.as_deref()),
            cause.first.origin.clone(),
            time(&cause.first.received_at),
            why(cause.first),
        ]
    });
    let mut text = format!(
        "{}, {}\n\n{}\n",
        count(causes.len() as u64, "cause", "causes"),
        count(rows.len() as u64, "message", "messages"),
        table(head, lines.collect())
    );
    let head = ["ID", "RECEIVED (UTC)", "STATE", "UNTIL (UTC)", "CASE", "FROM", "TO"];
    let lines = rows.iter().take(MESSAGES_SHOWN).map(|row| {
        [
            row.id.clone(),
            time(&row.received_at),
            row.state.clone(),
            time(&row.due),
            or_dash(row.case.as_deref()),
            sender(&row.mail_from),
            first_of(&row.recipients),
        ]
    });
    text += &table(head, lines.collect());
    if rows.len() > MESSAGES_SHOWN {
        let _ = writeln!(text, "… and {} more (--json lists all)", rows.len() - MESSAGES_SHOWN);
    }
    text += "\nLook at one with `postern quarantine show ID`; decide with `release` or `refuse`.\n";
    text
}

/// The rules that counted, heaviest first.
fn why(row: &MessageRow) -> String {
    let mut rules: Vec<_> = row.rules.iter().collect();
    rules.sort_by(|a, b| b.points.total_cmp(&a.points));
    let names: Vec<_> = rules.iter().map(|rule| rule.id.as_str()).collect();
    or_dash(Some(&names.join(", ")))
}

pub(super) async fn show(id: &str, client: &Client, output: &Output) -> Result<(), Trouble> {
    let view: MessageView = client.get_named(path::SHOW, id).await?;
    output.one(&view, view_for_people)
}

fn view_for_people(view: &MessageView) -> String {
    let row = &view.row;
    let mut text = String::new();
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<10} {}", safe::line(value));
    };
    fact("message", &format!("{}, {} bytes", row.id, row.size));
    fact("received", &format!("{} UTC", time(&row.received_at)));
    fact("state", &format!("{}, until {} UTC", row.state, time(&row.due)));
    fact("customer", &or_dash(row.customer.as_deref()));
    fact("origin", &format!("{} ({}, lane {})", row.origin, view.method, row.lane));
    fact("client", &format!("{} (HELO {})", view.client, view.helo));
    fact("case", &or_dash(row.case.as_deref()));
    fact("campaign", &or_dash(row.campaign.as_deref()));
    fact("decision", &format!("{}, {} points", row.decision, row.score));
    for rule in &row.rules {
        fact("", &format!("{:>+6.2}  {}: {}", rule.points, rule.id, rule.why));
    }
    fact("from", &sender(&row.mail_from));
    for (i, recipient) in view.progress.iter().enumerate() {
        let answer = recipient.answer.as_ref().map(|answer| format!(": {answer}"));
        let line =
            format!("{} ({}{})", recipient.recipient, recipient.state, answer.unwrap_or_default());
        fact(if i == 0 { "to" } else { "" }, &line);
    }
    text += "\n--- header\n";
    for (name, value) in &view.header {
        let _ = writeln!(text, "{}: {}", safe::line(name), safe::line(value));
    }
    let _ = write!(text, "\n--- text\n{}\n", safe::lines(view.text.trim_end()));
    if !view.parts.is_empty() {
        text += "\n--- other parts\n";
        for part in &view.parts {
            let _ = writeln!(text, "{}", safe::line(part));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, case: Option<&str>, origin: &str, state: &str) -> MessageRow {
        MessageRow {
            id: id.into(),
            customer: Some("c1".into()),
            origin: origin.into(),
            state: state.into(),
            case: case.map(Into::into),
            recipients: vec!["a@b.example".into(), "c@d.example".into()],
            received_at: "2026-11-24T21:47:03.000Z".into(),
            due: "2026-11-24T21:50:03.000Z".into(),
            ..MessageRow::default()
        }
    }

    #[test]
    fn a_burst_is_one_cause() {
        let rows = [
            row("1", Some("7"), "script:/a", "quarantined"),
            row("2", Some("7"), "script:/b", "quarantined"),
            row("3", None, "login:x", "held"),
            row("4", Some("7"), "script:/a", "quarantined"),
        ];
        let text = people(&rows);
        assert!(text.starts_with("2 causes, 4 messages\n"), "{text}");
        let first = text.lines().nth(3).unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(first[..6], ["7", "quarantined", "3", "6", "c1", "script:/a"]);
    }

    #[test]
    fn hostile_mail_is_only_text() {
        let view = MessageView {
            row: MessageRow { mail_from: "a\u{202e}@b".into(), ..row("1", None, "ip:::1", "held") },
            helo: "\u{1b}]0;owned\u{7}".into(),
            header: vec![("Subject".into(), "hi\n\u{1b}[2Jthere".into())],
            text: "line\r\n\u{9b}31mred\n".into(),
            parts: vec!["image/png, 3 octets, \u{200b}x.png".into()],
            ..MessageView::default()
        };
        let text = view_for_people(&view);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains(['\u{202e}', '\u{200b}']), "{text:?}");
        assert!(text.contains("Subject: hi\\u{a}\\u{1b}[2Jthere\n"), "{text}");
    }
}
