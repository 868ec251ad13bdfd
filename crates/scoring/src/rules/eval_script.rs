//! Mail sent by code that was put together at run time.

use super::{ContentRule, Sight, content};

pub(super) const RULE: ContentRule = content(
    "EVAL_SCRIPT",
    300,
    "X-PHP-Originating-Script names eval()'d code: webshells run what they are sent.",
    |sight: &Sight<'_>| {
        let script = sight.field("x-php-originating-script")?.to_lowercase();
        script.contains("eval()'d code").then(|| "the script is eval()'d code".to_owned())
    },
);
