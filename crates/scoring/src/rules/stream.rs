//! Rules over a stream and its surroundings: what the engine measures, listed like any other rule.

use super::{Family, Rule};

const fn rule(id: &'static str, family: Family, hundredths: i32, about: &'static str) -> Rule {
    Rule { id, family, hundredths, about }
}

pub(crate) const BURST_NEW_RECIPIENTS: Rule = rule(
    "BURST_NEW_RECIPIENTS",
    Family::Behaviour,
    200,
    "More recipients never seen before within a minute than the stream's limit, and they are the \
     larger share: fast and new. The stream is held back.",
);
pub(crate) const NEW_RECIPIENTS_HOUR: Rule = rule(
    "NEW_RECIPIENTS_HOUR",
    Family::Behaviour,
    200,
    "More recipients never seen before within an hour than tier and own past let expect. Where \
     they are the larger share, the stream is held back.",
);
pub(crate) const RECIPIENTS_RATE: Rule = rule(
    "RECIPIENTS_RATE",
    Family::Behaviour,
    100,
    "More different recipients within an hour or a day than the limit; mail is paced.",
);
pub(crate) const NEW_ORIGIN: Rule = rule(
    "NEW_ORIGIN",
    Family::Identity,
    150,
    "A script or login first seen within a day, of a customer known for longer.",
);
pub(crate) const ODD_SCRIPT: Rule = rule(
    "ODD_SCRIPT",
    Family::Identity,
    250,
    "The script lies where site software keeps no programs that mail: uploads, caches, themes' \
     assets, hidden or temporary folders.",
);
pub(crate) const NEW_NETWORK: Rule = rule(
    "NEW_NETWORK",
    Family::Identity,
    150,
    "The login is used from a network never seen with it. Phones and journeys do that daily.",
);
pub(crate) const MANY_NETWORKS: Rule = rule(
    "MANY_NETWORKS",
    Family::Identity,
    500,
    "One login from more unfamiliar networks within minutes than a person can be in.",
);
pub(crate) const SHARED_ADDRESS: Rule = rule(
    "SHARED_ADDRESS",
    Family::Identity,
    250,
    "One foreign address uses the logins of several unrelated customers.",
);
pub(crate) const FORGED_IDENTITY: Rule = rule(
    "FORGED_IDENTITY",
    Family::Identity,
    300,
    "The message carries a field that only a trusted peer may write: it tries to pass as another's.",
);
pub(crate) const CUSTOMER_CASE: Rule = rule(
    "CUSTOMER_CASE",
    Family::Identity,
    200,
    "A new sender of a customer of whom another sender is under an open case.",
);
pub(crate) const FOREIGN_TENANT: Rule = rule(
    "FOREIGN_TENANT",
    Family::Identity,
    1000,
    "From is in a domain of another hosted customer, who has nothing to do with this one.",
);
pub(crate) const RECIPIENT_FEEDBACK: Rule = rule(
    "RECIPIENT_FEEDBACK",
    Family::Feedback,
    1200,
    "What became of mail to recipients never mailed before: unknown users, refusals as spam and \
     complaints against deliveries, as a running sum that forgets.",
);
pub(crate) const VERDICT_SPAM: Rule = rule(
    "VERDICT_SPAM",
    Family::Feedback,
    1000,
    "A person condemned this campaign or mail of this sender.",
);
pub(crate) const CAMPAIGN_YOUNG: Rule = rule(
    "CAMPAIGN_YOUNG",
    Family::Campaign,
    250,
    "One text from many young contracts that have nothing to do with each other.",
);
pub(crate) const CAMPAIGN_CONDEMNED: Rule = rule(
    "CAMPAIGN_CONDEMNED",
    Family::Campaign,
    400,
    "Nearly the same as mail that is in quarantine already.",
);
pub(crate) const CAMPAIGN_FEEDBACK: Rule = rule(
    "CAMPAIGN_FEEDBACK",
    Family::Feedback,
    1200,
    "What became of this campaign's mail, whoever sent it.",
);
pub(crate) const DICTIONARY: Rule = rule(
    "DICTIONARY_RECIPIENTS",
    Family::Recipients,
    300,
    "Many strangers of one domain in alphabetical order: a list, not people.",
);
pub(crate) const RECIPIENT_BOMBED: Rule = rule(
    "RECIPIENT_BOMBED",
    Family::Recipients,
    100,
    "Automatic mail of many customers to one stranger: somebody enters his address everywhere.",
);
pub(crate) const REPLY_REPEATED: Rule = rule(
    "REPLY_REPEATED",
    Family::Behaviour,
    100,
    "A second automatic reply to the same recipient within a day.",
);
pub(crate) const REPLY_FLOOD: Rule = rule(
    "REPLY_FLOOD",
    Family::Behaviour,
    100,
    "More automatic replies than letters that a mailbox gets: they answer forged senders.",
);
pub(crate) const FORWARDED_SPAM: Rule = rule(
    "FORWARDED_SPAM",
    Family::Content,
    0,
    "Forwarded mail whose content alone is beyond doubt; the forwarder keeps the original.",
);
pub(crate) const SUSPENDED: Rule =
    rule("SUSPENDED", Family::Identity, 0, "The sender is suspended, by a person or under a case.");
pub(crate) const STREAM_HELD: Rule =
    rule("STREAM_HELD", Family::Behaviour, 0, "The stream is held back already.");

/// All stream rules.
pub(crate) const STREAM: &[Rule] = &[
    BURST_NEW_RECIPIENTS,
    NEW_RECIPIENTS_HOUR,
    RECIPIENTS_RATE,
    NEW_ORIGIN,
    ODD_SCRIPT,
    NEW_NETWORK,
    MANY_NETWORKS,
    SHARED_ADDRESS,
    FORGED_IDENTITY,
    CUSTOMER_CASE,
    FOREIGN_TENANT,
    RECIPIENT_FEEDBACK,
    VERDICT_SPAM,
    CAMPAIGN_YOUNG,
    CAMPAIGN_CONDEMNED,
    CAMPAIGN_FEEDBACK,
    DICTIONARY,
    RECIPIENT_BOMBED,
    REPLY_REPEATED,
    REPLY_FLOOD,
    FORWARDED_SPAM,
    SUSPENDED,
    STREAM_HELD,
];
