//! Threats about an account with a link that is to avert them.

use super::{ContentRule, Sight, content, matches, words};

words!(
    THREATS,
    "konto wurde (?:vorübergehend )?(?:eingeschränkt|gesperrt)",
    "zugang (?:wurde|wird) (?:eingeschränkt|gesperrt|deaktiviert)",
    "(?:online-)?banking (?:wurde )?(?:eingeschränkt|gesperrt)",
    "push-?tan",
    "bestätigen sie ihre (?:daten|identität|adresse|zahlungs)",
    "verifizieren sie",
    "postfach ist (?:zu|fast|voll)",
    "speicher (?:ist )?(?:fast )?(?:voll|erschöpft)",
    "passwort (?:ihres kontos )?läuft (?:heute |in kürze |bald )?ab",
    "nachrichten (?:konnten nicht zugestellt|zurückgehalten|wurden blockiert)",
    "account (?:has been|was|will be|is) (?:suspended|limited|locked|restricted|disabled|deactivated)",
    "verify your (?:account|identity|information|email)",
    "confirm your (?:account|identity|information|billing)",
    "unusual (?:sign-?in|activity|login)",
    "mailbox (?:is )?(?:almost |nearly )?(?:full|quota|exceeded)",
    "password (?:will )?expires? (?:today|soon|in)",
    "votre compte (?:a été|est|sera) (?:suspendu|limité|bloqué)",
    "zweryfikuj",
    "konto zostało (?:zablokowane|zawieszone)",
);

pub(super) const RULE: ContentRule = content(
    "ACCOUNT_THREAT",
    200,
    "Says that an account, mailbox or password is about to be lost, and gives a link. Real services \
     do so too, but from their own domain.",
    look,
);

fn look(sight: &Sight<'_>) -> Option<String> {
    if sight.reading.links.iter().all(|link| sight.facts.is_own_link(link.domain())) {
        return None;
    }
    matches(&THREATS, &sight.heads, &sight.reading.folded, 1)
        .map(|words| format!("“{words}” beside a foreign link"))
}
