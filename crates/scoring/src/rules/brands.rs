//! Brands that mail of hosted customers is most often dressed up as, with the domains they mail from.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// A brand.
pub(crate) struct Brand {
    /// As people read it, in lower case.
    pub(crate) name: &'static str,
    /// Words by which it names itself, in lower case.
    words: &'static [&'static str],
    /// A part of its registered domains.
    stems: &'static [&'static str],
}

const fn brand(
    name: &'static str,
    words: &'static [&'static str],
    stems: &'static [&'static str],
) -> Brand {
    Brand { name, words, stems }
}

const BRANDS: &[Brand] = &[
    brand("dhl", &["dhl"], &["dhl", "deutschepost"]),
    brand("deutsche post", &["deutsche post"], &["deutschepost", "dhl"]),
    brand("dpd", &["dpd"], &["dpd"]),
    brand("hermes", &["hermes paket", "hermes versand"], &["hermes", "myhermes"]),
    brand("gls", &["gls paket"], &["gls"]),
    brand("ups", &["ups paket", "ups express", "united parcel"], &["ups"]),
    brand("fedex", &["fedex"], &["fedex"]),
    brand("usps", &["usps"], &["usps"]),
    brand("zoll", &["zollamt", "zollgebühr"], &["zoll"]),
    brand("sparkasse", &["sparkasse"], &["sparkasse", "s-", "haspa", "berliner-sparkasse"]),
    brand(
        "volksbank",
        &["volksbank", "raiffeisenbank"],
        &["volksbank", "vr-", "vrbank", "raiffeisen"],
    ),
    brand("commerzbank", &["commerzbank"], &["commerzbank"]),
    brand("postbank", &["postbank"], &["postbank"]),
    brand("deutsche bank", &["deutsche bank"], &["deutsche-bank", "db"]),
    brand("comdirect", &["comdirect"], &["comdirect"]),
    brand("dkb", &["dkb"], &["dkb"]),
    brand("n26", &["n26"], &["n26"]),
    brand("ing", &["ing-diba", "ing diba"], &["ing"]),
    brand("paypal", &["paypal"], &["paypal"]),
    brand("klarna", &["klarna"], &["klarna"]),
    brand("visa", &["visa secure", "verified by visa"], &["visa"]),
    brand("amazon", &["amazon"], &["amazon"]),
    brand("ebay", &["ebay"], &["ebay"]),
    brand("netflix", &["netflix"], &["netflix"]),
    brand("spotify", &["spotify"], &["spotify"]),
    brand("disney+", &["disney+"], &["disney"]),
    brand("apple", &["apple id", "apple support", "icloud"], &["apple", "icloud"]),
    brand(
        "microsoft",
        &["microsoft", "office 365", "office365", "onedrive", "sharepoint"],
        &["microsoft", "office", "sharepoint", "live", "outlook"],
    ),
    brand("google", &["google"], &["google", "youtube", "gmail"]),
    brand("docusign", &["docusign"], &["docusign"]),
    brand("dropbox", &["dropbox"], &["dropbox"]),
    brand("facebook", &["facebook", "meta business"], &["facebook", "meta"]),
    brand("instagram", &["instagram"], &["instagram", "facebook"]),
    brand("whatsapp", &["whatsapp"], &["whatsapp", "facebook"]),
    brand("linkedin", &["linkedin"], &["linkedin"]),
    brand("telekom", &["telekom"], &["telekom", "t-online", "magenta"]),
    brand("vodafone", &["vodafone"], &["vodafone"]),
    brand("1&1", &["1&1", "1und1"], &["1und1", "ionos"]),
    brand("ionos", &["ionos"], &["ionos", "1und1"]),
    brand("strato", &["strato"], &["strato"]),
    brand("web.de", &["web.de"], &["web.de", "1und1"]),
    brand("gmx", &["gmx"], &["gmx", "1und1"]),
    brand("coinbase", &["coinbase"], &["coinbase"]),
    brand("binance", &["binance"], &["binance"]),
    brand("trust wallet", &["trust wallet", "metamask"], &["trustwallet", "metamask"]),
    brand("chase", &["chase bank"], &["chase"]),
    brand("wells fargo", &["wells fargo"], &["wellsfargo"]),
    brand("bank of america", &["bank of america"], &["bankofamerica", "bofa"]),
    brand("la banque postale", &["banque postale"], &["labanquepostale"]),
    brand("crédit agricole", &["crédit agricole"], &["credit-agricole"]),
    brand("inpost", &["inpost"], &["inpost"]),
    brand("allegro", &["allegro"], &["allegro"]),
];

/// Service words without a brand's name, as whole names of a sender that is no company's own
/// mail: what phishing calls itself when it names nobody.
const HELP_DESKS: Brand = brand(
    "a help desk",
    &[
        "webmail admin",
        "e-mail administrator",
        "email administrator",
        "mail administrator",
        "webhosting support",
        "webmail support",
        "mailbox support",
        "it-service",
        "it helpdesk",
        "mail delivery team",
        "paketservice",
        "paketdienst",
        "kundenservice bank",
    ],
    &[],
);

/// All brands' words, with the place in the list of the brand that each belongs to.
struct Words {
    words: AhoCorasick,
    owners: Vec<usize>,
}

static WORDS: LazyLock<Option<Words>> = LazyLock::new(|| {
    let all = || BRANDS.iter().enumerate().flat_map(|(i, b)| b.words.iter().map(move |w| (i, w)));
    let words = all().map(|(_, word)| word);
    let words = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(words).ok()?;
    Some(Words { words, owners: all().map(|(owner, _)| owner).collect() })
});

/// Brands whose words stand somewhere in a text, in the order of the list: few texts have any.
fn mentioned(text: &str) -> impl Iterator<Item = &'static Brand> {
    let mut found: Vec<usize> = match WORDS.as_ref() {
        Some(all) => {
            let hits = all.words.find_overlapping_iter(text);
            hits.map(|hit| all.owners[hit.pattern().as_usize()]).collect()
        }
        None => (0..BRANDS.len()).collect(),
    };
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|place| &BRANDS[place])
}

/// The brand named in a text in lower case.
pub(crate) fn named_in(text: &str) -> Option<&'static Brand> {
    mentioned(text).find(|b| b.words.iter().any(|word| has_word(text, word))).or_else(|| {
        let desk = HELP_DESKS.words.iter().any(|word| text.trim() == *word);
        desk.then_some(&HELP_DESKS)
    })
}

/// The brand that the end of a text in lower case is signed with.
pub(crate) fn signed_by(closing: &str) -> Option<&'static Brand> {
    mentioned(closing).find(|b| {
        b.words.iter().any(|word| {
            closing.lines().any(|line| {
                let line = line.trim();
                line.len() <= SIGNATURE_OCTETS_MAX && has_word(line, word)
            })
        })
    })
}

/// A signature is short; a sentence that mentions a brand is not one.
const SIGNATURE_OCTETS_MAX: usize = 40;

/// Whether a domain is the brand's own.
pub(crate) fn owns(brand: &Brand, domain: &str) -> bool {
    let label = crate::text::registered_domain(domain);
    let label = label.split('.').next().unwrap_or_default();
    brand.stems.iter().any(|stem| {
        label == *stem
            || domain == *stem
            || (stem.ends_with('-') && label.starts_with(stem))
            || label.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-') && rest.len() <= 4)
            || (stem.len() >= 8 && label.contains(stem))
    })
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

impl std::fmt::Debug for Brand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brands_own_their_domains_only() {
        let rows = [
            ("dhl paket", Some(("dhl.de", true))),
            ("dhl paket", Some(("dhl-sendung24.example", false))),
            ("sparkasse", Some(("berliner-sparkasse.de", true))),
            ("paypal service", Some(("paypal.com", true))),
            ("paypal service", Some(("paypa1.com", false))),
            ("bahndhlen", None),
            ("it-service", Some(("firm.example", false))),
            ("it-service müller", None),
        ];
        for (text, expect) in rows {
            let brand = named_in(text);
            assert_eq!(brand.is_some(), expect.is_some(), "{text}");
            if let (Some(brand), Some((domain, owned))) = (brand, expect) {
                assert_eq!(owns(brand, domain), owned, "{domain}");
            }
        }
    }
}
