//! The envelope: who it is from and to, and the parameters that must travel on (RFC 5321 §2.3.1,
//! RFC 3461, RFC 6152, RFC 3030, RFC 6531, RFC 8689).

use serde::{Deserialize, Serialize};

use crate::Address;

/// A transaction's sender and recipients with their ESMTP parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Envelope {
    /// `None` is the null sender `<>`.
    pub mail_from: Option<Address>,
    /// In the order of the RCPT commands.
    pub recipients: Vec<Recipient>,
    /// `BODY=`; what it says, not what the octets are.
    pub body: BodyKind,
    /// `SMTPUTF8` was given.
    pub smtputf8: bool,
    /// `REQUIRETLS` was given.
    pub require_tls: bool,
    /// `RET=`: how much of the message a bounce returns.
    pub dsn_return: Option<DsnReturn>,
    /// `ENVID=` as it came, in xtext.
    pub dsn_envid: Option<String>,
}

/// One RCPT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Where to.
    pub address: Address,
    /// `NOTIFY=`; `None` when not given.
    pub dsn_notify: Option<DsnNotify>,
    /// `ORCPT=` as it came (`rfc822;` and xtext).
    pub dsn_orcpt: Option<String>,
}

impl Recipient {
    /// A recipient without DSN parameters.
    pub fn new(address: Address) -> Self {
        Self { address, dsn_notify: None, dsn_orcpt: None }
    }
}

/// `BODY=` of MAIL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum BodyKind {
    /// Not given or `7BIT`.
    #[default]
    SevenBit,
    /// `8BITMIME`.
    EightBit,
    /// `BINARYMIME`: may hold bare CR and LF, travels by BDAT only.
    Binary,
}

/// `RET=` of MAIL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DsnReturn {
    /// The whole message.
    Full,
    /// Its headers.
    Headers,
}

/// `NOTIFY=` of RCPT; all `false` is `NEVER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DsnNotify {
    /// Tell of a delivery.
    pub success: bool,
    /// Tell of a failure.
    pub failure: bool,
    /// Tell of a delay.
    pub delay: bool,
}
