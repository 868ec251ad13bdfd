//! A brand in the text, links that lead elsewhere, and no word of the brand's own domain.

use super::{ContentRule, Sight, brands, content};

pub(super) const RULE: ContentRule = content(
    "BRAND_LINK",
    150,
    "Signs or titles itself with a brand's name, while no link and no sender belongs to the brand.",
    look,
);

fn look(sight: &Sight<'_>) -> Option<String> {
    let reading = sight.reading;
    let subject = reading.subject.to_lowercase();
    let closing: String = {
        let main = reading.main.trim_end();
        // No letter shrinks to a third of its octets or less when it is made small.
        let tail = main.ceil_char_boundary(main.len().saturating_sub(4 * CLOSING_OCTETS));
        let main = main[tail..].to_lowercase();
        let from = main.len().saturating_sub(CLOSING_OCTETS);
        main[main.ceil_char_boundary(from)..].to_owned()
    };
    let brand = brands::named_in(&subject).or_else(|| brands::signed_by(&closing))?;
    let foreign = reading.links.iter().find(|l| !sight.facts.is_own_link(l.domain()))?;
    let brands_own = reading.links.iter().any(|link| brands::owns(brand, link.domain()))
        || sight.facts.from_domain.as_deref().is_some_and(|d| brands::owns(brand, d));
    (!brands_own).then(|| format!("names {:?}, links to {}", brand.name, foreign.host))
}

/// Where a letter is signed.
const CLOSING_OCTETS: usize = 120;
