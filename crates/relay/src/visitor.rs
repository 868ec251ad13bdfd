//! One connection, as far as the relay knows it.

use std::net::IpAddr;

use postern_mail::{Client, Method};
use postern_smtp::{Connection, Secured, Xclient};

use crate::identify::Evidence;

/// What a connection has shown so far; the gate writes it down.
pub(crate) struct Visitor {
    connection: Connection,
    pub(crate) helo: String,
    pub(crate) esmtp: bool,
    pub(crate) secured: Option<Secured>,
    pub(crate) login: Option<String>,
    pub(crate) xclient: Option<Xclient>,
}

impl Visitor {
    /// A connection that has said nothing yet.
    pub(crate) fn new(connection: &Connection) -> Self {
        Self {
            connection: connection.clone(),
            helo: String::new(),
            esmtp: false,
            secured: None,
            login: None,
            xclient: None,
        }
    }

    /// What identity is derived from, before the message.
    pub(crate) fn evidence(&self) -> Evidence<'_> {
        Evidence {
            peer: self.connection.client.ip(),
            auth: self.login.as_deref(),
            certificate: self.secured.as_ref().and_then(|tls| tls.certificate.as_deref()),
            xclient: self.xclient.as_ref().map(|x| x.login.as_deref()),
        }
    }

    /// The client, as a trusted peer named it, else as the socket has it.
    pub(crate) fn client_ip(&self) -> IpAddr {
        let named = self.xclient.as_ref().and_then(|x| x.addr);
        named.unwrap_or_else(|| self.connection.client.ip()).to_canonical()
    }

    /// For `Received` and the engine.
    pub(crate) fn client(&self, method: Method) -> Client {
        let named = self.xclient.as_ref();
        let helo = named.and_then(|x| x.helo.clone().or_else(|| x.name.clone()));
        Client {
            ip: self.client_ip(),
            helo: helo.unwrap_or_else(|| self.helo.clone()),
            tls: self.secured.is_some(),
            esmtp: self.esmtp,
            queues: method.is_server(),
        }
    }

    /// The login that authenticated here, or that a trusted peer named.
    pub(crate) fn login(&self) -> Option<&str> {
        let named = self.xclient.as_ref().and_then(|x| x.login.as_deref());
        self.login.as_deref().or(named)
    }

    /// Whether it logged in here (`ESMTPSA`).
    pub(crate) fn is_authenticated(&self) -> bool {
        self.login.is_some()
    }
}
