//! Programs as attachments.

use super::{ContentRule, Sight, content};

pub(super) const RULE: ContentRule = content(
    "PROGRAM_FILE",
    300,
    "An attached program or script: mail providers refuse it anyway.",
    |sight: &Sight<'_>| {
        let file = sight.reading.files.iter().find(|file| {
            is_program(&file.name)
                || (file.magic.starts_with(b"MZ") && !file.name.ends_with(".dll"))
        })?;
        Some(format!("attachment {:?} ({})", file.name, file.kind))
    },
);

const KINDS: [&str; 18] = [
    ".exe", ".scr", ".pif", ".com", ".bat", ".cmd", ".js", ".jse", ".vbs", ".vbe", ".wsf", ".hta",
    ".lnk", ".ps1", ".jar", ".msi", ".cpl", ".chm",
];

/// Whether a name in lower case ends like a program's.
pub(super) fn is_program(name: &str) -> bool {
    KINDS.iter().any(|kind| name.ends_with(kind))
}
