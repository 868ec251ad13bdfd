//! Certificates and the one place that names the crypto provider.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

use crate::{BindError, TlsFiles};

/// Loads certificate, key and client CA. TLS 1.2 and 1.3 only (RFC 8996); sessions resume from
/// tickets or memory, never with early data, since 0-RTT octets can be replayed.
pub(crate) fn load(files: &TlsFiles) -> Result<Arc<ServerConfig>, BindError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| {
        problem(&files.key, format!("{e}; it must hold one private key in PEM form"))
    })?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| problem(&files.certificate, e.to_string()))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| problem(path, e.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|e| problem(path, e.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|e| {
        problem(&files.certificate, format!("{e}; certificate and key must belong together"))
    })?;
    config.session_storage = ServerSessionMemoryCache::new(RESUMABLE_SESSIONS);
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()
        .map_err(|e| problem(&files.key, e.to_string()))?;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

impl TlsFiles {
    /// Whether certificate, key and client CA can be read and used together.
    pub fn check(&self) -> Result<(), BindError> {
        load(self).map(drop)
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
