//! Everything measured of a message, once: what rules found and what the engine needs, in at most a
//! kilobyte or so. The octets are not needed again, neither to judge nor to replay.

use postern_mail::{Address, Envelope};
use serde::{Deserialize, Serialize};

use crate::Settings;
use crate::mime::{self, Anomaly, Structure};
use crate::rules::{self, Sight};
use crate::settings::RuleMode;
use crate::sketch::Sketch;
use crate::text::{self, registered_domain};

/// Version of the record; another one is not compared.
const VERSION: u16 = 1;

/// Everything measured of a message's octets and envelope.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Version of this record.
    pub version: u16,
    /// Octets of the whole message.
    pub size: u64,
    /// Display name of the first `From`, cut to 80 characters.
    pub from_name: String,
    /// Domain of the first `From`, in lower case.
    pub from_domain: Option<String>,
    /// Domains of all addresses in all `From` and `Sender` fields, each once, at most
    /// [`FROM_DOMAINS_MAX`]: readers differ in which one they show.
    pub from_domains: Vec<String>,
    /// `Date` in seconds since 1970.
    pub date: Option<u64>,
    /// What the header says about the kind of mail.
    pub marks: Marks,
    /// Registered domains of links, each once, at most [`LINK_DOMAINS_MAX`].
    pub link_domains: Vec<String>,
    /// Registered domains that are the sender's own: of `From` and of the envelope.
    own_domains: Vec<String>,
    /// What is odd about the structure.
    pub anomalies: Vec<Anomaly>,
    /// Content rules that hit.
    pub findings: Vec<Finding>,
    /// For campaigns; `None` where there is too little text.
    pub sketch: Option<Sketch>,
    /// All recipients are desks that take reports of abuse.
    pub to_abuse_desks: bool,
    /// Share of recipients of one domain that follow each other in alphabetical order, in percent;
    /// 0 where there are too few.
    pub ordered_percent: u32,
    /// Identity fields that came with the message although no trusted peer wrote them. Set by
    /// whoever derived the identity.
    pub forged_identity: u32,
}

/// What the header says about the kind of mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Marks {
    /// `List-Id`.
    pub list: bool,
    /// `List-Unsubscribe` or `Precedence: bulk` and the like.
    pub bulk: bool,
    /// `Auto-Submitted` other than `no`, or what vacation programs write.
    pub automatic: bool,
    /// An automatic answer to a message.
    pub reply: bool,
    /// `multipart/report`.
    pub report: bool,
    /// `DKIM-Signature`.
    pub signed: bool,
    /// `Received` fields.
    pub received: u16,
    /// `Delivered-To`, `X-Forwarded-To` or `Resent-From`: it was in a mailbox before.
    pub delivered: bool,
    /// The envelope's sender was rewritten by a forwarder (SRS, BATV-like tags do not count).
    pub rewritten: bool,
}

/// A content rule that hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its id.
    pub rule: String,
    /// The reason with its figures.
    pub why: String,
}

/// Link domains that are kept.
const LINK_DOMAINS_MAX: usize = 10;
/// Characters of a name that are kept, and of a finding's reason.
const NAME_CHARS_MAX: usize = 80;
const WHY_CHARS_MAX: usize = 160;

impl Facts {
    /// Whether a link's registered domain is the sender's own.
    pub(crate) fn is_own_link(&self, domain: &str) -> bool {
        self.own_domains.iter().any(|own| own == domain)
    }
}

/// Measures a message. `head` holds its first octets, all of them where it is small. Bounded in
/// time and memory by [`crate::Budget`], and never panics, whatever the octets.
pub fn examine(head: &[u8], size: u64, envelope: &Envelope, settings: &Settings) -> Facts {
    let budget = &settings.budget;
    let mut structure = mime::walk(head, budget);
    let octets = &head[..head.len().min(budget.octets)];
    let reading = text::read(octets, &mut structure, budget);
    let header = &structure.header;
    let from = header.first(octets, "from").and_then(|value| mime::parse_address(&value));
    let (from_name, from_address) = from.unwrap_or_default();
    let mut facts = Facts {
        version: VERSION,
        size,
        from_name: from_name.chars().take(NAME_CHARS_MAX).collect(),
        from_domain: domain_of(&from_address),
        from_domains: from_domains(octets, &structure),
        date: header.first(octets, "date").and_then(|value| mime::parse_date(&value)),
        marks: marks(octets, &structure, envelope),
        sketch: Sketch::of(&reading.subject, &reading.main),
        to_abuse_desks: !envelope.recipients.is_empty()
            && envelope.recipients.iter().all(|r| is_abuse_desk(&r.address)),
        ordered_percent: ordered_percent(envelope),
        ..Facts::default()
    };
    let envelope_domain = envelope.mail_from.as_ref().map(|a| a.domain().to_lowercase());
    for domain in facts.from_domain.iter().chain(&envelope_domain) {
        let own = registered_domain(domain).to_owned();
        if !facts.own_domains.contains(&own) {
            facts.own_domains.push(own);
        }
    }
    for link in &reading.links {
        let domain = link.domain();
        if facts.link_domains.len() < LINK_DOMAINS_MAX
            && !facts.link_domains.iter().any(|known| known == domain)
        {
            facts.link_domains.push(domain.to_owned());
        }
    }
    facts.findings = findings(
        &Sight {
            octets,
            structure: &structure,
            reading: &reading,
            facts: &facts,
            heads: rules::Heads::of(&reading.folded),
        },
        settings,
    );
    facts.anomalies = structure.anomalies;
    facts
}

fn findings(sight: &Sight<'_>, settings: &Settings) -> Vec<Finding> {
    let mut found = Vec::new();
    for rule in rules::CONTENT {
        if settings.rule(rule.rule.id).mode == RuleMode::Off {
            continue;
        }
        if let Some(why) = (rule.look)(sight) {
            let why = why.chars().map(|c| if c.is_control() { '?' } else { c });
            let why = why.take(WHY_CHARS_MAX).collect();
            found.push(Finding { rule: rule.rule.id.to_owned(), why });
        }
    }
    found
}

/// Found by hand, since any reader's view may be the one that deceives: comments are left out, and
/// whatever follows an `@` is a domain.
fn from_domains(octets: &[u8], structure: &Structure) -> Vec<String> {
    let header = &structure.header;
    let mut found: Vec<String> = Vec::new();
    let values = header.all(octets, "from").chain(header.all(octets, "sender"));
    for value in values.take(FROM_DOMAINS_MAX) {
        let mut depth = 0_u32;
        let plain: String = value
            .chars()
            .filter(|c| {
                match c {
                    '(' => depth += 1,
                    ')' if depth > 0 => {
                        depth -= 1;
                        return false;
                    }
                    _ => {}
                }
                depth == 0 && !c.is_whitespace()
            })
            .collect();
        for after in plain.split('@').skip(1) {
            let end = after.find(|c: char| !c.is_alphanumeric() && c != '.' && c != '-');
            let domain = domain_of(&format!("@{}", &after[..end.unwrap_or(after.len())]));
            if let Some(domain) = domain
                && !found.contains(&domain)
                && found.len() < FROM_DOMAINS_MAX
            {
                found.push(domain);
            }
        }
    }
    found
}

/// RFC 5322 §3.6.2 allows several authors; real mail has one or two.
const FROM_DOMAINS_MAX: usize = 8;

fn domain_of(address: &str) -> Option<String> {
    let (_, domain) = address.rsplit_once('@')?;
    let domain = domain.trim().trim_end_matches('.').to_lowercase();
    (!domain.is_empty() && domain.len() <= DOMAIN_OCTETS_MAX).then_some(domain)
}

/// RFC 5321 §4.5.3.1.2.
const DOMAIN_OCTETS_MAX: usize = 255;

fn marks(octets: &[u8], structure: &Structure, envelope: &Envelope) -> Marks {
    let header = &structure.header;
    let value = |name: &str| header.first(octets, name).unwrap_or_default().to_ascii_lowercase();
    let precedence = value("precedence");
    let auto = value("auto-submitted");
    let automatic = !auto.is_empty() && !auto.starts_with("no");
    let top = structure.multiparts.first();
    let report = top.is_some_and(|kind| kind.is("multipart", "report"));
    let vacation = header.has(octets, "x-autoreply") || header.has(octets, "x-autorespond");
    let rewritten = envelope.mail_from.as_ref().is_some_and(|from| {
        let local = from.local().to_ascii_lowercase();
        ["srs0=", "srs1=", "srs0+", "srs0-", "srs1+", "srs1-"].iter().any(|s| local.starts_with(s))
    });
    Marks {
        list: header.has(octets, "list-id"),
        bulk: header.has(octets, "list-unsubscribe")
            || ["bulk", "list", "junk"].contains(&precedence.as_str()),
        automatic: automatic || vacation,
        reply: !report && (auto.starts_with("auto-replied") || vacation),
        report,
        signed: header.has(octets, "dkim-signature"),
        received: header.all(octets, "received").count().min(usize::from(u16::MAX)) as u16,
        delivered: ["delivered-to", "x-forwarded-to", "resent-from", "x-forwarded-for"]
            .iter()
            .any(|name| header.has(octets, name)),
        rewritten,
    }
}

/// RFC 2142 §4 and what CERTs and consumer offices use besides.
fn is_abuse_desk(address: &Address) -> bool {
    let local = address.local().to_ascii_lowercase();
    const DESKS: [&str; 12] = [
        "abuse",
        "cert",
        "csirt",
        "phishing",
        "phish",
        "spam",
        "report",
        "fraud",
        "security",
        "soc",
        "certbund",
        "postmaster",
    ];
    DESKS.iter().any(|desk| {
        local
            .strip_prefix(desk)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '+']))
    })
}

fn ordered_percent(envelope: &Envelope) -> u32 {
    let all = &envelope.recipients;
    if all.len() < ORDERED_MIN {
        return 0;
    }
    let ordered = all.windows(2).filter(|pair| {
        let (a, b) = (&pair[0].address, &pair[1].address);
        // With and without the `@` at the end: programs sort either way.
        a.domain().eq_ignore_ascii_case(b.domain())
            && (a.local() < b.local() || a.as_str() < b.as_str())
    });
    (ordered.count() * 100 / (all.len() - 1)) as u32
}

/// Ten people in alphabetical order by accident: one in three million.
const ORDERED_MIN: usize = 10;
