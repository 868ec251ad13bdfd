//! From an address of a large provider that signs all its mail, without a signature.

use super::{ContentRule, Sight, content};

pub(super) const RULE: ContentRule = content(
    "FREEMAIL_UNSIGNED",
    200,
    "From is at a provider that signs all its mail with DKIM, and there is no signature: it was \
     written elsewhere. Mail programs that send for such an address do this too, so it is weak alone.",
    look,
);

const SIGNERS: [&str; 20] = [
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "outlook.de",
    "hotmail.com",
    "hotmail.de",
    "live.com",
    "live.de",
    "msn.com",
    "yahoo.com",
    "yahoo.de",
    "aol.com",
    "icloud.com",
    "me.com",
    "gmx.de",
    "gmx.net",
    "web.de",
    "t-online.de",
    "freenet.de",
    "proton.me",
];

fn look(sight: &Sight<'_>) -> Option<String> {
    let domain = sight.facts.from_domain.as_deref()?;
    let signed = sight.structure.header.has(sight.octets, "dkim-signature");
    (SIGNERS.contains(&domain) && !signed).then(|| format!("From at {domain} without a signature"))
}
