//! The text of our commands.
//!
//! Addresses are safe by their type. Parameters that came from a client are written only when they
//! are one token, so nothing that was kept or restored can start a second command.

use postern_mail::{Address, BodyKind, DsnNotify, DsnReturn, Envelope, Recipient};

use super::Offers;

/// RFC 3461 §4.2 allows 500 octets for ORCPT and 100 for ENVID.
const PARAMETER_OCTETS_MAX: usize = 500;

pub(super) fn ehlo(name: &str, out: &mut Vec<u8>) {
    line(out, &["EHLO ", name]);
}

pub(super) fn helo(name: &str, out: &mut Vec<u8>) {
    line(out, &["HELO ", name]);
}

pub(super) fn bdat(size: u64, out: &mut Vec<u8>) {
    line(out, &["BDAT ", &size.to_string(), " LAST"]);
}

/// MAIL with every parameter that was given and is offered. SIZE is the content's size.
pub(super) fn mail(envelope: &Envelope, size: u64, offers: &Offers, out: &mut Vec<u8>) {
    let sender = envelope.mail_from.as_ref().map_or("", Address::as_str);
    put(out, &["MAIL FROM:<", sender, ">"]);
    if offers.size {
        put(out, &[" SIZE=", &size.to_string()]);
    }
    match envelope.body {
        BodyKind::EightBit if offers.eight_bit => put(out, &[" BODY=8BITMIME"]),
        BodyKind::Binary => put(out, &[" BODY=BINARYMIME"]),
        _ => {}
    }
    let utf8 = is_utf8(envelope, offers);
    if utf8 {
        put(out, &[" SMTPUTF8"]);
    }
    if envelope.require_tls {
        put(out, &[" REQUIRETLS"]);
    }
    if offers.dsn {
        match envelope.dsn_return {
            Some(DsnReturn::Full) => put(out, &[" RET=FULL"]),
            Some(DsnReturn::Headers) => put(out, &[" RET=HDRS"]),
            None => {}
        }
        parameter(" ENVID=", envelope.dsn_envid.as_deref(), utf8, out);
    }
    put(out, &["\r\n"]);
}

/// RCPT with what was given and is offered.
pub(super) fn rcpt(recipient: &Recipient, envelope: &Envelope, offers: &Offers, out: &mut Vec<u8>) {
    put(out, &["RCPT TO:<", recipient.address.as_str(), ">"]);
    if offers.dsn {
        if let Some(notify) = recipient.dsn_notify {
            put(out, &[" NOTIFY=", notify_text(notify)]);
        }
        let utf8 = is_utf8(envelope, offers);
        parameter(" ORCPT=", recipient.dsn_orcpt.as_deref(), utf8, out);
    }
    put(out, &["\r\n"]);
}

pub(super) fn has_utf8_address(envelope: &Envelope) -> bool {
    envelope.mail_from.iter().any(Address::is_utf8)
        || envelope.recipients.iter().any(|recipient| recipient.address.is_utf8())
}

/// Said wherever it was said to us and is offered: whether a header deep inside needs it is not
/// ours to find out.
fn is_utf8(envelope: &Envelope, offers: &Offers) -> bool {
    offers.smtputf8 && (envelope.smtputf8 || has_utf8_address(envelope))
}

fn notify_text(notify: DsnNotify) -> &'static str {
    match (notify.success, notify.failure, notify.delay) {
        (false, false, false) => "NEVER",
        (true, false, false) => "SUCCESS",
        (false, true, false) => "FAILURE",
        (false, false, true) => "DELAY",
        (true, true, false) => "SUCCESS,FAILURE",
        (true, false, true) => "SUCCESS,DELAY",
        (false, true, true) => "FAILURE,DELAY",
        (true, true, true) => "SUCCESS,FAILURE,DELAY",
    }
}

/// `name` and `value`, unless that is no single token.
fn parameter(name: &str, value: Option<&str>, utf8: bool, out: &mut Vec<u8>) {
    let fits = |c: char| c.is_ascii_graphic() || (utf8 && !c.is_ascii() && !c.is_control());
    let value = value.filter(|text| {
        !text.is_empty() && text.len() <= PARAMETER_OCTETS_MAX && text.chars().all(fits)
    });
    if let Some(value) = value {
        put(out, &[name, value]);
    }
}

fn line(out: &mut Vec<u8>, parts: &[&str]) {
    put(out, parts);
    out.extend_from_slice(b"\r\n");
}

fn put(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}
