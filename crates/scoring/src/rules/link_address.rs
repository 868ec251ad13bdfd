//! A link to a bare address.

use super::{ContentRule, Sight, content};

pub(super) const RULE: ContentRule = content(
    "LINK_ADDRESS",
    200,
    "A link to a public network address instead of a name.",
    |sight: &Sight<'_>| {
        let link = sight.reading.links.iter().find(|link| link.is_address())?;
        let private = link
            .host
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|ip| ip.is_private() || ip.is_loopback() || ip.is_link_local());
        (!private).then(|| format!("links to {}", link.host))
    },
);
