//! Certificates and the one place that names the crypto provider.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{
    ClientHello, ResolvesServerCert, ServerSessionMemoryCache, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig, ServerConnection,
    SignatureScheme,
};

use crate::{BindError, Secured, Settings, TlsFiles, certificate};

/// How we shake hands, and whom we know by certificate.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

/// Loads certificate, key and client CA. TLS 1.2 and 1.3 only (RFC 8996); sessions resume from
/// tickets or memory, never with early data, since 0-RTT octets can be replayed.
pub(crate) fn load(files: &TlsFiles) -> Result<Tls, BindError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let first = certified(&files.certificate, &files.key, &provider)?;
    let more = files.more.iter().map(|more| certified(&more.certificate, &more.key, &provider));
    let certificates = Names::new(first, more.collect::<Result<_, _>>()?);
    let clients = files.client_ca.as_deref().map(clients).transpose()?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| problem(&files.certificate, e.to_string()))?;
    let builder = match &clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(Arc::new(Curious(clients.clone()))),
    };
    let mut config = builder.with_cert_resolver(Arc::new(certificates));
    config.session_storage = ServerSessionMemoryCache::new(RESUMABLE_SESSIONS);
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()
        .map_err(|e| problem(&files.key, e.to_string()))?;
    config.max_early_data_size = 0;
    Ok(Tls { config: Arc::new(config), clients })
}

impl Settings {
    /// Whether the files of TLS can be used and belong together; the error names the one that
    /// cannot.
    pub fn check_tls(&self) -> Result<(), BindError> {
        if let Some(files) = &self.tls {
            load(files)?;
        }
        self.own_client_cas().iter().try_for_each(|(_, files)| load(files).map(drop))
    }

    /// The client CAs that listeners have of their own, each with the files it is used with.
    pub(crate) fn own_client_cas(&self) -> Vec<(PathBuf, TlsFiles)> {
        let Some(files) = &self.tls else { return Vec::new() };
        let mut own: Vec<_> = self.listeners.iter().filter_map(|l| l.client_ca.clone()).collect();
        own.sort_unstable();
        own.dedup();
        let with = |ca: PathBuf| (ca.clone(), TlsFiles { client_ca: Some(ca), ..files.clone() });
        own.into_iter().map(with).collect()
    }
}

impl Tls {
    /// What a finished handshake showed. The certificate is checked now, also of a session that was
    /// resumed: it may have expired meanwhile.
    pub(crate) fn describe(&self, tls: &ServerConnection) -> Secured {
        let suite = tls.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        Secured {
            version: match tls.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "TLSv1.3",
            },
            cipher: suite.unwrap_or("unknown").to_owned(),
            certificate: tls.peer_certificates().and_then(|chain| self.subject(chain)),
        }
    }

    fn subject(&self, chain: &[CertificateDer<'_>]) -> Option<String> {
        let (leaf, intermediates) = chain.split_first()?;
        let clients = self.clients.as_ref()?;
        clients.verify_client_cert(leaf, intermediates, UnixTime::now()).ok()?;
        certificate::subject(leaf)
    }
}

fn clients(path: &Path) -> Result<Arc<dyn ClientCertVerifier>, BindError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|e| problem(path, e.to_string()))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|e| problem(path, e.to_string()))
}

/// Asks for a certificate and takes any, as long as the client holds its key: mail servers show
/// whichever they have, and one of another authority is no reason to break their mail. It only
/// names nobody; [`Tls::describe`] checks.
#[derive(Debug)]
struct Curious(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Curious {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn certified(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, BindError> {
    let chain = certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|e| problem(key, format!("{e}; it must hold one private key in PEM form")))?;
    CertifiedKey::from_der(chain, private, provider)
        .map_err(|e| problem(certificate, format!("{e}; certificate and key must belong together")))
}

/// Which certificate is shown: that of the name which the client asks for, else the first.
#[derive(Debug)]
struct Names {
    first: Arc<CertifiedKey>,
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl Names {
    /// The first certificate keeps its names: whoever asks for one of them gets it.
    fn new(first: CertifiedKey, more: Vec<CertifiedKey>) -> Self {
        let first = Arc::new(first);
        let mut by_name = HashMap::new();
        for certified in std::iter::once(first.clone()).chain(more.into_iter().map(Arc::new)) {
            let names = certified.cert.first().map(|leaf| certificate::dns_names(leaf));
            for name in names.into_iter().flatten() {
                by_name.entry(name.to_ascii_lowercase()).or_insert_with(|| certified.clone());
            }
        }
        Self { first, by_name }
    }

    /// By name, or by `*.` and what follows the name's first label (RFC 9525 §6.3).
    fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        let above = || self.by_name.get(&format!("*.{}", name.split_once('.')?.1));
        self.by_name.get(&name).or_else(above)
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.find(name));
        Some(named.unwrap_or(&self.first).clone())
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BindError> {
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|e| problem(path, e.to_string()))?;
    if chain.is_empty() {
        return Err(problem(path, "holds no certificate in PEM form".to_owned()));
    }
    Ok(chain)
}

fn problem(path: &Path, problem: String) -> BindError {
    BindError::Tls { path: path.to_owned(), problem }
}

/// Sessions kept for clients that resume by id (TLS 1.2 without tickets).
const RESUMABLE_SESSIONS: usize = 4096;
