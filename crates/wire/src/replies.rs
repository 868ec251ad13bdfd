//! The texts of the server's own replies, in one place and stable: operators search for them, and
//! `docs/specs.md` explains them. Whoever decides about mail brings a `postern_mail::Reply` instead.
//!
//! Codes from RFC 5321 §4.2.3, enhanced codes from RFC 3463, RFC 4954, RFC 6531 and RFC 3030.

/// A reply of one line that never changes: code, enhanced code, text, without CR LF.
pub type Line = &'static str;

/// The code of a line, 0 when it has none.
pub fn code(line: Line) -> u16 {
    line.get(..3).and_then(|code| code.parse().ok()).unwrap_or_default()
}

// What went well.
pub(crate) const BYE: Line = "221 2.0.0 Bye";
pub(crate) const RESET: Line = "250 2.0.0 Ok";
pub(crate) const NOTHING: Line = "250 2.0.0 Ok";
pub(crate) const SENDER: Line = "250 2.1.0 Sender ok";
pub(crate) const RECIPIENT: Line = "250 2.1.5 Recipient ok";
pub(crate) const CHUNK: Line = "250 2.0.0 Chunk ok";
pub(crate) const MESSAGE: Line = "250 2.0.0 Message ok";
pub(crate) const FORWARDED: Line = "250 2.0.0 Ok";
pub(crate) const GO_AHEAD: Line = "354 End data with <CR><LF>.<CR><LF>";
pub(crate) const START_TLS: Line = "220 2.0.0 Ready to start TLS";
pub(crate) const AUTHENTICATED: Line = "235 2.7.0 Authentication successful";
pub(crate) const HELP: Line = "214 2.0.0 Commands: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY STARTTLS AUTH; see RFC 5321";
/// Verifying tells spammers who exists (RFC 5321 §7.3); a relay does not know anyway.
pub(crate) const NOT_VERIFIED: Line = "252 2.5.0 Cannot verify, but will try to deliver";

// The session ends.
pub(crate) const SHUTDOWN: Line = "421 4.3.2 Shutting down, please come back";
pub(crate) const IDLE: Line = "421 4.4.2 Timeout waiting for a command";
pub(crate) const SLOW: Line = "421 4.4.2 Timeout: the message came too slowly";
pub(crate) const TOO_MANY_ERRORS: Line = "421 4.7.0 Too many errors";
pub(crate) const TOO_MANY_IDLE: Line = "421 4.7.0 Too many commands without a message";
pub(crate) const TOO_MANY_LOGINS: Line = "421 4.7.0 Too many failed logins";
pub(crate) const TOO_MANY_MESSAGES: Line =
    "421 4.7.0 Too many messages in one session, please reconnect";
pub(crate) const FOREIGN: Line = "554 5.5.1 This is an SMTP server";
pub(crate) const ENDLESS: Line = "552 5.3.4 Message far over the size limit, giving up";

// Syntax.
pub(crate) const LINE_TOO_LONG: Line = "500 5.5.2 Line too long";
pub(crate) const CONTROL_OCTETS: Line =
    "500 5.5.2 Control octets in a command; lines end with CR LF";
pub(crate) const NOT_UTF8: Line = "500 5.5.2 Command is neither ASCII nor UTF-8";
pub(crate) const UNKNOWN: Line = "500 5.5.2 Command not recognised";
pub(crate) const NOT_OFFERED: Line = "502 5.5.1 Command not offered here";
pub(crate) const NO_ARGUMENT: Line = "501 5.5.4 This command takes no argument";
pub(crate) const HELO_SYNTAX: Line =
    "501 5.5.4 Syntax: EHLO or HELO, then a host name or address literal";
pub(crate) const MAIL_SYNTAX: Line = "501 5.5.4 Syntax: MAIL FROM:<address> [parameters]";
pub(crate) const RCPT_SYNTAX: Line = "501 5.5.4 Syntax: RCPT TO:<address> [parameters]";
pub(crate) const BAD_SENDER: Line = "501 5.1.7 Malformed sender address";
pub(crate) const BAD_RECIPIENT: Line = "501 5.1.3 Malformed recipient address";
pub(crate) const BDAT_SYNTAX: Line = "501 5.5.4 Syntax: BDAT octets [LAST]";
pub(crate) const AUTH_SYNTAX: Line = "501 5.5.4 Syntax: AUTH mechanism [initial response]";
pub(crate) const VRFY_SYNTAX: Line = "501 5.5.4 Syntax: VRFY address";
pub(crate) const XCLIENT_SYNTAX: Line = "501 5.5.4 Malformed attribute";
pub(crate) const BAD_PARAMETER: Line = "501 5.5.4 Malformed or repeated parameter";
pub(crate) const UNKNOWN_PARAMETER: Line = "555 5.5.4 Parameter not recognised or not offered";

// Order.
pub(crate) const HELLO_FIRST: Line = "503 5.5.1 Send EHLO first";
pub(crate) const MAIL_FIRST: Line = "503 5.5.1 Send MAIL first";
pub(crate) const NESTED: Line = "503 5.5.1 A transaction is already open";
pub(crate) const IN_TRANSACTION: Line = "503 5.5.1 Not within a transaction";
pub(crate) const CHUNKS_BEGUN: Line =
    "503 5.5.1 The message has begun with BDAT; go on with BDAT, or RSET";
pub(crate) const NO_RECIPIENTS: Line = "554 5.5.1 No valid recipients";
pub(crate) const BINARY_BY_DATA: Line = "503 5.5.1 BINARYMIME needs BDAT";
pub(crate) const ALREADY_ENCRYPTED: Line = "503 5.5.1 TLS is already on";
pub(crate) const ALREADY_KNOWN: Line = "503 5.5.1 Already authenticated";
pub(crate) const TLS_FIRST: Line = "530 5.7.0 Send STARTTLS first";
pub(crate) const AUTH_FIRST: Line = "530 5.7.0 Authentication required";
pub(crate) const AUTH_NEEDS_TLS: Line = "538 5.7.11 Encryption required for authentication";

// Limits and content.
pub(crate) const TOO_BIG: Line = "552 5.3.4 Message is over the size limit";
pub(crate) const TOO_MANY_RECIPIENTS: Line =
    "452 4.5.3 Too many recipients, send the rest in another transaction";
pub(crate) const BARE_LINE_ENDS: Line =
    "550 5.6.0 Message holds CR or LF on its own; lines end with CR LF (RFC 5321 section 2.3.8)";
pub(crate) const NUL_OCTETS: Line = "550 5.6.0 Message holds NUL octets";
pub(crate) const UTF8_SENDER: Line = "550 5.6.7 Non-ASCII sender needs SMTPUTF8";
pub(crate) const UTF8_RECIPIENT: Line = "553 5.6.7 Non-ASCII recipient needs SMTPUTF8";

// Authentication.
pub(crate) const UNKNOWN_MECHANISM: Line = "504 5.5.4 Mechanism not offered";
pub(crate) const AUTH_CANCELLED: Line = "501 5.7.0 Authentication cancelled";
pub(crate) const AUTH_MALFORMED: Line = "501 5.5.2 Malformed response";
pub(crate) const AUTH_FAILED: Line = "535 5.7.8 Authentication failed";

#[cfg(test)]
mod tests {
    use super::*;

    /// Every line of this file, as its source says it.
    #[test]
    fn codes_agree_and_lines_fit() {
        let source = include_str!("replies.rs");
        let lines = source.split("Line = ").skip(1).filter_map(|rest| rest.split('"').nth(1));
        let lines: Vec<_> = lines.filter(|line| line.starts_with(char::is_numeric)).collect();
        assert!(lines.len() > 50, "{}", lines.len());
        for line in lines {
            let code = code(line);
            assert!((200..600).contains(&code) && line.len() <= 510, "{line}");
            assert!(line.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{line}");
            if code / 100 != 3 {
                let enhanced = line.split(' ').nth(1).unwrap_or_default();
                assert_eq!(enhanced.split('.').next(), Some(&line[..1]), "{line}");
            }
        }
    }
}
