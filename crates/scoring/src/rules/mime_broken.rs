//! Structure on which readers disagree.

use super::{ContentRule, Sight, content};
use crate::mime::Anomaly;

pub(super) const RULE: ContentRule = content(
    "MIME_BROKEN",
    120,
    "The structure is broken in a way that shows one message to a filter and another to a reader.",
    look,
);

fn look(sight: &Sight<'_>) -> Option<String> {
    let grave = |anomaly: &&Anomaly| {
        matches!(
            anomaly,
            Anomaly::TooDeep
                | Anomaly::TooManyParts
                | Anomaly::HeaderTooBig
                | Anomaly::BoundaryInLine
                | Anomaly::Duplicate
                | Anomaly::BadBase64
                | Anomaly::UnknownEncoding
                | Anomaly::Nul
        )
    };
    let found: Vec<String> =
        sight.structure.anomalies.iter().filter(grave).map(|a| format!("{a:?}")).collect();
    (!found.is_empty()).then(|| found.join(", "))
}
