//! Which kind of mail a message is.

use postern_mail::{Identity, Lane, Method, OriginKind, Submission};

use crate::facts::Facts;

/// The lane, from what cannot be chosen freely first: a script cannot pass as a forwarder.
pub(crate) fn lane(submission: &Submission, facts: &Facts) -> Lane {
    let marks = &facts.marks;
    let identity = &submission.identity;
    let site = is_site(identity);
    if submission.envelope.mail_from.is_none() || marks.report || marks.reply {
        return Lane::Notice;
    }
    if !site && marks.rewritten && marks.received > 0 {
        return Lane::Forward;
    }
    if marks.list || marks.bulk {
        return Lane::Bulk;
    }
    // Forwarders that keep the envelope: a trusted node says that the mail was in a mailbox before.
    let node = matches!(identity.method, Method::Xclient | Method::Header);
    if !site && node && marks.delivered && marks.received > 1 {
        return Lane::Forward;
    }
    if site { Lane::Script } else { Lane::Mailbox }
}

/// Whether a site sends: a script, or the account of a site.
pub(crate) fn is_site(identity: &Identity) -> bool {
    match identity.origin.kind {
        OriginKind::Script => true,
        OriginKind::Login => {
            let named = matches!(identity.method, Method::Xclient | Method::Header);
            named && !identity.origin.name.contains('@')
        }
        OriginKind::Ip => false,
    }
}
