//! What an upstream's refusal says about the stream that sent the message.

use postern_mail::{Enhanced, Reply};
use postern_scoring::Fate;

/// By enhanced code (RFC 3463) where it is specific, else by the words that big receivers use.
pub(crate) fn fate(reply: &Reply) -> Fate {
    let text = reply.text().to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if reply.is_temporary() {
        return match () {
            () if says(&["greylist", "graylist", "greylisted"]) => Fate::Greylisted,
            () if says(&["rate", "too many", "throttl"]) => Fate::RateLimited,
            () => Fate::Other,
        };
    }
    match reply.enhanced {
        Some(Enhanced(_, 1, 1 | 2 | 3 | 6 | 10)) => Fate::UnknownUser,
        Some(Enhanced(_, 2, 2)) => Fate::MailboxFull,
        Some(Enhanced(_, 7, _)) => Fate::SpamBlocked,
        _ if says(SPAM) => Fate::SpamBlocked,
        _ if says(UNKNOWN) => Fate::UnknownUser,
        _ if says(&["quota", "mailbox full", "mailbox is full"]) => Fate::MailboxFull,
        _ => Fate::Other,
    }
}

const SPAM: &[&str] = &["spam", "blocked", "blacklist", "blocklist", "policy", "reputation"];
const UNKNOWN: &[&str] = &["unknown", "no such", "not exist", "no mailbox", "invalid recipient"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_of_receivers() {
        let rows = [
            (Reply::new(550, 1, 1, "The account does not exist"), Fate::UnknownUser),
            (Reply::plain(550, "No such user here"), Fate::UnknownUser),
            (Reply::new(552, 2, 2, "over quota"), Fate::MailboxFull),
            (Reply::new(550, 7, 1, "Message rejected as spam"), Fate::SpamBlocked),
            (Reply::plain(554, "Your IP is on a blocklist"), Fate::SpamBlocked),
            (Reply::new(451, 7, 1, "Greylisted, come back later"), Fate::Greylisted),
            (Reply::new(421, 7, 0, "Too many messages, slow down"), Fate::RateLimited),
            (Reply::plain(554, "Transaction failed"), Fate::Other),
        ];
        for (reply, expect) in rows {
            assert_eq!(fate(&reply), expect, "{reply}");
        }
    }
}
