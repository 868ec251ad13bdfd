//! TLS towards upstreams: one provider, no process-wide default.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use super::PoolError;
use crate::{PoolSettings, UpstreamTls};

/// What a pool needs for its handshakes; nothing when it makes none.
pub(super) fn connector(pool: &PoolSettings) -> Result<Option<TlsConnector>, PoolError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| PoolError::Tls { pool: pool.name.clone(), error: error.to_string() })?;
    let config = match pool.tls {
        UpstreamTls::Off => return Ok(None),
        UpstreamTls::Required => builder.with_root_certificates(roots(pool)?).with_no_client_auth(),
        UpstreamTls::Opportunistic => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
            .with_no_client_auth(),
    };
    Ok(Some(TlsConnector::from(Arc::new(config))))
}

fn roots(pool: &PoolSettings) -> Result<RootCertStore, PoolError> {
    let mut roots = RootCertStore::empty();
    let (certificates, place) = match &pool.ca {
        Some(path) => (read(pool, path)?, path.display().to_string()),
        None => (rustls_native_certs::load_native_certs().certs, "the system's store".to_owned()),
    };
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(PoolError::NoCa { pool: pool.name.clone(), place });
    }
    Ok(roots)
}

fn read(pool: &PoolSettings, path: &Path) -> Result<Vec<CertificateDer<'static>>, PoolError> {
    CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| {
        PoolError::CaUnreadable {
            pool: pool.name.clone(),
            path: path.to_owned(),
            error: error.to_string(),
        }
    })
}

/// Opportunistic TLS keeps out who only listens (RFC 7435): any certificate will do, since the
/// alternative is no encryption at all. The handshake itself is checked.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
