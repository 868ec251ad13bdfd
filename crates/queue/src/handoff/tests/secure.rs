//! TLS towards upstreams: off, opportunistic, required.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A CA in a file, and an upstream with a certificate of it for `name`.
fn authority(name: &str) -> (TempDir, PathBuf, TlsAcceptor) {
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    std::fs::write(&path, ca.pem()).unwrap();
    (dir, path, TlsAcceptor::from(Arc::new(config)))
}

fn secure(tls: UpstreamTls, ca: Option<&PathBuf>) -> PoolSettings {
    PoolSettings { tls, ca: ca.cloned(), ..pool(&[A]) }
}

fn offering(acceptor: &TlsAcceptor, rules: Vec<Rule>) -> Arc<Fake> {
    let fake = Fake::new(rules);
    fake.offers("PIPELINING|STARTTLS|REQUIRETLS");
    fake.accept_tls(acceptor.clone());
    fake
}

#[tokio::test(start_paused = true)]
async fn policies() {
    use UpstreamTls::{Off, Opportunistic, Required};
    let (_dir, ca, acceptor) = authority("a.example");
    let (_other_dir, other_ca, other) = authority("other.example");
    let refused = Act::Say("454 4.7.0 no TLS now");
    let injected = Act::Say("220 go|250 evil");
    // Policy, the pool's CA, the server's certificate, what it does at STARTTLS, what comes of it.
    let rows = [
        (Off, None, &acceptor, None, "clear"),
        (Opportunistic, None, &acceptor, None, "tls"),
        (Opportunistic, None, &other, None, "tls"),
        (Opportunistic, None, &acceptor, Some(refused), "clear"),
        (Opportunistic, None, &acceptor, Some(Act::SayClose("220 go")), "clear"),
        (Opportunistic, None, &acceptor, Some(injected), "octets in clear"),
        (Opportunistic, None, &acceptor, Some(Act::Close), "closed the connection at STARTTLS"),
        (Required, Some(&ca), &acceptor, None, "tls"),
        (Required, Some(&other_ca), &acceptor, None, "TLS handshake failed"),
        (Required, Some(&other_ca), &other, None, "TLS handshake failed"),
        (Required, Some(&ca), &acceptor, Some(refused), "offers no TLS"),
        (Required, Some(&ca), &acceptor, Some(Act::SayClose("220 go")), "TLS handshake failed"),
        (Required, Some(&ca), &acceptor, Some(injected), "octets in clear"),
    ];
    for (tls, ca, acceptor, act, expect) in rows {
        let rules = act.map(|act| rule(A, "STARTTLS", act)).into_iter().collect();
        let fake = offering(acceptor, rules);
        let handoff = handoff(&fake, secure(tls, ca));
        let got = words(&send(&handoff, 1).await).join("");
        let row = format!("{tls:?} {act:?}: {got}");
        match (fake.taken().first(), expect) {
            (Some(taken), "tls" | "clear") => {
                assert_eq!((got.as_str(), taken.tls), ("accepted", expect == "tls"), "{row}");
            }
            (None, expect) => assert!(got.contains(expect), "{row}"),
            (Some(_), _) => panic!("sent: {row}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_without_tls() {
    let (_dir, ca, _) = authority("a.example");
    let fake = Fake::new(vec![]);
    let got = words(&send(&handoff(&fake, secure(UpstreamTls::Required, Some(&ca))), 1).await);
    assert!(got[0].contains("offers no TLS"), "{got:?}");
    let fake = Fake::new(vec![]);
    let got = words(&send(&handoff(&fake, secure(UpstreamTls::Opportunistic, None)), 1).await);
    assert_eq!(got, ["accepted"]);
}

#[tokio::test(start_paused = true)]
async fn a_broken_handshake_is_remembered_for_a_while() {
    let (_dir, _, acceptor) = authority("a.example");
    let fake = offering(&acceptor, vec![once(A, "STARTTLS", Act::SayClose("220 go"))]);
    let mut settings = secure(UpstreamTls::Opportunistic, None);
    settings.messages_per_connection = 1;
    let handoff = handoff(&fake, settings);
    for _ in 0..3 {
        assert_eq!(words(&send(&handoff, 1).await), ["accepted"]);
    }
    assert_eq!(fake.dials(A), 4, "only the first message paid for it");
    tokio::time::sleep(Duration::from_secs(700)).await;
    send(&handoff, 1).await;
    let tls: Vec<_> = fake.taken().iter().map(|taken| taken.tls).collect();
    assert_eq!(tls, [false, false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_handshake_has_an_end() {
    let (_dir, ca, _) = authority("a.example");
    let fake = Fake::new(vec![]);
    // It says 220, but knows no TLS.
    fake.offers("PIPELINING|STARTTLS");
    let got = words(&send(&handoff(&fake, secure(UpstreamTls::Required, Some(&ca))), 1).await);
    assert!(got[0].contains("TLS handshake failed"), "{got:?}");
}

#[tokio::test(start_paused = true)]
async fn require_tls_needs_a_verified_server() {
    let (_dir, ca, acceptor) = authority("a.example");
    let rows = [
        (secure(UpstreamTls::Required, Some(&ca)), "accepted"),
        (secure(UpstreamTls::Opportunistic, None), "refused 550"),
        (secure(UpstreamTls::Off, None), "refused 550"),
    ];
    for (settings, expect) in rows {
        let fake = offering(&acceptor, vec![]);
        let handoff = handoff(&fake, settings);
        let mut envelope = (*envelope(1)).clone();
        envelope.require_tls = true;
        let content: Arc<dyn Content> = Arc::new(CONTENT.to_vec());
        let delivery = handoff.deliver("main", "customer", Arc::new(envelope), content).await;
        assert_eq!(words(&delivery), [expect]);
    }
}

#[test]
fn ca_files() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let missing = dir.path().join("missing.pem");
    let new = |ca: &PathBuf| {
        Handoff::new(vec![secure(UpstreamTls::Required, Some(ca))], Arc::new(Still), 1).err()
    };
    assert!(matches!(new(&empty), Some(PoolError::NoCa { .. })));
    assert!(matches!(new(&missing), Some(PoolError::CaUnreadable { .. })));
}
