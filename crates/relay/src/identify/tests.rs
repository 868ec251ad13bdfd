use std::collections::BTreeMap;

use postern_mail::CustomerId;

use super::*;

fn customer(id: &str, logins: &[&str], networks: &[&str], certs: &[&str]) -> Customer {
    Customer {
        id: CustomerId::new(id),
        name: id.to_owned(),
        reseller: None,
        plan: "S".into(),
        since_day: 0,
        domains: Vec::new(),
        networks: networks.iter().map(|n| n.parse().unwrap()).collect(),
        logins: logins.iter().map(|l| Login { login: (*l).into(), origin: None }).collect(),
        certs: certs.iter().map(|c| (*c).into()).collect(),
        limits: BTreeMap::new(),
    }
}

struct House {
    peers: NetworkMap<PeerIdentity>,
    names: Vec<String>,
    directory: Directory,
}

fn house() -> House {
    let mut peers = NetworkMap::default();
    peers.insert("10.20.0.0/24".parse().unwrap(), PeerIdentity::Xclient);
    peers.insert("10.21.0.0/24".parse().unwrap(), PeerIdentity::Header("X-AuthUser".into()));
    peers.insert("10.23.0.0/24".parse().unwrap(), PeerIdentity::None);
    let directory = Directory::build(vec![
        customer("a", &["a/web1", "info@a.example", "u1"], &["192.0.2.0/24", "10.20.0.0/16"], &[]),
        customer("b", &["u2", "info@b.example"], &[], &["mail.b.example"]),
    ]);
    House { peers, names: vec!["X-AuthUser".into()], directory: directory.unwrap() }
}

/// Customer and origin of one message.
fn check(evidence: &Evidence<'_>, head: &str, expect: (Option<&str>, &str)) {
    let house = house();
    let lookup = Identify { peers: &house.peers, names: &house.names, directory: &house.directory };
    let head = head.replace('\n', "\r\n");
    let found = identify(&lookup, evidence, head.as_bytes()).identity;
    let got = (found.customer.as_ref().map(CustomerId::as_str), found.origin.to_string());
    assert_eq!((got.0, got.1.as_str()), expect, "{evidence:?} {head:?}");
}

fn from(peer: &str) -> Evidence<'static> {
    Evidence { peer: peer.parse().unwrap(), auth: None, certificate: None, xclient: None }
}

#[test]
fn the_connection_names_the_customer() {
    let php = "X-PHP-Originating-Script: 1:/srv/a/x.php\n\n";
    let web = Evidence { xclient: Some(Some("a/web1")), ..from("10.20.0.9") };
    let mailbox = Evidence { xclient: Some(Some("info@a.example")), ..from("10.20.0.9") };
    let stranger = Evidence { xclient: Some(Some("a/web1")), ..from("198.51.100.1") };
    let auth = Evidence { auth: Some("info@b.example"), ..from("192.0.2.1") };
    let ghost = Evidence { auth: Some("ghost"), ..from("192.0.2.1") };
    let cert = Evidence { certificate: Some("mail.b.example"), ..from("198.51.100.7") };
    let panel = from("10.21.0.3");
    check(&web, php, (Some("a"), "script:/srv/a/x.php"));
    check(&web, "\n", (Some("a"), "login:a/web1"));
    check(&mailbox, php, (Some("a"), "login:info@a.example"));
    check(&stranger, php, (None, "ip:198.51.100.1"));
    check(&auth, php, (Some("b"), "login:info@b.example"));
    check(&ghost, php, (None, "ip:192.0.2.1"));
    check(&cert, "\n", (Some("b"), "ip:198.51.100.7"));
    check(&from("192.0.2.1"), "\n", (Some("a"), "ip:192.0.2.1"));
    check(&from("10.20.0.9"), "\n", (None, "ip:10.20.0.9"));
    check(&from("10.23.0.9"), "X-AuthUser: u1\n\n", (None, "ip:10.23.0.9"));
    check(&from("192.0.2.1"), "X-AuthUser: u2\n\n", (Some("a"), "ip:192.0.2.1"));
    let rows = [
        ("Received: x\nX-AuthUser: u1\nX-AuthUser: u2\n\n", (Some("a"), "login:u1")),
        ("x-authuser:\n\tu2 \nX-AuthUser: u1\n\n", (Some("b"), "login:u2")),
        ("X-AuthUser : u2\nX-AuthUser: u1\n\n", (Some("a"), "login:u1")),
        ("X-AuthUser: ghost\nX-AuthUser: u1\n\n", (None, "ip:10.21.0.3")),
        ("Subject: x\n\nX-AuthUser: u1\n", (None, "ip:10.21.0.3")),
        (
            "X-AuthUser: u1\nX-PHP-Originating-Script: 5:m.php\nX-Source-Dir: a.example:/www/f/\n\n",
            (Some("a"), "script:a.example/www/f/m.php"),
        ),
        ("X-AuthUser: u1\nX-PHP-Originating-Script: 5:m.php\n\n", (Some("a"), "script:m.php")),
    ];
    for (head, expect) in rows {
        check(&panel, head, expect);
    }
}

#[test]
fn identity_fields_do_not_leave_in_any_spelling() {
    let house = house();
    let lookup = Identify { peers: &house.peers, names: &house.names, directory: &house.directory };
    let head =
        b"X-AuthUser: u1\r\nTo: x\r\nx-AUTHuser :\r\n u2\r\nX-Auth User: u2\r\n\r\nX-AuthUser: b";
    let found = identify(&lookup, &from("10.21.0.3"), head);
    let cut: Vec<_> = found.cut.iter().map(|r| &head[r.start as usize..r.end as usize]).collect();
    let expect: [&[u8]; 3] =
        [b"X-AuthUser: u1\r\n", b"x-AUTHuser :\r\n u2\r\n", b"X-Auth User: u2\r\n"];
    assert_eq!(cut, expect);
    assert_eq!(found.forged, 2);
    assert_eq!(identify(&lookup, &from("192.0.2.1"), head).forged, 3);
}
