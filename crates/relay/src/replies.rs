//! Our own words at the end of a message and at MAIL: what happened, to whom, what to do.
//! Codes as in `docs/replies.md`; the front end's replies to syntax and limits are its own.

use std::net::IpAddr;

use postern_mail::{Decision, MessageId, Reply};

/// Handed on; the upstream's own words follow.
pub(crate) fn handed_on(id: MessageId, upstream: &Reply) -> Reply {
    Reply::new(250, 0, 0, format!("{id} handed on: {upstream}"))
}

/// Synced to the queue.
pub(crate) fn queued(id: MessageId) -> Reply {
    Reply::new(250, 0, 0, format!("{id} queued"))
}

/// A decision that keeps the sender's mail out for good.
pub(crate) fn refused(id: MessageId, decision: &Decision) -> Reply {
    Reply::new(550, 7, 1, policy(id, decision, "refused by policy"))
}

/// A decision that a mail server may try again.
pub(crate) fn deferred(id: MessageId, decision: &Decision) -> Reply {
    Reply::new(450, 7, 1, policy(id, decision, "not now, by policy; try again later"))
}

fn policy(id: MessageId, decision: &Decision, or: &str) -> String {
    let text = decision.text.as_deref().unwrap_or(or);
    match &decision.case {
        Some(case) => format!("{id} {text} (case {case})"),
        None => format!("{id} {text}"),
    }
}

/// The machine cannot keep it safely; nothing is lost, the sender still has it.
pub(crate) fn no_room(id: MessageId) -> Reply {
    Reply::new(452, 3, 1, format!("{id} cannot be stored safely now; try again later"))
}

/// RFC 5321 §6.3, code of RFC 3463 §3.5.
pub(crate) fn loops(id: MessageId, hops_max: usize) -> Reply {
    Reply::new(554, 4, 6, format!("{id} has passed more than {hops_max} hosts: it loops"))
}

/// A header that is longer than what is kept in memory of a message: 256 KiB, or, while memory is
/// short, less, and then later is better.
pub(crate) fn endless_header(id: MessageId, seen_octets: usize) -> Reply {
    const FULL: usize = 64 << 10;
    let text = format!("{id} has a header of more than {seen_octets} octets");
    if seen_octets < FULL {
        return Reply::new(452, 3, 1, format!("{text}, and memory is short; try again later"));
    }
    Reply::new(554, 6, 0, text)
}

/// Nobody's mail.
pub(crate) fn nobody(ip: IpAddr) -> Reply {
    let text = format!("{ip} belongs to no customer: ask your host to list this address");
    Reply::new(550, 7, 1, text)
}

/// Nobody's mail so far, where a password would change that (RFC 4954 §6); passwords are taken over
/// TLS only.
pub(crate) fn authenticate(is_encrypted: bool) -> Reply {
    Reply::new(
        530,
        7,
        0,
        if is_encrypted {
            "Authentication required: log in with your mailbox and its password"
        } else {
            "Authentication required: turn on STARTTLS, then log in with your mailbox and its password"
        },
    )
}

/// Wrong login or password, without saying which (RFC 4954 §6).
pub(crate) fn wrong_password() -> Reply {
    Reply::new(535, 7, 8, "Login or password is wrong")
}

/// Passwords cannot be checked now (RFC 4954 §6).
pub(crate) fn cannot_check() -> Reply {
    Reply::new(454, 7, 0, "Passwords cannot be checked now; try again later")
}
