//! What an upstream offers in its EHLO reply (RFC 5321 §4.1.1.1).

/// Extensions that matter for handing mail on. Unknown keywords are skipped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offers {
    /// Commands may follow each other unanswered (RFC 2920).
    pub pipelining: bool,
    /// `SIZE=` may be said at MAIL (RFC 1870).
    pub size: bool,
    /// `BODY=8BITMIME` may be said (RFC 6152).
    pub eight_bit: bool,
    /// `BODY=BINARYMIME` may be said (RFC 3030).
    pub binary: bool,
    /// BDAT (RFC 3030).
    pub chunking: bool,
    /// Addresses and headers beyond ASCII (RFC 6531).
    pub smtputf8: bool,
    /// NOTIFY, ORCPT, RET, ENVID (RFC 3461).
    pub dsn: bool,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// REQUIRETLS (RFC 8689).
    pub require_tls: bool,
}

impl Offers {
    /// From the lines of the reply without codes; the first one is the greeting.
    pub(super) fn read<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut offers = Self::default();
        for line in lines.skip(1) {
            let keyword = line.split(|octet| matches!(octet, b' ' | b'=')).next().unwrap_or(line);
            if let Some(offer) = offers.keyword(&keyword.to_ascii_uppercase()) {
                *offer = true;
            }
        }
        offers
    }

    /// BINARYMIME is of no use without BDAT.
    pub fn takes_binary(&self) -> bool {
        self.binary && self.chunking
    }

    fn keyword(&mut self, keyword: &[u8]) -> Option<&mut bool> {
        Some(match keyword {
            b"PIPELINING" => &mut self.pipelining,
            b"SIZE" => &mut self.size,
            b"8BITMIME" => &mut self.eight_bit,
            b"BINARYMIME" => &mut self.binary,
            b"CHUNKING" => &mut self.chunking,
            b"SMTPUTF8" => &mut self.smtputf8,
            b"DSN" => &mut self.dsn,
            b"STARTTLS" => &mut self.starttls,
            b"REQUIRETLS" => &mut self.require_tls,
            _ => return None,
        })
    }
}
