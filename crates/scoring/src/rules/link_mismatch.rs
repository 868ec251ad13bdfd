//! A link whose words name another host than it leads to.

use super::{ContentRule, Sight, content};
use crate::text::{Link, registered_domain};

pub(super) const RULE: ContentRule = content(
    "LINK_MISMATCH",
    250,
    "A link shows one domain and leads to another. Senders that count clicks do this as well, from \
     one domain for all links.",
    look,
);

fn look(sight: &Sight<'_>) -> Option<String> {
    let shown = |link: &Link| {
        let words = link.words.trim().trim_end_matches('/');
        let words = words.rsplit("://").next().unwrap_or_default();
        let host = words.split(['/', '?']).next().unwrap_or_default().to_lowercase();
        let like_host = host.contains('.')
            && !host.contains(|c: char| !c.is_alphanumeric() && c != '.' && c != '-')
            && psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.is_known());
        like_host.then_some(host)
    };
    let links = &sight.reading.links;
    let liar = links.iter().find_map(|link| {
        let shown = shown(link)?;
        let other = registered_domain(&shown) != link.domain();
        let counting = links.len() > 3 && links.iter().all(|l| l.domain() == link.domain());
        (other && !counting && !sight.facts.is_own_link(link.domain())).then_some((shown, link))
    });
    liar.map(|(shown, link)| format!("shows {shown}, leads to {}", link.host))
}
