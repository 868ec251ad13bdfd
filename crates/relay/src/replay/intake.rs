//! A message of a trace, as the front end would have got it.

use anyhow::{Context, ensure};
use base64::Engine as _;
use postern_config::Mode;
use postern_mail::{
    Client, Decision, Envelope, Hit, Lane, MessageId, Method, Points, Recipient, Submission,
    Timestamp, Verb,
};
use postern_scoring::{Act, examine};

use super::drive::{Drive, Item, Stands};
use super::trace::Message;
use crate::identify::{Evidence, Found, identify};
use crate::replies;

impl Drive<'_> {
    pub(super) fn message(&mut self, message: Message, at: Timestamp) -> anyhow::Result<()> {
        let octets = self.octets(&message)?;
        let client = &message.client;
        let evidence = Evidence {
            peer: client.ip,
            auth: client.auth.as_deref(),
            certificate: client.cert.as_deref(),
            xclient: client.xclient.as_ref().map(|x| x.login.as_deref()),
        };
        let Found { identity, forged, .. } = identify(&self.live.identify(), &evidence, &octets);
        let envelope = envelope(&message)?;
        let n = self.items.len();
        let id = MessageId::new(at, n as u32);
        let submission = Submission {
            id,
            received_at: at,
            client: self.client(&message, identity.method),
            identity,
            envelope,
            size: octets.len() as u64,
        };
        let (decision, acts) = self.judge(&submission, &octets, forged, at);
        let observes = self.live.config.mode == Mode::Observe;
        let verb = if observes { Verb::Forward } else { decision.verb };
        let (stands, reply) = match verb {
            Verb::Forward => (Stands::Paced, replies::queued(id)),
            Verb::Pace => (Stands::Paced, replies::queued(id)),
            Verb::Hold => (Stands::Held, replies::queued(id)),
            Verb::Quarantine => (Stands::Quarantined, replies::queued(id)),
            Verb::Refuse => (Stands::Refused, replies::refused(id, &decision)),
            Verb::Defer => (Stands::Deferred, replies::deferred(id, &decision)),
        };
        if let Some(batch) = &decision.batch {
            self.batches.entry(batch.clone()).or_default().push(n);
        }
        if let Some(campaign) = &decision.campaign {
            self.campaigns.entry(campaign.clone()).or_default().push(n);
        }
        let until = decision.until;
        ensure!(
            self.by_name.insert(message.id.clone(), n).is_none(),
            "message {:?} stands twice",
            message.id
        );
        self.by_id.insert(id, n);
        self.items.push(Item {
            name: message.id,
            id,
            at,
            identity: submission.identity,
            recipients: message.rcpt_to,
            answers: message.upstream,
            decision,
            reply,
            stands,
        });
        self.carry_out(acts, at);
        match verb {
            Verb::Forward => self.hand_over(n, at),
            Verb::Pace | Verb::Hold => self.schedule(n, until.unwrap_or(at)),
            Verb::Quarantine | Verb::Refuse | Verb::Defer => {}
        }
        Ok(())
    }

    fn judge(
        &mut self,
        submission: &Submission,
        octets: &[u8],
        forged: usize,
        at: Timestamp,
    ) -> (Decision, Vec<Act>) {
        if submission.identity.customer.is_none() && self.live.refuses_unknown() {
            let hit = Hit {
                rule: "UNKNOWN_IDENTITY".into(),
                points: Points::default(),
                why: "neither login nor address nor a trusted peer names a customer".to_owned(),
            };
            let text = "This host may not send mail here".to_owned();
            let decision = Decision {
                verb: Verb::Refuse,
                hits: vec![hit],
                text: Some(text),
                ..Decision::forward(Lane::Mailbox)
            };
            return (decision, Vec::new());
        }
        let settings = &self.live.config.scoring;
        let mut facts = examine(octets, submission.size, &submission.envelope, settings);
        facts.forged_identity = forged as u32;
        let judged = self.engine.judge(submission, &facts, at);
        (judged.decision, judged.acts)
    }

    fn octets(&self, message: &Message) -> anyhow::Result<Vec<u8>> {
        match (&message.raw, &message.raw_b64, &message.file) {
            (Some(raw), None, None) => Ok(raw.replace('\n', "\r\n").into_bytes()),
            (None, Some(coded), None) => {
                let engine = base64::engine::general_purpose::STANDARD;
                engine.decode(coded).context("`raw_b64` is no base64")
            }
            (None, None, Some(file)) => {
                let path = self.folder.join(file);
                std::fs::read(&path).with_context(|| format!("{}: cannot be read", path.display()))
            }
            _ => anyhow::bail!("a message has exactly one of `raw`, `raw_b64` and `file`"),
        }
    }

    /// The client as a trusted peer named it, as `serve` does.
    fn client(&self, message: &Message, method: Method) -> Client {
        let line = &message.client;
        let named = line.xclient.as_ref().filter(|_| method == Method::Xclient);
        let named = named.and_then(|x| x.addr.as_deref()?.parse().ok());
        Client {
            ip: named.unwrap_or(line.ip),
            helo: line.helo.clone(),
            tls: line.tls,
            esmtp: true,
            queues: method.is_server(),
        }
    }
}

fn envelope(message: &Message) -> anyhow::Result<Envelope> {
    let address =
        |text: &String| text.parse().with_context(|| format!("{text:?} is no mail address"));
    let recipients: anyhow::Result<Vec<_>> =
        message.rcpt_to.iter().map(|text| Ok(Recipient::new(address(text)?))).collect();
    let recipients = recipients?;
    ensure!(!recipients.is_empty(), "message {:?} has no recipient", message.id);
    let mail_from = match message.mail_from.as_str() {
        "" => None,
        _ => Some(address(&message.mail_from)?),
    };
    Ok(Envelope { mail_from, recipients, ..Envelope::default() })
}
