//! The settings in force, resolved into what a new session takes; a reload swaps them as one.

use std::sync::Arc;

use rustls::ServerConfig;

use crate::{BindError, Settings, TlsMode, tls};

/// Settings and what was made of them.
pub(crate) struct Live {
    pub(crate) settings: Settings,
    /// Certificates loaded.
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

impl Live {
    /// Loads certificates and looks whether messages can be spilled.
    pub(crate) fn new(settings: Settings) -> Result<Self, BindError> {
        let tls = settings.tls.as_ref().map(tls::load).transpose()?;
        let wants =
            |mode| matches!(mode, TlsMode::StartTls | TlsMode::Required | TlsMode::Implicit);
        if let Some(listener) = settings.listeners.iter().find(|l| tls.is_none() && wants(l.tls)) {
            return Err(BindError::NoCertificate { address: listener.address });
        }
        let path = settings.spill_dir.clone();
        std::fs::create_dir_all(&path)
            .and_then(|()| tempfile::tempfile_in(&path))
            .map_err(|source| BindError::Spill { path, source })?;
        Ok(Self { settings, tls })
    }
}
