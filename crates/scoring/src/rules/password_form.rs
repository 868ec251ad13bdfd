//! A form that asks for a password inside a message.

use super::{ContentRule, Sight, content};

pub(super) const RULE: ContentRule = content(
    "PASSWORD_FORM",
    250,
    "HTML with a field for a password: nobody honest asks for one in a message.",
    |sight: &Sight<'_>| sight.reading.asks_password.then(|| "a password field in HTML".to_owned()),
);
