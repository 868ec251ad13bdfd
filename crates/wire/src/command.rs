//! Commands of a client: one line becomes a typed value, or a reply that says why not.
//!
//! Tolerant where old clients need it and it cannot be misread: lower case, blanks at the end,
//! `MAIL FROM: <x>`. Strict elsewhere: what two hosts could read differently is refused.
//! No state is known here; order and offers are the session's.

mod parameters;
mod path;
mod xclient;
pub(crate) mod xtext;

use postern_mail::{Address, BodyKind, DsnReturn, Recipient};

pub use xclient::Xclient;
pub(crate) use xclient::{XCLIENT_NAMES, XFORWARD_NAMES};

use crate::replies::{self, Line};

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<'a> {
    /// HELO and its name.
    Helo(&'a str),
    /// EHLO and its name.
    Ehlo(&'a str),
    /// MAIL
    Mail(Mail),
    /// RCPT
    Rcpt(Recipient),
    /// DATA
    Data,
    /// BDAT (RFC 3030)
    Bdat {
        /// Octets of the chunk that follows.
        octets: u64,
        /// The last one.
        last: bool,
    },
    /// RSET
    Rset,
    /// NOOP, with or without anything behind it.
    Noop,
    /// QUIT
    Quit,
    /// HELP
    Help,
    /// VRFY of something.
    Vrfy,
    /// STARTTLS (RFC 3207)
    StartTls,
    /// AUTH (RFC 4954)
    Auth {
        /// In upper or lower case, as it came.
        mechanism: &'a str,
        /// Still in base64; `=` stands for an empty one.
        initial: Option<&'a str>,
    },
    /// XCLIENT
    Xclient(Box<Xclient>),
    /// XFORWARD: understood, and of no effect on who sends.
    Xforward,
    /// Known, and refused on purpose: EXPN, ETRN, LHLO, TURN and the mail-to-terminal commands.
    Refused,
    /// Another protocol's first line: HTTP, or PROXY where none is expected.
    Foreign,
}

/// MAIL and its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mail {
    /// `None` is `<>`.
    pub from: Option<Address>,
    /// `SIZE=` (RFC 1870)
    pub size: Option<u64>,
    /// `BODY=` (RFC 6152, RFC 3030)
    pub body: Option<BodyKind>,
    /// `SMTPUTF8` (RFC 6531)
    pub smtputf8: bool,
    /// `REQUIRETLS` (RFC 8689)
    pub require_tls: bool,
    /// `RET=` (RFC 3461)
    pub dsn_return: Option<DsnReturn>,
    /// `ENVID=` (RFC 3461)
    pub dsn_envid: Option<String>,
    /// `AUTH=` was there, well-formed (RFC 4954 §5). Its value is a claim that nobody here believes.
    pub auth: bool,
}

/// Reads one line, without its CR LF.
pub fn parse(line: &[u8]) -> Result<Command<'_>, Line> {
    // Blanks only: a CR before the CR LF is none.
    let blanks = line.iter().rev().take_while(|c| matches!(c, b' ' | b'\t')).count();
    let line = line.get(..line.len() - blanks).unwrap_or_default();
    if line.iter().any(u8::is_ascii_control) {
        return Err(replies::CONTROL_OCTETS);
    }
    let line = std::str::from_utf8(line).map_err(|_| replies::NOT_UTF8)?;
    let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
    let argument = argument.trim_start_matches(' ');
    let is = |name: &str| verb.eq_ignore_ascii_case(name);
    match verb.len() {
        4 if is("MAIL") => mail(argument).map(Command::Mail),
        4 if is("RCPT") => rcpt(argument).map(Command::Rcpt),
        4 if is("EHLO") => helo(argument).map(Command::Ehlo),
        4 if is("HELO") => helo(argument).map(Command::Helo),
        4 if is("DATA") => alone(argument, Command::Data),
        4 if is("BDAT") => bdat(argument),
        4 if is("RSET") => alone(argument, Command::Rset),
        4 if is("NOOP") => Ok(Command::Noop),
        4 if is("QUIT") => alone(argument, Command::Quit),
        4 if is("HELP") => Ok(Command::Help),
        4 if is("VRFY") && argument.is_empty() => Err(replies::VRFY_SYNTAX),
        4 if is("VRFY") => Ok(Command::Vrfy),
        4 if is("AUTH") => auth(argument),
        8 if is("STARTTLS") => alone(argument, Command::StartTls),
        7 if is("XCLIENT") => xclient::parse(argument).map(|x| Command::Xclient(Box::new(x))),
        8 if is("XFORWARD") => xclient::forward(argument).map(|()| Command::Xforward),
        _ if REFUSED.iter().any(|name| is(name)) => Ok(Command::Refused),
        _ if FOREIGN.iter().any(|name| is(name)) => Ok(Command::Foreign),
        _ => Err(replies::UNKNOWN),
    }
}

const REFUSED: &[&str] = &["EXPN", "ETRN", "LHLO", "TURN", "ATRN", "SEND", "SOML", "SAML"];

/// A browser can be made to post to our port, and a misplaced proxy to announce somebody: neither
/// is a client, and each line of theirs that is answered is one more that could be obeyed.
const FOREIGN: &[&str] = &["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "PATCH", "PROXY"];

fn alone<'a>(argument: &str, command: Command<'a>) -> Result<Command<'a>, Line> {
    if argument.is_empty() { Ok(command) } else { Err(replies::NO_ARGUMENT) }
}

/// Names of hosts as they are in the wild (`DESKTOP_1`, `john's-pc`): any printable ASCII that can
/// stand in a `Received` field as it is, without quotes and without opening a comment.
fn helo(name: &str) -> Result<&str, Line> {
    let fits = |c: u8| c.is_ascii_graphic() && !b"()<>;,\"\\".contains(&c);
    let good = (1..=255).contains(&name.len()) && name.bytes().all(fits);
    good.then_some(name).ok_or(replies::HELO_SYNTAX)
}

fn mail(argument: &str) -> Result<Mail, Line> {
    let rest = after(argument, "FROM:").ok_or(replies::MAIL_SYNTAX)?;
    let (path, rest) = path::split(rest).ok_or(replies::BAD_SENDER)?;
    let from = match path {
        "" => None,
        path => Some(path::mailbox(path).ok_or(replies::BAD_SENDER)?),
    };
    // Only a recipient may be the domainless postmaster (RFC 5321 §4.5.1).
    if from.as_ref().is_some_and(|from| from.domain().is_empty()) {
        return Err(replies::BAD_SENDER);
    }
    parameters::mail(from, rest)
}

fn rcpt(argument: &str) -> Result<Recipient, Line> {
    let rest = after(argument, "TO:").ok_or(replies::RCPT_SYNTAX)?;
    let (path, rest) = path::split(rest).ok_or(replies::BAD_RECIPIENT)?;
    let address = path::mailbox(path).ok_or(replies::BAD_RECIPIENT)?;
    parameters::rcpt(address, rest)
}

/// What follows a keyword; blanks after its colon are tolerated.
fn after<'a>(argument: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, rest) = argument.split_at_checked(keyword.len())?;
    head.eq_ignore_ascii_case(keyword).then(|| rest.trim_start_matches(' '))
}

fn bdat<'a>(argument: &str) -> Result<Command<'a>, Line> {
    let (octets, last) = match argument.split_once(' ') {
        None => (argument, false),
        Some((octets, word)) if word.trim_start().eq_ignore_ascii_case("LAST") => (octets, true),
        Some(_) => return Err(replies::BDAT_SYNTAX),
    };
    let octets = number(octets).ok_or(replies::BDAT_SYNTAX)?;
    Ok(Command::Bdat { octets, last })
}

/// Digits only, at most 20 (RFC 1870 §5), and no more than fits: `parse` alone would take a `+`.
fn number(text: &str) -> Option<u64> {
    let digits = (1..=20).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn auth(argument: &str) -> Result<Command<'_>, Line> {
    let mut words = argument.split(' ').filter(|word| !word.is_empty());
    match (words.next(), words.next(), words.next()) {
        (Some(mechanism), initial, None) => Ok(Command::Auth { mechanism, initial }),
        _ => Err(replies::AUTH_SYNTAX),
    }
}

#[cfg(test)]
mod tests;
