//! How each kind of value is written in the config.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use toml::Spanned;
use toml::de::DeValue;

use crate::document::nearest;
use crate::section::Shown;

/// Why a value cannot be read; `what` goes on after the key's name.
pub(crate) struct Wrong {
    pub(crate) span: Range<usize>,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

/// The value, or everything that is wrong with it.
pub(crate) type Read<T> = Result<T, Vec<Wrong>>;

/// Something that can stand behind a key.
pub(crate) trait Value: Sized {
    /// What is expected, for people: `a number`.
    const EXPECTED: &'static str;

    /// From what stands in the file.
    fn read(value: &Spanned<DeValue<'_>>) -> Read<Self>;

    /// It is something else.
    fn mismatch(value: &Spanned<DeValue<'_>>) -> Vec<Wrong> {
        let found = match value.get_ref() {
            DeValue::String(text) => format!("is the text {text:?}"),
            DeValue::Integer(number) => format!("is the number {number}"),
            DeValue::Float(number) => format!("is the number {number}"),
            DeValue::Boolean(flag) => format!("is {flag}"),
            DeValue::Datetime(_) => "is a date".to_owned(),
            DeValue::Array(_) => "is a list".to_owned(),
            DeValue::Table(_) => "is a section".to_owned(),
        };
        let remedy = format!("{} is expected", Self::EXPECTED);
        vec![Wrong { span: value.span(), what: found, remedy }]
    }
}

/// Reads a text by `parse`; what that refuses is not what was expected.
fn text<T: Value>(value: &Spanned<DeValue<'_>>, parse: impl FnOnce(&str) -> Option<T>) -> Read<T> {
    value.get_ref().as_str().and_then(parse).ok_or_else(|| T::mismatch(value))
}

impl Value for String {
    const EXPECTED: &'static str = "a text in quotes";
    fn read(value: &Spanned<DeValue<'_>>) -> Read<Self> {
        text(value, |text| Some(text.to_owned()))
    }
}

impl Value for PathBuf {
    const EXPECTED: &'static str = "a path in quotes";
    fn read(value: &Spanned<DeValue<'_>>) -> Read<Self> {
        text(value, |text| (!text.is_empty()).then(|| Self::from(text)))
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";
    fn read(value: &Spanned<DeValue<'_>>) -> Read<Self> {
        value.get_ref().as_bool().ok_or_else(|| Self::mismatch(value))
    }
}

impl Value for SocketAddr {
    const EXPECTED: &'static str = "\"address:port\", such as \"0.0.0.0:25\" or \"[::]:25\",";
    fn read(value: &Spanned<DeValue<'_>>) -> Read<Self> {
        text(value, |text| text.parse().ok())
    }
}

impl Value for IpNet {
    const EXPECTED: &'static str = "a network, such as \"192.0.2.0/24\" or \"2001:db8::/32\",";
    fn read(value: &Spanned<DeValue<'_>>) -> Read<Self> {
        text(value, network)
    }
}

/// A network as `ADDRESS/LENGTH`, or one address.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
}

impl Value for Duration {
    const EXPECTED: &'static str = "a time, such as \"30s\", \"5m\", \"2h\" or \"7d\",";
    fn read(value: &Spanned<DeValue<'_>>) -> Read<Self> {
        text(value, |text| humantime::parse_duration(text).ok())
    }
}

impl Shown for Duration {
    fn shown(&self) -> String {
        let millis = self.as_millis();
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
        let largest = units.iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit));
        let (unit, name) = largest.unwrap_or(&(1000, "s"));
        format!("\"{}{name}\"", millis / unit)
    }
}

impl<T: Value> Value for Vec<T> {
    const EXPECTED: &'static str = "a list in brackets";
    fn read(value: &Spanned<DeValue<'_>>) -> Read<Self> {
        let array = value.get_ref().as_array().ok_or_else(|| Self::mismatch(value))?;
        let mut found = Self::with_capacity(array.len());
        let mut wrong = Vec::new();
        for item in array.iter().map(T::read) {
            match item {
                Ok(item) => found.push(item),
                Err(more) => wrong.extend(more),
            }
        }
        if wrong.is_empty() { Ok(found) } else { Err(wrong) }
    }
}

/// Whole numbers, in the radix in which they are written.
fn integer<T: Value + TryFrom<i64>>(value: &Spanned<DeValue<'_>>) -> Read<T> {
    let number = value.get_ref().as_integer();
    number
        .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| T::mismatch(value))
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl Value for $kind {
            const EXPECTED: &'static str = "a whole number, not negative,";
            fn read(value: &Spanned<DeValue<'_>>) -> Read<Self> {
                integer(value)
            }
        }
        impl Shown for $kind {
            fn shown(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
integers!(u16, u32, u64, usize);

impl Value for f64 {
    const EXPECTED: &'static str = "a number";
    fn read(value: &Spanned<DeValue<'_>>) -> Read<Self> {
        match value.get_ref() {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(_) => integer::<Small>(value).ok().map(|small| f64::from(small.0)),
            _ => None,
        }
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| Self::mismatch(value))
    }
}

impl Shown for f64 {
    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

/// An integer that a float holds exactly.
struct Small(i32);

impl TryFrom<i64> for Small {
    type Error = std::num::TryFromIntError;
    fn try_from(number: i64) -> Result<Self, Self::Error> {
        i32::try_from(number).map(Self)
    }
}

impl Value for Small {
    const EXPECTED: &'static str = "a number";
    fn read(value: &Spanned<DeValue<'_>>) -> Read<Self> {
        integer(value)
    }
}

/// A size: octets, or a text with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) struct Bytes(pub(crate) u64);

impl Value for Bytes {
    const EXPECTED: &'static str = "a number of bytes, or a size such as \"30 MiB\",";
    fn read(value: &Spanned<DeValue<'_>>) -> Read<Self> {
        match value.get_ref() {
            DeValue::Integer(_) => integer(value),
            _ => text(value, size),
        }
    }
}

impl TryFrom<i64> for Bytes {
    type Error = std::num::TryFromIntError;
    fn try_from(number: i64) -> Result<Self, Self::Error> {
        u64::try_from(number).map(Self)
    }
}

fn size(text: &str) -> Option<Bytes> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let unit: u64 = match unit.trim() {
        "B" => 1,
        "KB" | "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit).map(Bytes)
}

impl Shown for Bytes {
    fn shown(&self) -> String {
        match self.0 {
            n if n > 0 && n % (1 << 30) == 0 => format!("\"{} GiB\"", n >> 30),
            n if n > 0 && n % (1 << 20) == 0 => format!("\"{} MiB\"", n >> 20),
            n if n > 0 && n % (1 << 10) == 0 => format!("\"{} KiB\"", n >> 10),
            n => n.to_string(),
        }
    }
}

/// One of some words.
pub(crate) trait Choice: Copy + 'static {
    /// The words and what they mean.
    const CHOICES: &'static [(&'static str, Self)];
}

/// Lets a type with words stand behind a key.
macro_rules! choice {
    ($kind:ty, $expected:literal, $($word:literal => $value:expr),+ $(,)?) => {
        impl $crate::value::Choice for $kind {
            const CHOICES: &'static [(&'static str, Self)] = &[$(($word, $value)),+];
        }
        impl $crate::value::Value for $kind {
            const EXPECTED: &'static str = $expected;
            fn read(
                value: &toml::Spanned<toml::de::DeValue<'_>>,
            ) -> $crate::value::Read<Self> {
                $crate::value::choose(value)
            }
        }
    };
}
pub(crate) use choice;

pub(crate) fn choose<T: Choice + Value>(value: &Spanned<DeValue<'_>>) -> Read<T> {
    let text = value.get_ref().as_str();
    let word = |word: &str| T::CHOICES.iter().find(|(name, _)| *name == word);
    if let Some((_, choice)) = text.and_then(word) {
        return Ok(*choice);
    }
    let mut wrong = T::mismatch(value);
    if let Some(near) = text.and_then(|t| nearest(t, T::CHOICES.iter().map(|(name, _)| *name))) {
        let remedy = format!("did you mean \"{near}\"?");
        wrong.iter_mut().for_each(|wrong| wrong.remedy.clone_from(&remedy));
    }
    Err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let rows = [
            ("30 MiB", Some(30 << 20)),
            ("30MB", Some(30_000_000)),
            ("7 B", Some(7)),
            ("7", None),
            ("MB", None),
            ("1.5 GB", None),
            ("99999999999 GiB", None),
            ("-1 KB", None),
        ];
        for (text, expect) in rows {
            assert_eq!(size(text).map(|bytes| bytes.0), expect, "{text:?}");
        }
        let times =
            [(0, "0s"), (180_000, "3m"), (90_000, "90s"), (500, "500ms"), (7 * 86_400_000, "7d")];
        for (millis, expect) in times {
            assert_eq!(Duration::from_millis(millis).shown(), format!("\"{expect}\""));
        }
        assert_eq!(Bytes(50 << 20).shown(), "\"50 MiB\"");
        assert_eq!(Bytes(1500).shown(), "1500");
    }
}
