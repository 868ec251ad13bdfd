//! XCLIENT and XFORWARD, as Postfix documents them (XCLIENT_README, XFORWARD_README): attributes
//! `NAME=value` with values in xtext. Whether the peer may say them is the session's question.

use std::net::IpAddr;

use super::xtext;
use crate::replies::{self, Line};

/// Attributes of an XCLIENT command; absent ones are `None`, `[UNAVAILABLE]` and `[TEMPUNAVAIL]` too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Xclient {
    /// `ADDR=`
    pub addr: Option<IpAddr>,
    /// `NAME=`
    pub name: Option<String>,
    /// `PORT=`
    pub port: Option<u16>,
    /// `PROTO=`: `SMTP` or `ESMTP`.
    pub proto: Option<String>,
    /// `HELO=`
    pub helo: Option<String>,
    /// `LOGIN=`
    pub login: Option<String>,
    /// `DESTADDR=`
    pub dest_addr: Option<IpAddr>,
    /// `DESTPORT=`
    pub dest_port: Option<u16>,
}

/// What EHLO says of XCLIENT.
pub(crate) const XCLIENT_NAMES: &str = "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";

/// What EHLO says of XFORWARD.
pub(crate) const XFORWARD_NAMES: &str = "NAME ADDR PORT PROTO HELO IDENT SOURCE";

pub(super) fn parse(argument: &str) -> Result<Xclient, Line> {
    let mut x = Xclient::default();
    for attribute in attributes(argument)? {
        let (name, value) = attribute?;
        let Some(text) = value else { continue };
        match name {
            "ADDR" => x.addr = Some(address(&text)?),
            "NAME" => x.name = Some(text),
            "PORT" => x.port = Some(text.parse().map_err(|_| replies::XCLIENT_SYNTAX)?),
            "PROTO" if text == "SMTP" || text == "ESMTP" => x.proto = Some(text),
            "HELO" => x.helo = Some(text),
            "LOGIN" => x.login = Some(text),
            "DESTADDR" => x.dest_addr = Some(address(&text)?),
            "DESTPORT" => x.dest_port = Some(text.parse().map_err(|_| replies::XCLIENT_SYNTAX)?),
            _ => return Err(replies::XCLIENT_SYNTAX),
        }
    }
    Ok(x)
}

/// Well-formed or not; the values serve other people's logs and change nothing here.
pub(super) fn forward(argument: &str) -> Result<(), Line> {
    for attribute in attributes(argument)? {
        let (name, _) = attribute?;
        if !XFORWARD_NAMES.split(' ').any(|known| known == name) {
            return Err(replies::XCLIENT_SYNTAX);
        }
    }
    Ok(())
}

type Attribute = Result<(&'static str, Option<String>), Line>;

/// Each attribute with its value decoded; an attribute twice is one of them wrong, so refused.
fn attributes(argument: &str) -> Result<impl Iterator<Item = Attribute>, Line> {
    if argument.is_empty() {
        return Err(replies::XCLIENT_SYNTAX);
    }
    let mut seen = Vec::with_capacity(NAMES.len());
    Ok(argument.split(' ').filter(|word| !word.is_empty()).map(move |word| {
        let (name, value) = word.split_once('=').ok_or(replies::XCLIENT_SYNTAX)?;
        let name = NAMES
            .iter()
            .copied()
            .find(|known| known.eq_ignore_ascii_case(name))
            .filter(|name| !seen.contains(name))
            .ok_or(replies::XCLIENT_SYNTAX)?;
        seen.push(name);
        if ["", "[UNAVAILABLE]", "[TEMPUNAVAIL]"].iter().any(|n| n.eq_ignore_ascii_case(value)) {
            return Ok((name, None));
        }
        let text = xtext::decode(value)
            .and_then(|octets| String::from_utf8(octets).ok())
            .filter(|text| text.len() <= 255 && !text.contains(char::is_control))
            .ok_or(replies::XCLIENT_SYNTAX)?;
        Ok((name, Some(text)))
    }))
}

const NAMES: &[&str] =
    &["NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT", "IDENT", "SOURCE"];

/// `192.0.2.1` or `IPV6:2001:db8::1`.
fn address(text: &str) -> Result<IpAddr, Line> {
    let bare = match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPV6:") => text.get(5..).unwrap_or_default(),
        _ => text,
    };
    bare.parse().map_err(|_| replies::XCLIENT_SYNTAX)
}
