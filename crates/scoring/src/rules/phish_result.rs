//! What a phishing page mails to its owner: one victim's answers, line by line.

use super::{ContentRule, Sight, content};

pub(super) const RULE: ContentRule = content(
    "PHISH_RESULT",
    400,
    "Lines that label a login, a password and the visitor's address or browser: what a phishing \
     page sends to its drop box. Forms of honest sites never mail passwords with addresses.",
    look,
);

const LOGINS: [&str; 10] =
    ["user", "username", "login", "email", "e-mail", "id", "mail", "benutzer", "userid", "account"];
const SECRETS: [&str; 9] =
    ["pass", "password", "passwort", "pwd", "pin", "cvv", "card", "kennwort", "passwd"];
const VISITORS: [&str; 10] = [
    "ip",
    "ip address",
    "client ip",
    "ip-adresse",
    "ua",
    "user agent",
    "useragent",
    "user-agent",
    "browser",
    "geoip",
];

fn look(sight: &Sight<'_>) -> Option<String> {
    let mut found = [false; 3];
    for line in sight.reading.folded.lines().take(LINES_MAX) {
        let Some((label, value)) = line.split_once([':', '=', '>']) else { continue };
        let value = value.trim();
        if value.is_empty() || value.contains("://") {
            continue;
        }
        let label = label.trim_matches(|c: char| !c.is_alphanumeric()).trim();
        for (i, labels) in [&LOGINS[..], &SECRETS[..], &VISITORS[..]].iter().enumerate() {
            // “password 1”, “email address” and the like: the first word decides.
            let numbered = label.trim_end_matches(|c: char| c.is_ascii_digit()).trim();
            found[i] |= labels.contains(&numbered);
        }
    }
    found
        .iter()
        .all(|f| *f)
        .then(|| "login, password and visitor's address in labelled lines".into())
}

const LINES_MAX: usize = 200;
