use super::*;

fn code(line: &str) -> u16 {
    match parse(line.as_bytes()) {
        Ok(_) => 0,
        Err(reply) => replies::code(reply),
    }
}

/// 0: taken; else the code of the refusal.
#[test]
fn lines() {
    let rows: &[(u16, &str)] = &[
        (0, "NOOP"),
        (0, "noop whatever  "),
        (0, "RSET "),
        (501, "RSET now"),
        (500, ""),
        (500, " NOOP"),
        (500, "NOOP\0"),
        (500, "NO\rOP"),
        (500, "NOOP\nNOOP"),
        (500, "NOOP\r"),
        (0, "NOOP \t"),
        (500, "FROB x"),
        (0, "EXPN list"),
        (0, "GET / HTTP/1.1"),
        (0, "PROXY TCP4 203.0.113.77 127.0.0.1 1234 25"),
        (0, "EHLO mail.example"),
        (0, "EHLO [IPv6:2001:db8::1]"),
        (0, "HELO DESKTOP_1"),
        (501, "HELO"),
        (501, "EHLO a b"),
        (501, "EHLO a(b"),
        (501, "EHLO é.example"),
        (0, "mail from:<a@b.example>"),
        (0, "MAIL FROM: <a@b.example>"),
        (0, "MAIL FROM:<>"),
        (0, "MAIL FROM:<@x.example,@y.example:a@b.example>"),
        (0, "MAIL FROM:<\"a>b\"@b.example>"),
        (501, "MAIL"),
        (501, "MAIL FROM"),
        (501, "MAIL FROM:"),
        (501, "MAIL <a@b.example>"),
        (501, "MAIL FROM:a@b.example"),
        (501, "MAIL FROM:<a@b.example"),
        (501, "MAIL FROM:<a@b.example>>"),
        (501, "MAIL FROM:<a@b.example>SIZE=1"),
        (501, "MAIL FROM:<postmaster>"),
        (501, "MAIL FROM:<@x..y:a@b.example>"),
        (0, "MAIL FROM:<a@b.example> SIZE=0 BODY=8bitmime SMTPUTF8 RET=HDRS ENVID=a+2B1"),
        (555, "MAIL FROM:<a@b.example> XFOO=1"),
        (501, "MAIL FROM:<a@b.example> SIZE=1 SIZE=1"),
        (501, "MAIL FROM:<a@b.example> SIZE="),
        (501, "MAIL FROM:<a@b.example> SIZE=+1"),
        (501, "MAIL FROM:<a@b.example> SIZE=18446744073709551616"),
        (501, "MAIL FROM:<a@b.example> BODY=FOO"),
        (501, "MAIL FROM:<a@b.example> SMTPUTF8=1"),
        (501, "MAIL FROM:<a@b.example> RET=FOO"),
        (501, "MAIL FROM:<a@b.example> ENVID=a+ZZ"),
        (501, "MAIL FROM:<a@b.example> ENVID=a+0D+0A"),
        (0, "MAIL FROM:<a@b.example> AUTH=<>"),
        (0, "MAIL FROM:<a@b.example> AUTH=a+2Bb@c.example"),
        (501, "MAIL FROM:<a@b.example> AUTH=a+0D+0ARCPT+20TO:<x@y.example>"),
        (501, "MAIL FROM:<a@b.example> AUTH"),
        (0, "RCPT TO:<a@b.example>"),
        (0, "RCPT TO:<Postmaster>"),
        (501, "RCPT TO:<>"),
        (501, "RCPT TO:<a@>"),
        (501, "RCPT TO:<@b.example>"),
        (501, "RCPT TO:<a@b.example><c@d.example>"),
        (501, "RCPT TO:<a@b.example,c@d.example>"),
        (0, "RCPT TO:<a@b.example> NOTIFY=failure,DELAY ORCPT=rfc822;a+2Bb@c.example"),
        (0, "RCPT TO:<a@b.example> NOTIFY=NEVER ORCPT=utf-8;grün@b.example"),
        (501, "RCPT TO:<a@b.example> NOTIFY=NEVER,FAILURE"),
        (501, "RCPT TO:<a@b.example> NOTIFY="),
        (501, "RCPT TO:<a@b.example> ORCPT=noaddrtype"),
        (501, "RCPT TO:<a@b.example> ORCPT=rfc822;a+2Zb"),
        (501, "RCPT TO:<a@b.example> ORCPT=rfc822;a+0Ab"),
        (555, "RCPT TO:<a@b.example> SIZE=1"),
        (0, "BDAT 0 LAST"),
        (0, "bdat 5 last"),
        (501, "BDAT"),
        (501, "BDAT -1"),
        (501, "BDAT +5"),
        (501, "BDAT 0x10 LAST"),
        (501, "BDAT 5 LAST x"),
        (501, "BDAT 18446744073709551617"),
        (0, "AUTH PLAIN"),
        (0, "AUTH PLAIN ="),
        (501, "AUTH"),
        (501, "AUTH PLAIN a b"),
        (0, "XCLIENT ADDR=192.0.2.1 NAME=[UNAVAILABLE] LOGIN=a+2Bb@c.example"),
        (501, "XCLIENT"),
        (501, "XCLIENT ADDR=x"),
        (501, "XCLIENT IDENT=x"),
        (501, "XCLIENT ADDR=192.0.2.1 ADDR=192.0.2.2"),
        (501, "XCLIENT LOGIN=a+0Ab"),
        (0, "XFORWARD ADDR=192.0.2.1 IDENT=abc SOURCE=LOCAL"),
        (501, "XFORWARD LOGIN=x"),
    ];
    for (expect, line) in rows {
        assert_eq!(code(line), *expect, "{line:?}");
    }
    assert_eq!(parse(b"NOOP \xff"), Err(replies::NOT_UTF8));
}

#[test]
fn values_arrive() {
    let Ok(Command::Mail(mail)) = parse(b"MAIL FROM:<a@b.example> size=7 Body=BinaryMime ret=full")
    else {
        panic!("refused")
    };
    assert_eq!(mail.from.as_ref().map(Address::as_str), Some("a@b.example"));
    assert_eq!((mail.size, mail.body), (Some(7), Some(BodyKind::Binary)));
    assert_eq!(mail.dsn_return, Some(DsnReturn::Full));
    let Ok(Command::Rcpt(rcpt)) = parse(b"RCPT TO:<@r.example:Mixed@Case.example> NOTIFY=DELAY")
    else {
        panic!("refused")
    };
    assert_eq!(rcpt.address.as_str(), "Mixed@Case.example");
    let notify = rcpt.dsn_notify.unwrap();
    assert_eq!((notify.success, notify.failure, notify.delay), (false, false, true));
    let Ok(Command::Xclient(x)) =
        parse(b"XCLIENT addr=ipv6:2001:db8::1 PORT=25 PROTO=ESMTP HELO=h LOGIN=a+40b.example")
    else {
        panic!("refused")
    };
    assert_eq!(x.addr, "2001:db8::1".parse().ok());
    assert_eq!((x.port, x.login.as_deref()), (Some(25), Some("a@b.example")));
}
