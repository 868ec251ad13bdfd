//! The settings in force, resolved into what a new session takes; a reload swaps them as one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::tls::{self, Tls};
use crate::{BindError, Limits, Settings, TlsMode};
use postern_wire::server;

/// Settings and what was made of them.
pub(crate) struct Live {
    pub(crate) settings: Settings,
    /// Certificates loaded, with the usual client CA.
    usual: Option<Tls>,
    /// The same with a listener's own client CA.
    by_client_ca: HashMap<PathBuf, Tls>,
    /// For the machine of a session.
    calm: Arc<server::Settings>,
    /// The same with short waits, for sessions that begin when places get scarce.
    pressed: Arc<server::Settings>,
}

impl Live {
    /// Loads certificates and looks whether messages can be spilled.
    pub(crate) fn new(settings: Settings) -> Result<Self, BindError> {
        let usual = settings.tls.as_ref().map(tls::load).transpose()?;
        let unarmed = |mode| usual.is_none() && mode != TlsMode::Off;
        if let Some(listener) = settings.listeners.iter().find(|l| unarmed(l.tls)) {
            return Err(BindError::NoCertificate { address: listener.address });
        }
        let mut by_client_ca = HashMap::new();
        for (path, files) in settings.own_client_cas() {
            by_client_ca.insert(path, tls::load(&files)?);
        }
        let path = settings.spill_dir.clone();
        std::fs::create_dir_all(&path)
            .and_then(|()| tempfile::tempfile_in(&path))
            .map_err(|source| BindError::Spill { path, source })?;
        let calm = machine(&settings);
        let pressed = server::Settings {
            command_timeout: calm.command_timeout.min(PRESSED_TIMEOUT),
            data_timeout: calm.data_timeout.min(PRESSED_TIMEOUT),
            ..calm.clone()
        };
        let (calm, pressed) = (Arc::new(calm), Arc::new(pressed));
        Ok(Self { settings, usual, by_client_ca, calm, pressed })
    }

    /// For a listener with this client CA of its own; `None`: there is no such thing any more.
    pub(crate) fn tls(&self, client_ca: Option<&Path>) -> Option<Tls> {
        match client_ca {
            None => self.usual.clone(),
            Some(path) => self.by_client_ca.get(path).cloned(),
        }
    }

    /// Limits of a session that begins while `open` are open.
    pub(crate) fn machine(&self, open: usize) -> Arc<server::Settings> {
        let scarce = open > self.settings.limits.connections / 5 * 4;
        if scarce { self.pressed.clone() } else { self.calm.clone() }
    }
}

fn machine(settings: &Settings) -> server::Settings {
    let Limits {
        message_bytes,
        recipients_per_message,
        messages_per_connection,
        errors_per_connection,
        idle_commands_per_connection,
        failed_logins_per_connection,
        command_line_bytes,
        command_timeout,
        data_timeout,
        data_bytes_per_second_min,
        ..
    } = settings.limits;
    server::Settings {
        hostname: settings.hostname.clone(),
        auth: settings.auth,
        message_bytes,
        recipients_per_message,
        messages_per_session: messages_per_connection,
        errors_per_session: errors_per_connection,
        idle_commands_per_session: idle_commands_per_connection,
        failed_logins_per_session: failed_logins_per_connection,
        command_line_bytes,
        command_timeout,
        data_timeout,
        data_bytes_per_second_min,
    }
}

/// Four fifths of all places taken: whoever says nothing for this long makes room.
const PRESSED_TIMEOUT: Duration = Duration::from_secs(20);
