//! Parameters of MAIL and RCPT. Each at most once; what is not known is refused by name of the RFC
//! (5321 §4.1.1.11), never ignored: a sender that asked for something must know it did not get it.

use postern_mail::{Address, BodyKind, DsnNotify, DsnReturn, Recipient};

use super::{Mail, number, xtext};
use crate::replies::{self, Line};

pub(super) fn mail(from: Option<Address>, parameters: &str) -> Result<Mail, Line> {
    let mut mail = Mail { from, ..Mail::default() };
    for (key, value) in split(parameters) {
        let is = |name: &str| key.eq_ignore_ascii_case(name);
        if is("SIZE") {
            once(&mut mail.size, value.and_then(number))?;
        } else if is("BODY") {
            once(&mut mail.body, value.and_then(body))?;
        } else if is("SMTPUTF8") {
            flag(&mut mail.smtputf8, value)?;
        } else if is("REQUIRETLS") {
            flag(&mut mail.require_tls, value)?;
        } else if is("RET") {
            once(&mut mail.dsn_return, value.and_then(dsn_return))?;
        } else if is("ENVID") {
            once(&mut mail.dsn_envid, value.and_then(envid))?;
        } else if is("AUTH") {
            let good = value.is_some_and(claim);
            flag(&mut mail.auth, (!good).then_some(""))?;
        } else {
            return Err(replies::UNKNOWN_PARAMETER);
        }
    }
    Ok(mail)
}

pub(super) fn rcpt(address: Address, parameters: &str) -> Result<Recipient, Line> {
    let mut recipient = Recipient::new(address);
    for (key, value) in split(parameters) {
        if key.eq_ignore_ascii_case("NOTIFY") {
            once(&mut recipient.dsn_notify, value.and_then(notify))?;
        } else if key.eq_ignore_ascii_case("ORCPT") {
            once(&mut recipient.dsn_orcpt, value.and_then(orcpt))?;
        } else {
            return Err(replies::UNKNOWN_PARAMETER);
        }
    }
    Ok(recipient)
}

fn split(parameters: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    parameters.split(' ').filter(|word| !word.is_empty()).map(|word| match word.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (word, None),
    })
}

fn once<T>(slot: &mut Option<T>, value: Option<T>) -> Result<(), Line> {
    if slot.is_some() || value.is_none() {
        return Err(replies::BAD_PARAMETER);
    }
    *slot = value;
    Ok(())
}

fn flag(slot: &mut bool, value: Option<&str>) -> Result<(), Line> {
    if *slot || value.is_some() {
        return Err(replies::BAD_PARAMETER);
    }
    *slot = true;
    Ok(())
}

fn body(value: &str) -> Option<BodyKind> {
    let is = |name: &str| value.eq_ignore_ascii_case(name);
    match () {
        () if is("7BIT") => Some(BodyKind::SevenBit),
        () if is("8BITMIME") => Some(BodyKind::EightBit),
        () if is("BINARYMIME") => Some(BodyKind::Binary),
        () => None,
    }
}

fn dsn_return(value: &str) -> Option<DsnReturn> {
    let is = |name: &str| value.eq_ignore_ascii_case(name);
    match () {
        () if is("FULL") => Some(DsnReturn::Full),
        () if is("HDRS") => Some(DsnReturn::Headers),
        () => None,
    }
}

/// RFC 3461 §4.4: at most 100 characters.
fn envid(value: &str) -> Option<String> {
    let good = (1..=100).contains(&value.len()) && xtext::is_printable(value);
    good.then(|| value.to_owned())
}

/// RFC 3461 §4.1: NEVER alone, or a list of the others.
fn notify(value: &str) -> Option<DsnNotify> {
    let mut notify = DsnNotify { success: false, failure: false, delay: false };
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(notify);
    }
    for word in value.split(',') {
        let is = |name: &str| word.eq_ignore_ascii_case(name);
        match () {
            () if is("SUCCESS") => notify.success = true,
            () if is("FAILURE") => notify.failure = true,
            () if is("DELAY") => notify.delay = true,
            () => return None,
        }
    }
    Some(notify)
}

/// RFC 3461 §4.2: address type, semicolon, xtext; 500 characters at most. For the type `utf-8`
/// RFC 6533 §3 also has UTF-8 and `\x{…}`, in which `+` means nothing.
fn orcpt(value: &str) -> Option<String> {
    let (kind, address) = value.split_once(';')?;
    let atom = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    let good = match kind.eq_ignore_ascii_case("utf-8") {
        true => !address.contains(['+', '=', '"']) || xtext::is_printable(address),
        false => xtext::is_printable(address),
    };
    let good = good && !kind.is_empty() && kind.bytes().all(atom) && !address.is_empty();
    (good && value.len() <= 500).then(|| value.to_owned())
}

/// `AUTH=` (RFC 4954 §5): `<>` or a mailbox in xtext.
fn claim(value: &str) -> bool {
    value == "<>"
        || xtext::decode(value)
            .and_then(|octets| String::from_utf8(octets).ok())
            .is_some_and(|mailbox| Address::parse(&mailbox).is_ok())
}
