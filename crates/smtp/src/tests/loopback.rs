//! The server on loopback sockets: TLS, PROXY, caps, reload, stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use postern_mail::{Address, NetworkMap};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::{Recorder, settings};
use crate::{BindError, CertificateFiles, Listener, Server, Settings, TlsFiles, TlsMode};

/// A server of its own, on a free port.
struct House {
    server: Server<Recorder>,
    recorder: Arc<Recorder>,
    settings: Settings,
    stop: CancellationToken,
    running: JoinHandle<()>,
    ca: Authority,
    dir: TempDir,
}

struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { params, key: KeyPair::generate().unwrap() }
    }

    /// Certificate and key for a name.
    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = Issuer::from_params(&self.params, &self.key);
        (params.signed_by(&key, &issuer).unwrap(), key)
    }

    fn certificate(&self) -> rcgen::Certificate {
        self.params.self_signed(&self.key).unwrap()
    }
}

impl House {
    async fn with(listeners: &[(TlsMode, bool)], change: impl FnOnce(&mut Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ca = Authority::new();
        let (certificate, key) = ca.issue("mx.test");
        let file = |name: &str, text: String| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mut settings = settings(dir.path());
        settings.tls = Some(TlsFiles {
            certificate: file("crt.pem", certificate.pem()),
            key: file("key.pem", key.serialize_pem()),
            client_ca: Some(file("ca.pem", ca.certificate().pem())),
            more: Vec::new(),
        });
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let listener = |&(tls, proxy): &(TlsMode, bool)| {
            let mut balancers = NetworkMap::default();
            balancers.insert("127.0.0.1/32".parse().unwrap(), ());
            Listener { proxy: proxy.then_some(balancers), ..Listener::new(address, tls) }
        };
        settings.listeners = listeners.iter().map(listener).collect();
        change(&mut settings);
        let recorder = Arc::new(Recorder::default());
        let server = Server::bind(settings.clone(), recorder.clone()).unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let (server, stop) = (server.clone(), stop.clone());
            async move { server.run(stop, Duration::from_secs(5)).await }
        });
        Self { server, recorder, settings, stop, running, ca, dir }
    }

    async fn new(mode: TlsMode) -> Self {
        Self::with(&[(mode, false)], |_| {}).await
    }

    async fn connect(&self) -> Client<TcpStream> {
        Client(TcpStream::connect(self.server.addresses()[0]).await.unwrap())
    }

    /// Trusts our authority, and shows a certificate.
    fn client_config(&self, shows: Option<Shown>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.certificate().der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        match shows {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        }
    }

    /// A connector with a certificate of our authority for `name`.
    fn connector(&self, name: Option<&str>) -> TlsConnector {
        let shows = name.map(|name| {
            let (certificate, key) = self.ca.issue(name);
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            (vec![certificate.der().clone()], key)
        });
        TlsConnector::from(Arc::new(self.client_config(shows)))
    }
}

/// A client's chain and key.
type Shown = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

struct Client<S>(S);

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// A whole reply.
    async fn reply(&mut self) -> String {
        let mut text = String::new();
        loop {
            let octet = self.0.read_u8().await.unwrap_or_else(|e| panic!("after {text:?}: {e}"));
            text.push(char::from(octet));
            let last = text.trim_end().rsplit("\r\n").next().unwrap_or_default();
            if text.ends_with("\r\n") && last.as_bytes().get(3) == Some(&b' ') {
                return text;
            }
        }
    }

    /// Sends a command; the reply starts with the code.
    async fn say(&mut self, command: &str, code: &str) -> String {
        self.send(&format!("{command}\r\n")).await;
        let reply = self.reply().await;
        assert!(reply.starts_with(code), "{command}: {reply}");
        reply
    }

    async fn envelope(&mut self) {
        self.say("MAIL FROM:<s@x.test>", "250").await;
        self.say("RCPT TO:<r@x.test>", "250").await;
        self.say("DATA", "354").await;
    }

    async fn ended(&mut self) -> bool {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest).await;
        rest.is_empty()
    }
}

impl Client<TcpStream> {
    async fn secure(self, house: &House, name: Option<&str>) -> Client<TlsStream<TcpStream>> {
        let server = ServerName::try_from("mx.test").unwrap();
        Client(house.connector(name).connect(server, self.0).await.unwrap())
    }
}

#[tokio::test]
async fn a_message_arrives_octet_for_octet_from_memory_or_spilled() {
    for memory_bytes_per_message in [1 << 20, 1000] {
        let house = House::with(&[(TlsMode::Off, false)], |settings| {
            settings.limits.memory_bytes_per_message = memory_bytes_per_message;
        })
        .await;
        let mut client = house.connect().await;
        assert!(client.reply().await.starts_with("220 mx.test"));
        client.say("EHLO client.test", "250").await;
        client.envelope().await;
        let body = "line of the body\r\n.dotted\r\n".repeat(1000);
        client.send(&body.replace("\r\n.", "\r\n..")).await;
        client.say(".", "250 2.0.0 Taken").await;
        client.say("QUIT", "221").await;
        assert!(client.ended().await);
        let messages = house.recorder.messages.lock();
        assert!(messages[0].content == body.as_bytes());
        assert_eq!(messages[0].head, body.len().min(memory_bytes_per_message));
        let from = messages[0].envelope.mail_from.as_ref().map(Address::as_str);
        assert_eq!(from, Some("s@x.test"));
    }
}

#[tokio::test]
async fn starttls_forgets_and_throws_away_what_was_said_before() {
    let house = House::new(TlsMode::Required).await;
    let mut client = house.connect().await;
    client.reply().await;
    assert!(client.say("EHLO a.test", "250").await.contains("STARTTLS"));
    client.say("MAIL FROM:<s@x.test>", "530").await;
    client.say("AUTH PLAIN AHUAcA==", "538").await;
    client.send("STARTTLS\r\nMAIL FROM:<injected@x.test>\r\nNOOP\r\n").await;
    assert!(client.reply().await.starts_with("220"));
    let mut client = client.secure(&house, Some("shop.example")).await;
    client.say("MAIL FROM:<s@x.test>", "503").await;
    let ehlo = client.say("EHLO b.test", "250").await;
    assert!(ehlo.contains("AUTH PLAIN") && !ehlo.contains("STARTTLS"), "{ehlo}");
    client.say("STARTTLS", "503").await;
    client.say("AUTH PLAIN AHUAeA==", "535").await;
    client.say("AUTH PLAIN AHUAcA==", "235").await;
    client.envelope().await;
    client.say("x\r\n.", "250").await;
    let events = house.recorder.events.lock().join(";");
    assert!(
        events.contains("secured TLSv1.3 Some(\"shop.example\");hello b.test true"),
        "{events}"
    );
}

#[tokio::test]
async fn a_certificate_of_another_authority_names_nobody() {
    let (house, other) = (House::new(TlsMode::StartTls).await, House::new(TlsMode::Off).await);
    let mut client = house.connect().await;
    client.reply().await;
    client.say("STARTTLS", "220").await;
    let (certificate, key) = other.ca.issue("shop.example");
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = house.client_config(Some((vec![certificate.der().clone()], key)));
    let server = ServerName::try_from("mx.test").unwrap();
    let tls = TlsConnector::from(Arc::new(config)).connect(server, client.0).await.unwrap();
    Client(tls).say("EHLO a.test", "250").await;
    let events = house.recorder.events.lock().join(";");
    assert!(events.contains("secured TLSv1.3 None;"), "{events}");
}

/// Each listener asks for certificates of its own CA, at STARTTLS and at once; a certificate of the
/// usual one names nobody there.
#[tokio::test]
async fn a_listener_may_have_a_client_ca_of_its_own() {
    let (other, dir) = (Authority::new(), tempfile::tempdir().unwrap());
    let own = dir.path().join("own.pem");
    std::fs::write(&own, other.certificate().pem()).unwrap();
    let listeners = [TlsMode::StartTls, TlsMode::StartTls, TlsMode::Implicit].map(|m| (m, false));
    let house = House::with(&listeners, |settings| {
        settings.listeners[1].client_ca = Some(own.clone());
        settings.listeners[2].client_ca = Some(own.clone());
    })
    .await;
    let rows = [
        (0, &house.ca, true),
        (0, &other, false),
        (1, &house.ca, false),
        (1, &other, true),
        (2, &other, true),
    ];
    for (place, authority, known) in rows {
        let tcp = TcpStream::connect(house.server.addresses()[place]).await.unwrap();
        let mut client = Client(tcp);
        if place < 2 {
            client.reply().await;
            client.say("STARTTLS", "220").await;
        }
        let (certificate, key) = authority.issue("shop.example");
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = house.client_config(Some((vec![certificate.der().clone()], key)));
        let server = ServerName::try_from("mx.test").unwrap();
        let tls = TlsConnector::from(Arc::new(config)).connect(server, client.0).await.unwrap();
        let mut client = Client(tls);
        if place == 2 {
            client.reply().await;
        }
        client.say("EHLO a.test", "250").await;
        let events = std::mem::take(&mut *house.recorder.events.lock()).join(";");
        assert_eq!(events.contains("Some(\"shop.example\")"), known, "{place}: {events}");
    }
    std::fs::write(&own, "nothing").unwrap();
    let error = house.server.reload(house.settings.clone()).unwrap_err();
    assert!(error.to_string().contains("own.pem"), "{error}");
}

#[tokio::test]
async fn the_certificate_is_that_of_the_name_asked_for() {
    let house = House::new(TlsMode::StartTls).await;
    let mut settings = house.settings.clone();
    for name in ["other.test", "*.wild.test"] {
        let (certificate, key) = house.ca.issue(name);
        let file = |end: &str, text: String| {
            let path = house.dir.path().join(format!("{}.{end}", &name[2..]));
            std::fs::write(&path, text).unwrap();
            path
        };
        settings.tls.as_mut().unwrap().more.push(CertificateFiles {
            certificate: file("crt", certificate.pem()),
            key: file("key", key.serialize_pem()),
        });
    }
    house.server.reload(settings).unwrap();
    let rows = [("mx.test", true), ("other.test", true), ("a.wild.test", true), ("no.test", false)];
    for (name, good) in rows {
        let mut client = house.connect().await;
        client.reply().await;
        client.say("STARTTLS", "220").await;
        let server = ServerName::try_from(name).unwrap();
        assert_eq!(house.connector(None).connect(server, client.0).await.is_ok(), good, "{name}");
    }
}

#[tokio::test]
async fn a_submission_listener_wants_a_login() {
    let house = House::with(&[(TlsMode::Implicit, false)], |settings| {
        settings.listeners[0].submission = true;
    })
    .await;
    let mut client = house.connect().await.secure(&house, None).await;
    client.reply().await;
    client.say("EHLO a.test", "250").await;
    client.say("MAIL FROM:<s@x.test>", "530 5.7.0 Auth").await;
    client.say("AUTH PLAIN AHUAcA==", "235").await;
    client.envelope().await;
}

#[tokio::test]
async fn tls_from_the_first_octet() {
    let house = House::new(TlsMode::Implicit).await;
    let mut client = house.connect().await.secure(&house, None).await;
    assert!(client.reply().await.starts_with("220"));
    client.say("EHLO a.test", "250").await;
    client.say("QUIT", "221").await;
    assert!(client.ended().await);
    let mut plain = house.connect().await;
    plain.send("EHLO a.test\r\n").await;
    plain.ended().await;
    assert_eq!(house.server.counters().handshakes_failed, 1);
}

#[tokio::test]
async fn a_message_cut_off_is_no_message() {
    let house = House::new(TlsMode::StartTls).await;
    let mut client = house.connect().await;
    client.reply().await;
    client.say("STARTTLS", "220").await;
    let mut client = client.secure(&house, None).await;
    client.say("EHLO a.test", "250").await;
    client.envelope().await;
    client.send("half a message\r\n").await;
    let (tcp, _) = client.0.into_inner();
    drop(tcp);
    while house.server.counters().open > 0 {
        tokio::task::yield_now().await;
    }
    assert!(house.recorder.messages.lock().is_empty());
}

#[tokio::test]
async fn only_a_balancer_may_say_who_it_is() {
    let stranger = |settings: &mut Settings| {
        let mut balancers = NetworkMap::default();
        balancers.insert("192.0.2.10/32".parse().unwrap(), ());
        settings.listeners[0].proxy = Some(balancers);
    };
    let house = House::with(&[(TlsMode::Off, true)], stranger).await;
    let mut client = house.connect().await;
    // The write may meet the closed socket already.
    let _ = client.0.write_all(b"PROXY TCP4 198.51.100.7 192.0.2.1 40000 25\r\n").await;
    let mut heard = Vec::new();
    let _ = client.0.read_to_end(&mut heard).await;
    assert!(heard.is_empty(), "{heard:?}");
}

#[tokio::test]
async fn the_proxy_says_who_it_is() {
    let v2 = |ip: [u8; 4], port: u16| {
        let port = port.to_be_bytes();
        let block = [&ip[..], &[127, 0, 0, 1], &port, &[0, 25]].concat();
        [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &block].concat()
    };
    let v1 = b"PROXY TCP4 192.0.2.7 127.0.0.1 99 25\r\n".to_vec();
    for (header, ip) in [(v1, "192.0.2.7"), (v2([192, 0, 2, 8], 99), "192.0.2.8")] {
        let house = House::with(&[(TlsMode::Off, true)], |_| {}).await;
        let mut client = house.connect().await;
        for octet in header {
            client.0.write_all(&[octet]).await.unwrap();
        }
        assert!(client.reply().await.starts_with("220"));
        assert_eq!(house.recorder.events.lock().join(";"), format!("connect {ip}"));
    }
    let house = House::with(&[(TlsMode::Implicit, true)], |_| {}).await;
    let mut client = house.connect().await;
    client.send("PROXY TCP4 192.0.2.9 127.0.0.1 99 25\r\n").await;
    let mut client = client.secure(&house, None).await;
    assert!(client.reply().await.starts_with("220"));
    let mut other = house.connect().await;
    other.send("EHLO a.test\r\n").await;
    assert!(other.ended().await);
    let mut refused = house.connect().await;
    refused.0.write_all(&v2([192, 0, 2, 9], 666)).await.unwrap();
    let mut refused = refused.secure(&house, None).await;
    assert!(refused.reply().await.starts_with("554 5.7.1 Not you"));
}

#[tokio::test]
async fn caps_tell_why() {
    let house = House::with(&[(TlsMode::Off, false)], |settings| {
        settings.limits.connections_per_peer = 2;
    })
    .await;
    let (mut first, mut second) = (house.connect().await, house.connect().await);
    first.reply().await;
    second.reply().await;
    let mut third = house.connect().await;
    assert!(third.reply().await.starts_with("421 4.7.0"));
    assert!(third.ended().await);
    first.say("QUIT", "221").await;
    assert!(first.ended().await);
    while house.server.counters().open > 1 {
        tokio::task::yield_now().await;
    }
    assert!(house.connect().await.reply().await.starts_with("220"));
    assert_eq!(house.server.counters().capped, 1);
}

#[tokio::test]
async fn a_panic_is_told_and_the_server_lives() {
    let house = House::new(TlsMode::Off).await;
    let mut client = house.connect().await;
    client.reply().await;
    client.say("EHLO a.test", "250").await;
    client.say("MAIL FROM:<panic@x.test>", "421 4.3.0").await;
    assert!(client.ended().await);
    assert_eq!(house.server.counters().panics, 1);
    assert!(house.connect().await.reply().await.starts_with("220"));
}

#[tokio::test]
async fn a_flood_is_cut_off_and_its_last_reply_arrives() {
    let house = House::new(TlsMode::Off).await;
    let mut client = house.connect().await;
    client.send(&"FROB\r\n".repeat(20_000)).await;
    let mut text = String::new();
    client.0.read_to_string(&mut text).await.unwrap();
    assert!(text.ends_with("421 4.7.0 Too many errors\r\n"), "{text}");
}

#[tokio::test]
async fn reload_keeps_sessions_and_changes_the_rest() {
    let house = House::new(TlsMode::StartTls).await;
    let mut old = house.connect().await;
    old.reply().await;
    let mut settings = house.settings.clone();
    settings.hostname = "new.test".to_owned();
    let address = "127.0.0.1:0".parse().unwrap();
    settings.listeners = vec![
        settings.listeners[0].clone(),
        Listener::new("127.0.0.2:0".parse().unwrap(), TlsMode::Off),
    ];
    house.server.reload(settings.clone()).unwrap();
    assert_eq!(house.server.addresses().len(), 2);
    let mut added = Client(TcpStream::connect(house.server.addresses()[1]).await.unwrap());
    assert!(added.reply().await.starts_with("220 new.test"));
    assert!(house.connect().await.reply().await.starts_with("220 new.test"));
    old.say("EHLO a.test", "250-mx.test").await;

    let mut broken = settings.clone();
    broken.tls = None;
    assert!(matches!(house.server.reload(broken), Err(BindError::NoCertificate { .. })));
    std::fs::write(house.dir.path().join("crt.pem"), "nothing").unwrap();
    let error = house.server.reload(settings.clone()).unwrap_err();
    assert!(error.to_string().contains("crt.pem"), "{error}");
    assert!(house.connect().await.reply().await.starts_with("220 new.test"));

    settings.tls = None;
    settings.listeners = vec![Listener::new(address, TlsMode::Off)];
    house.server.reload(settings).unwrap();
    added.say("NOOP", "250").await;
}

#[tokio::test]
async fn a_stop_serves_the_backlog_and_lets_transactions_end() {
    let house = House::new(TlsMode::Off).await;
    let mut busy = house.connect().await;
    busy.reply().await;
    busy.say("EHLO a.test", "250").await;
    busy.envelope().await;
    // Not accepted yet when the stop comes, as this test runs on one thread.
    let waiting = std::net::TcpStream::connect(house.server.addresses()[0]).unwrap();
    house.stop.cancel();
    waiting.set_nonblocking(true).unwrap();
    let mut waiting = Client(TcpStream::from_std(waiting).unwrap());
    assert!(waiting.reply().await.starts_with("220"));
    waiting.say("QUIT", "221").await;
    busy.say("x\r\n.", "250").await;
    busy.say("QUIT", "221").await;
    house.running.await.unwrap();
    assert_eq!(house.recorder.messages.lock().len(), 1);
    assert!(TcpStream::connect(house.server.addresses()[0]).await.is_err());
}

#[tokio::test]
async fn errors_at_bind_name_the_place() {
    let house = House::new(TlsMode::Off).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let recorder = Arc::new(Recorder::default());
    let bind = |change: &dyn Fn(&mut Settings)| {
        let mut settings = house.settings.clone();
        change(&mut settings);
        Server::bind(settings, recorder.clone()).map(|_| ()).unwrap_err().to_string()
    };
    let address = taken.local_addr().unwrap();
    let text = bind(&|s| s.listeners[0].address = address);
    assert!(text.contains(&address.to_string()) && text.contains("stop what listens"), "{text}");
    let text = bind(&|s| s.spill_dir = "/proc/nowhere".into());
    assert!(text.contains("/proc/nowhere"), "{text}");
    let text = bind(&|s| s.tls.as_mut().unwrap().key = "/nowhere/key.pem".into());
    assert!(text.contains("/nowhere/key.pem"), "{text}");
    let text = bind(&|s| {
        let tls = s.tls.as_mut().unwrap();
        tls.key = tls.client_ca.clone().unwrap();
    });
    assert!(text.contains("ca.pem"), "{text}");
}
