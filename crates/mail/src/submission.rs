//! One message as it came in: what the engine judges, beside the facts of its content.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Envelope, Identity, MessageId, Timestamp};

/// A message with its envelope and identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Its id.
    pub id: MessageId,
    /// When its last octet was received.
    pub received_at: Timestamp,
    /// Who sends.
    pub identity: Identity,
    /// Over which connection.
    pub client: Client,
    /// From whom to whom.
    pub envelope: Envelope,
    /// Its size in octets, as received.
    pub size: u64,
}

/// The other end of the connection, after PROXY and XCLIENT of those who may use them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its address.
    pub ip: IpAddr,
    /// What it said in EHLO or HELO; hostile text.
    pub helo: String,
    /// Whether the session was encrypted.
    pub tls: bool,
    /// Whether it spoke ESMTP.
    pub esmtp: bool,
    /// Whether it is a mail server that keeps and retries what is answered 4xx, as far as is known.
    /// A script or program is paced, never deferred.
    pub queues: bool,
}
