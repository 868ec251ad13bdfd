//! Banner, HELO and EHLO: what is offered, and to whom.

use std::io::Write;

use super::Session;
use crate::auth::{MECHANISMS, SCRAM};
use crate::command::{XCLIENT_NAMES, XFORWARD_NAMES};

impl Session {
    pub(super) fn banner(&mut self) {
        // A Vec takes every write, here and below.
        let _ = write!(self.output, "220 {} ESMTP\r\n", self.settings.hostname);
    }

    pub(super) fn helo(&mut self) {
        let _ = write!(self.output, "250 {}\r\n", self.settings.hostname);
    }

    /// RFC 5321 §4.1.1.1. What is listed here is obeyed, what is not is refused.
    pub(super) fn ehlo(&mut self) {
        let (settings, link) = (&self.settings, self.link);
        let out = &mut self.output;
        let _ = write!(out, "250-{}\r\n", settings.hostname);
        out.extend_from_slice(b"250-PIPELINING\r\n");
        let _ = write!(out, "250-SIZE {}\r\n", settings.message_bytes);
        if link.starttls && !link.encrypted {
            out.extend_from_slice(b"250-STARTTLS\r\n");
        }
        if settings.auth && link.encrypted {
            let scram = if link.scram { [" ", SCRAM].concat() } else { String::new() };
            let _ = write!(out, "250-AUTH {MECHANISMS}{scram}\r\n");
        }
        // RFC 8689 §3: only where the session is encrypted.
        if link.encrypted {
            out.extend_from_slice(b"250-REQUIRETLS\r\n");
        }
        if link.xclient {
            let _ = write!(out, "250-XCLIENT {XCLIENT_NAMES}\r\n250-XFORWARD {XFORWARD_NAMES}\r\n");
        }
        let _ = write!(
            out,
            "250-LIMITS MAILMAX={} RCPTMAX={}\r\n",
            settings.messages_per_session, settings.recipients_per_message
        );
        out.extend_from_slice(
            b"250-8BITMIME\r\n250-BINARYMIME\r\n250-CHUNKING\r\n250-DSN\r\n\
              250-ENHANCEDSTATUSCODES\r\n250-HELP\r\n250 SMTPUTF8\r\n",
        );
    }

    /// Whether AUTH is on offer now: never in the clear (RFC 4954 §9, RFC 8314 §3.1).
    pub(super) fn offers_auth(&self) -> bool {
        self.settings.auth && self.link.encrypted
    }
}
