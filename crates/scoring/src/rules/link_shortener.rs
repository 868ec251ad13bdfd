//! Links that hide where they lead.

use super::{ContentRule, Sight, content};

pub(super) const RULE: ContentRule =
    content("LINK_SHORTENER", 80, "A link of a public shortener.", |sight: &Sight<'_>| {
        let link = sight.reading.links.iter().find(|l| SHORTENERS.contains(&l.host.as_str()))?;
        Some(format!("links to {}", link.host))
    });

const SHORTENERS: [&str; 16] = [
    "bit.ly",
    "tinyurl.com",
    "t.co",
    "goo.gl",
    "is.gd",
    "cutt.ly",
    "rebrand.ly",
    "ow.ly",
    "t.ly",
    "shorturl.at",
    "rb.gy",
    "s.id",
    "tiny.cc",
    "v.gd",
    "qr.ae",
    "lnkd.in",
];
