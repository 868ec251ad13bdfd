//! Figures about what surrounds a stream: places, recipients, others' mail, the engine's own costs.

use std::time::Duration;

/// One login from many places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks {
    /// Time over which places are counted. Ten minutes: nobody travels through five networks in it.
    pub span: Duration,
    /// Unfamiliar networks (IPv4 /16, IPv6 /32) in `span` from which a login is suspect. Five: home,
    /// office, phone and a VPN are four.
    pub many: u32,
    /// Messages to strangers in 60 seconds past which mail from an unfamiliar network is held back.
    /// Five: who travels writes letters, one after the other.
    pub burst: u32,
    /// Unrelated customers' logins from one foreign address in a day from which the address is
    /// suspect. Three: an agency or an office shares an address between two.
    pub shared_logins: u32,
}

impl Default for Networks {
    fn default() -> Self {
        Self { span: Duration::from_secs(600), many: 5, burst: 5, shared_logins: 3 }
    }
}

/// One recipient, many customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bombing {
    /// Time over which customers are counted.
    pub span: Duration,
    /// Customers whose sites write to one stranger in `span`, from which he is being bombed. 20: who
    /// signs up in earnest does so at a few sites in half an hour.
    pub customers: u32,
    /// One automatic message to him passes in this time.
    pub gap: Duration,
    /// So many may wait for him; further ones are refused.
    pub waiting_max: u32,
}

impl Default for Bombing {
    fn default() -> Self {
        Self {
            span: Duration::from_secs(1800),
            customers: 20,
            gap: Duration::from_secs(60),
            waiting_max: 30,
        }
    }
}

/// Automatic replies and reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notices {
    /// Automatic replies of one origin to different recipients in an hour; further ones are refused.
    /// 60: a busy mailbox has a stranger's letter a minute, a flood of forged ones has many.
    pub replies_hour: u32,
    /// The same in a day.
    pub replies_day: u32,
    /// One automatic reply to one recipient in this time (RFC 3834 §2 asks for a week; a day is what
    /// its own program may not know of).
    pub reply_gap: Duration,
    /// Delivery reports of one origin in an hour, past which they are paced.
    pub reports_hour: u32,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            replies_hour: 60,
            replies_day: 250,
            reply_gap: Duration::from_secs(86_400),
            reports_hour: 2000,
        }
    }
}

/// Messages that are nearly the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaigns {
    /// Likeness of two messages' sketches from which they are of one campaign, in percent of their
    /// words. 28: variants of one template share a third, letters of one language a twentieth.
    pub alike_percent: u32,
    /// Young contracts with one text from which it is suspect. Five: an agency sets up a handful of
    /// sites, but as one reseller's customers, who count once.
    pub young_contracts: u32,
    /// Campaigns remembered; the one longest unseen goes first.
    pub kept_max: u32,
    /// Quarantined messages of a campaign from which its later ones are suspect everywhere.
    pub condemned_messages: u32,
    /// How long a verdict of a person holds.
    pub verdict: Duration,
}

impl Default for Campaigns {
    fn default() -> Self {
        Self {
            alike_percent: 28,
            young_contracts: 5,
            kept_max: 200_000,
            condemned_messages: 3,
            verdict: Duration::from_secs(14 * 86_400),
        }
    }
}

/// After an outage, and when everybody deviates at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flush {
    /// After the upstreams come back, limits of mail that was written during the outage are multiplied
    /// by this, for as long as the outage lasted.
    pub factor: u32,
    /// At least so long after an outage.
    pub span_min: Duration,
    /// Customers newly held within five minutes, from which the cause is not theirs and speed alone
    /// holds nobody back. 30: hacks by one hole come in waves, but not by the dozen in minutes.
    pub customers_at_once: u32,
}

impl Default for Flush {
    fn default() -> Self {
        Self { factor: 10, span_min: Duration::from_secs(900), customers_at_once: 30 }
    }
}

/// What examining one message may cost. Reaching one is a fact, never an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Octets looked at: text stands at the top, attachments are known by their first octets.
    pub octets: usize,
    /// Nested parts. Mail programs nest four or five deep.
    pub depth: usize,
    /// Parts in all.
    pub parts: usize,
    /// Octets of a header block, Postfix's and Sendmail's order of size.
    pub header_octets: usize,
    /// Octets of one header field that are read.
    pub field_octets: usize,
    /// Header fields.
    pub fields: usize,
    /// Octets of decoded text that are read.
    pub text_octets: usize,
    /// Links that are kept.
    pub links: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            octets: 512 * 1024,
            depth: 16,
            parts: 1000,
            header_octets: 64 * 1024,
            field_octets: 8 * 1024,
            fields: 1000,
            text_octets: 64 * 1024,
            links: 100,
        }
    }
}

/// What the engine remembers, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// How long a recipient stays known. 90 days: a quarterly letter finds its readers known.
    pub recipients: Duration,
    /// Recipients remembered of one customer; the longest unseen go first.
    pub recipients_max: u32,
    /// Origins remembered of one customer.
    pub origins_max: u32,
    /// Messages remembered for later news of them.
    pub messages_max: u32,
    /// Closed or open cases remembered.
    pub cases_max: u32,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            recipients: Duration::from_secs(90 * 86_400),
            recipients_max: 100_000,
            origins_max: 2000,
            messages_max: 500_000,
            cases_max: 10_000,
        }
    }
}
