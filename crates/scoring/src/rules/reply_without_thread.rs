//! An answer to nothing.

use super::{ContentRule, Sight, content};

pub(super) const RULE: ContentRule = content(
    "REPLY_WITHOUT_THREAD",
    60,
    "Subject says Re:, and no field names what is answered. Some programs forget it, so it is weak.",
    |sight: &Sight<'_>| {
        let subject = sight.reading.subject.trim_start().to_lowercase();
        let reply =
            ["re:", "aw:", "fwd: re:", "re[2]:"].iter().any(|sign| subject.starts_with(sign));
        let header = &sight.structure.header;
        let thread = ["in-reply-to", "references", "thread-index"]
            .iter()
            .any(|name| header.has(sight.octets, name));
        (reply && !thread).then(|| "Re: without In-Reply-To or References".to_owned())
    },
);
