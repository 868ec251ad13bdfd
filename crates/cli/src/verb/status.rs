//! `postern status`

use clap::Args;
use postern_api::{ServerRow, path};

use super::Common;
use crate::Trouble;
use crate::client::Client;
use crate::output::{Output, or_dash, table, time};

/// Arguments.
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(client: &Client, output: &Output) -> Result<(), Trouble> {
    let status: postern_api::Status = client.get(path::STATUS).await?;
    output.one(&status, people)
}

fn people(status: &postern_api::Status) -> String {
    let (watching, decided) = match status.mode.as_str() {
        "observe" => (" (everything is forwarded)", "would have been"),
        _ => ("", "decided"),
    };
    let standby = if status.standby {
        "another relay runs on the same data_dir and still holds the queue; end it, and this one takes over\n"
    } else {
        ""
    };
    let head = format!(
        "{} runs postern {} in mode {}{watching}, config {}, {} customers\n{standby}\n",
        status.hostname, status.version, status.mode, status.config, status.customers
    );
    let rows = [
        ("since the start", "accepted", status.accepted),
        ("", "forwarded", status.forwarded),
        ("", "refused", status.refused),
        ("", "deferred", status.deferred),
        ("", "bounced", status.bounced),
        ("", "not judged", status.unjudged),
        ("", "failed logins", status.auth_failed),
        (decided, "slowed down", status.decided.pace),
        ("", "held", status.decided.hold),
        ("", "quarantined", status.decided.quarantine),
        ("", "refused", status.decided.refuse + status.decided.defer),
        ("now", "queued", status.queued),
        ("", "slowed down", status.paced),
        ("", "held", status.held),
        ("", "quarantined", status.quarantined),
        ("", "damaged", status.damaged),
        ("", "open cases", status.cases),
        ("", "suspended", status.suspended),
    ];
    let rows = rows.map(|(when, what, number)| [when.into(), what.into(), number.to_string()]);
    let counts = table(["", "", ""], rows.into());
    let upstreams = table(
        ["UPSTREAM", "POOL", "STATE", "BUSY", "IDLE", "LAST SUCCESS (UTC)", "LAST FAILURE (UTC)"],
        status.upstreams.iter().map(server).collect(),
    );
    format!("{head}{}\n{upstreams}", counts.trim_start_matches('\n'))
}

fn server(row: &ServerRow) -> [String; 7] {
    let failure = match (&row.last_failure, &row.last_error) {
        (Some(at), Some(error)) => format!("{} {error}", time(at)),
        (at, error) => or_dash(at.as_deref().or(error.as_deref())),
    };
    [
        row.server.clone(),
        row.pool.clone(),
        if row.up { "up".into() } else { format!("down, {} failures", row.failures) },
        row.busy.to_string(),
        row.idle.to_string(),
        row.last_success.as_deref().map_or_else(|| "-".into(), time),
        failure,
    ]
}
