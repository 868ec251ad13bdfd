//! Paths: `<…>` with what stands in it (RFC 5321 §4.1.2).

use postern_mail::Address;

/// Splits `<…>` from the front; what is between the brackets, and the parameters behind.
/// A `>` in a quoted local part does not end it; anything but a blank behind the bracket is
/// malformed, since hosts differ in what they make of it.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    for (i, octet) in inner.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => {
                let (path, rest) = (inner.get(..i)?, inner.get(i + 1..)?);
                return (rest.is_empty() || rest.starts_with(' ')).then_some((path, rest));
            }
            _ => {}
        }
    }
    None
}

/// The mailbox of a path. A source route (`@a,@b:x@c`) must be taken and should be ignored
/// (RFC 5321 §4.1.1.3, appendix C).
pub(super) fn mailbox(path: &str) -> Option<Address> {
    let mailbox = match path.strip_prefix('@') {
        None => path,
        Some(route) => {
            let (hops, mailbox) = route.split_once(':')?;
            let hop = |hop: &str| Address::parse(&format!("x@{hop}")).is_ok();
            let mut hops = hops.split(",@");
            hops.all(hop).then_some(mailbox)?
        }
    };
    Address::parse(mailbox).ok()
}
