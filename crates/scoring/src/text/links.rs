//! Links: where they lead, and behind which words.

/// A link to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// In lower case, without port and user.
    pub(crate) host: String,
    /// Path and query, as written.
    pub(crate) path: String,
    /// The words it stands behind; empty in plain text.
    pub(crate) words: String,
}

impl Link {
    /// From a URL with `http` or `https`; `None` for everything else.
    pub(crate) fn parse(url: &str, words: &str) -> Option<Self> {
        let url = url.trim();
        let rest = strip_scheme(url)?;
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = match host.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        let host = host.trim_matches('.').to_lowercase();
        if host.is_empty() || host.len() > HOST_OCTETS_MAX || host.contains(char::is_whitespace) {
            return None;
        }
        let path: String = path.chars().take(PATH_CHARS_MAX).collect();
        Some(Self { host, path, words: words.trim().chars().take(WORDS_CHARS_MAX).collect() })
    }

    /// The domain that somebody registered, or the address.
    pub(crate) fn domain(&self) -> &str {
        registered_domain(&self.host)
    }

    /// Whether it leads to an address instead of a name.
    pub(crate) fn is_address(&self) -> bool {
        self.host.parse::<std::net::IpAddr>().is_ok()
            || self.host.bytes().all(|o| o.is_ascii_digit())
    }
}

const HOST_OCTETS_MAX: usize = 253;
const PATH_CHARS_MAX: usize = 200;
const WORDS_CHARS_MAX: usize = 100;

fn strip_scheme(url: &str) -> Option<&str> {
    let colon = url.find(':')?;
    let scheme = &url[..colon];
    let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    known.then(|| url[colon + 1..].trim_start_matches(['/', '\\']))
}

/// The registered domain of a host name by the public suffix list; the host itself where it has
/// none.
pub(crate) fn registered_domain(host: &str) -> &str {
    psl::domain_str(host).unwrap_or(host)
}

/// Adds the links that stand in plain text.
pub(crate) fn links_in_text(text: &str, links: &mut Vec<Link>, links_max: usize) {
    let mut rest = text;
    while links.len() < links_max {
        let Some(at) = next_link(rest) else { return };
        let url = &rest[at..];
        let end = url
            .find(|c: char| {
                c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | ')' | ']' | '|')
            })
            .unwrap_or(url.len());
        let (found, after) = url.split_at(end);
        let found = found.trim_end_matches(['.', ',', ';', '!', '?', ':']);
        let whole =
            if found.starts_with("www.") { format!("http://{found}") } else { found.to_owned() };
        links.extend(Link::parse(&whole, ""));
        rest = after;
    }
}

/// Where the next `http` or `www.` begins.
fn next_link(text: &str) -> Option<usize> {
    let octets = text.as_bytes();
    let scheme = memchr::memmem::find_iter(octets, b"://").find_map(|at| {
        let head = &text[..at];
        let start = head
            .rfind(|c: char| !c.is_ascii_alphabetic())
            .map_or(0, |n| n + head[n..].chars().next().map_or(1, char::len_utf8));
        let name = &head[start..];
        (name.eq_ignore_ascii_case("http") || name.eq_ignore_ascii_case("https")).then_some(start)
    });
    let bare = memchr::memmem::find_iter(octets, b"www.")
        .find(|at| *at == 0 || octets[at - 1].is_ascii_whitespace() || octets[at - 1] == b'(');
    match (scheme, bare) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
