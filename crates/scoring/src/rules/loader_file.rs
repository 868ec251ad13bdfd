//! Office files with macros, and containers that carry programs past filters.

use super::{ContentRule, Sight, content};

pub(super) const RULE: ContentRule = content(
    "LOADER_FILE",
    180,
    "An attachment of a kind that loads programs: macro documents, disk images, OneNote.",
    |sight: &Sight<'_>| {
        let loads = |name: &str| KINDS.iter().any(|kind| name.ends_with(kind));
        let file = sight.reading.files.iter().find(|file| loads(&file.name))?;
        Some(format!("attachment {:?}", file.name))
    },
);

const KINDS: [&str; 11] =
    [".docm", ".xlsm", ".pptm", ".xlam", ".iso", ".img", ".vhd", ".vhdx", ".one", ".xll", ".ace"];
