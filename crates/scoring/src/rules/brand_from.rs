//! A brand in the sender's name, and a domain that is not the brand's.

use super::{ContentRule, Sight, brands, content};

pub(super) const RULE: ContentRule = content(
    "BRAND_FROM",
    250,
    "From shows a bank's, carrier's or provider's name, and its address belongs to somebody else.",
    look,
);

fn look(sight: &Sight<'_>) -> Option<String> {
    let facts = sight.facts;
    let name = facts.from_name.to_lowercase();
    let brand = brands::named_in(&name)?;
    let domain = facts.from_domain.as_deref()?;
    if brands::owns(brand, domain) {
        return None;
    }
    Some(format!("From shows {:?}, its domain is {domain}", brand.name))
}
