//! An encrypted archive with its password in the text: made so that no scanner can look inside.

use super::{ContentRule, Sight, content, matches, words};

words!(PASSWORD, "passwor[dt]", "kennwort", "pass ?code", "mot de passe", "hasło", "pw:");

pub(super) const RULE: ContentRule = content(
    "ENCRYPTED_ARCHIVE",
    250,
    "An encrypted zip, rar or 7z, and a password in the same message.",
    look,
);

fn look(sight: &Sight<'_>) -> Option<String> {
    let encrypted = |magic: &[u8]| {
        // Zip: bit 0 of the general flags of the first entry (APPNOTE 4.4.4).
        magic.starts_with(b"PK\x03\x04") && magic.get(6).is_some_and(|flags| flags & 1 == 1)
    };
    let file = sight.reading.files.iter().find(|file| {
        encrypted(&file.magic) || file.name.ends_with(".rar") || file.name.ends_with(".7z")
    })?;
    let word = matches(&PASSWORD, &sight.heads, &sight.reading.folded, 1)?;
    Some(format!("{:?} beside “{word}”", file.name))
}
