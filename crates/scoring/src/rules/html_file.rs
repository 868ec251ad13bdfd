//! A web page as an attachment.

use super::{ContentRule, Sight, content};

pub(super) const RULE: ContentRule = content(
    "HTML_FILE",
    150,
    "An attached web page: opened from disk it escapes link checks, so phishing comes in it.",
    |sight: &Sight<'_>| {
        let page =
            |name: &str| [".html", ".htm", ".shtml", ".svg"].iter().any(|e| name.ends_with(e));
        let file = sight.reading.files.iter().find(|file| page(&file.name))?;
        Some(format!("attachment {:?}", file.name))
    },
);
