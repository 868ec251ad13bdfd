//! A selector in words, as the command line would have it.

use std::fmt;
use std::time::Duration;

use crate::Selector;

/// `0123456789abcdef`, `--customer c1001 --origin script:/x.php --younger-than 1h`, `everything`.
/// The states are left out: they follow from the act.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> =
            self.ids.iter().take(IDS_MAX).map(ToString::to_string).collect();
        if self.ids.len() > IDS_MAX {
            words.push(format!("and {} more", self.ids.len() - IDS_MAX));
        }
        let text = |value: Option<&dyn fmt::Display>| value.map(ToString::to_string);
        let options = [
            ("customer", text(self.customer.as_ref().map(|c| c as _))),
            ("origin", text(self.origin.as_ref().map(|o| o as _))),
            ("rule", self.rule.clone()),
            ("campaign", text(self.campaign.as_ref().map(|c| c as _))),
            ("case", text(self.case.as_ref().map(|c| c as _))),
            ("batch", text(self.batch.as_ref().map(|b| b as _))),
            ("older-than", self.older_than.map(span)),
            ("younger-than", self.younger_than.map(span)),
            ("limit", self.limit.map(|limit| limit.to_string())),
        ];
        let given = options.into_iter().filter_map(|(name, value)| Some((name, value?)));
        words.extend(given.map(|(name, value)| format!("--{name} {value}")));
        if words.is_empty() {
            words.push("everything".to_owned());
        }
        f.write_str(&words.join(" "))
    }
}

/// `7d`, `90m`, `45s`: in the largest unit that fits whole.
fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [(86_400, 'd'), (3600, 'h'), (60, 'm')];
    let fits = |(unit, _): &&(u64, char)| seconds > 0 && seconds.is_multiple_of(*unit);
    match units.iter().find(fits) {
        Some((unit, letter)) => format!("{}{letter}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

/// Of a thousand ids nobody reads more.
const IDS_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use postern_mail::{CustomerId, MessageId, Origin, Timestamp};

    use super::*;
    use crate::State;

    #[test]
    fn says_what_was_typed() {
        let ids: Vec<MessageId> =
            (0..7).map(|n| MessageId::new(Timestamp::from_millis(1), n)).collect();
        let some = ids[..5].iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let rows = [
            (Selector::default(), "everything".to_owned()),
            (
                Selector { states: vec![State::Held], ..Selector::default() },
                "everything".to_owned(),
            ),
            (Selector { ids: ids[..1].to_vec(), ..Selector::default() }, ids[0].to_string()),
            (Selector { ids, ..Selector::default() }, format!("{some} and 2 more")),
            (
                Selector {
                    customer: Some(CustomerId::new("c1")),
                    origin: Some(Origin::script("x.php")),
                    older_than: Some(Duration::from_secs(5400)),
                    younger_than: Some(Duration::from_secs(3600)),
                    limit: Some(3),
                    ..Selector::default()
                },
                "--customer c1 --origin script:x.php --older-than 90m --younger-than 1h --limit 3"
                    .to_owned(),
            ),
        ];
        for (selector, expect) in rows {
            assert_eq!(selector.to_string(), expect);
        }
    }
}
