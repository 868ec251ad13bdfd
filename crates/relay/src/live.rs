//! What a reload replaces as a whole: the config and the files that it names.

use std::path::Path;
use std::sync::Arc;

use postern_config::{Config, Errors, Passwords, PeerIdentity, Purpose, Unknown};
use postern_mail::{Directory, NetworkMap};

use crate::identify::Identify;

/// Config, customers, passwords and peers that belong together.
pub struct Live {
    /// The file's values.
    pub config: Config,
    /// The customers.
    pub directory: Arc<Directory>,
    /// Stored hashes by login.
    pub passwords: Passwords,
    /// How a peer names the customer.
    pub peers: NetworkMap<PeerIdentity>,
    /// Fields in which peers name customers.
    pub identity_fields: Vec<String>,
}

impl Live {
    /// Reads everything, or says everything that is wrong.
    pub fn load(path: &Path, purpose: Purpose) -> Result<Self, Errors> {
        let config = postern_config::load(path, purpose)?;
        let customers = &config.customers;
        let directory = match &customers.directory {
            Some(file) => Arc::new(postern_config::load_directory(file)?),
            None => Arc::default(),
        };
        let passwords = match (&customers.passwords, purpose) {
            (Some(file), Purpose::Serve) => postern_config::load_passwords(file)?,
            _ => Passwords::default(),
        };
        let mut peers = NetworkMap::default();
        let mut identity_fields = Vec::new();
        for peer in &config.peers {
            for network in &peer.networks {
                peers.insert(*network, peer.identity.clone());
            }
            if let PeerIdentity::Header(name) = &peer.identity {
                identity_fields.push(name.clone());
            }
        }
        Ok(Self { config, directory, passwords, peers, identity_fields })
    }

    /// What identity is looked up in.
    pub(crate) fn identify(&self) -> Identify<'_> {
        let Self { peers, identity_fields: names, directory, .. } = self;
        Identify { peers, names, directory }
    }

    /// Whether nobody's mail is refused.
    pub(crate) fn refuses_unknown(&self) -> bool {
        self.config.customers.unknown == Unknown::Refuse
    }
}
