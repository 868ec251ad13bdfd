//! Text that is there for filters, not for readers.

use super::{ContentRule, Sight, content};

pub(super) const RULE: ContentRule = content(
    "HIDDEN_TEXT",
    150,
    "HTML hides much more than a preview line from its readers.",
    |sight: &Sight<'_>| {
        let hidden = sight.reading.hidden_octets;
        let shown = sight.reading.main.len();
        let much = hidden > PREVIEW_OCTETS && hidden * 2 > shown;
        much.then(|| {
            format!(
                "{hidden} octets hidden beside {shown} shown, preview lines have {PREVIEW_OCTETS}"
            )
        })
    },
);

/// Newsletters hide a preview line, filled up with blanks, of a few hundred octets.
const PREVIEW_OCTETS: usize = 600;
