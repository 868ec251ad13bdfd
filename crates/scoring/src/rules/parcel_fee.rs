//! A parcel that a small fee would set free.

use super::{ContentRule, Sight, content, matches, words};

words!(
    PARCEL,
    "paket",
    "sendung",
    "lieferung",
    "zustellung",
    "parcel",
    "package",
    "shipment",
    "delivery",
    "colis",
    "livraison",
    "paczk[aię]",
    "przesyłk[aię]",
);
words!(
    TROUBLE,
    "konnte nicht zugestellt",
    "fehlgeschlagen",
    "angehalten",
    "zollgebühr",
    "gebühr von",
    "jetzt bezahlen",
    "geht (?:die sendung )?zurück",
    "bestätigen sie ihre adresse",
    "hier begleichen",
    "offene[rn]? betrag",
    "could not be delivered",
    "customs fee",
    "delivery fee",
    "failed delivery",
    "reschedule",
    "unpaid",
    "n.a pas pu être livré",
    "frais de",
    "opłat[aęy]",
    "dopłat[aęy]",
    "letzte erinnerung",
);

pub(super) const RULE: ContentRule =
    content("PARCEL_FEE", 180, "A parcel is stuck, and a foreign link is to set it free.", look);

fn look(sight: &Sight<'_>) -> Option<String> {
    let foreign = sight.reading.links.iter().find(|l| !sight.facts.is_own_link(l.domain()))?;
    matches(&PARCEL, &sight.heads, &sight.reading.folded, 1)?;
    let trouble = matches(&TROUBLE, &sight.heads, &sight.reading.folded, 1)?;
    Some(format!("“{trouble}”, link to {}", foreign.host))
}
