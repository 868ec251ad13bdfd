//! `[queue]`, `[quarantine]`, `[journal]`: mail that waits, and the record of all mail.

use std::path::Path;
use std::time::Duration;

use postern_queue::Settings;

use super::smtp::bytes;
use super::{DAY, HOUR, MINUTE, SECOND};
use crate::section::Section;

pub(super) fn read(root: &mut Section<'_, '_>, data_dir: &Path) -> Settings {
    let mut settings = Settings {
        dir: data_dir.join("queue"),
        retry: [30, 60, 120, 300, 600, 1200, 1800].map(Duration::from_secs).to_vec(),
        max_age: 5 * DAY,
        quarantine_max_age: 14 * DAY,
        segment_bytes: 16 << 20,
        headroom_bytes: 32 << 20,
        concurrency: 100,
        journal_max_age: 7 * DAY,
    };
    root.section("queue", |queue| {
        queue.set("retry", &mut settings.retry);
        let waits = &settings.retry;
        if waits.is_empty() || waits.iter().any(|wait| !(SECOND..=DAY).contains(wait)) {
            let remedy =
                "give at least one wait, each from \"1s\" to \"1d\": [\"30s\", \"5m\", \"30m\"]";
            queue.refuse("retry", "cannot be kept", remedy);
        }
        queue.set_within("max_age", &mut settings.max_age, MINUTE..=30 * DAY);
        queue.set_within("concurrency", &mut settings.concurrency, 1..=10_000);
        bytes(queue, "segment_bytes", &mut settings.segment_bytes, 1 << 20, 1 << 30);
        bytes(queue, "headroom_bytes", &mut settings.headroom_bytes, 1 << 20, 1 << 50);
    });
    root.section("quarantine", |quarantine| {
        quarantine.set_within("max_age", &mut settings.quarantine_max_age, HOUR..=365 * DAY);
    });
    root.section("journal", |journal| {
        journal.set_within("max_age", &mut settings.journal_max_age, DAY..=365 * DAY);
    });
    settings
}
