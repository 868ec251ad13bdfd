//! Driving the engine through a trace, and keeping what the queue would keep.
//!
//! Time moves from event to event; timers of the engine, and mail whose time has come, go before an
//! event at the same instant, in order of their time.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine as _;
use postern_config::Mode;
use postern_mail::{
    BatchId, CampaignId, Client, CustomerId, Decision, Envelope, Hit, Identity, Lane, MessageId,
    Method, Recipient, Reply, Submission, Timestamp, Verb,
};
use postern_scoring::{Act, Engine, Lesson, examine};

use super::trace::{Answers, Event, Is, Message, Scope, Up, wall};
use crate::identify::{Evidence, Found, identify};
use crate::live::Live;
use crate::{feedback, replies};

/// The run of one trace.
pub(super) struct Drive<'a> {
    pub(super) live: &'a Live,
    folder: PathBuf,
    engine: Engine,
    starts: Timestamp,
    pub(super) items: Vec<Item>,
    by_name: HashMap<String, usize>,
    by_id: HashMap<MessageId, usize>,
    batches: HashMap<BatchId, Vec<usize>>,
    campaigns: HashMap<CampaignId, Vec<usize>>,
    /// When what goes: the second part keeps the order of equal times.
    due: BTreeMap<(Timestamp, u64), usize>,
    ticket: u64,
    up: bool,
    waiting: Vec<usize>,
}

/// A message and where it stands.
pub(super) struct Item {
    pub(super) name: String,
    id: MessageId,
    at: Timestamp,
    pub(super) identity: Identity,
    recipients: Vec<String>,
    answers: Option<Answers>,
    pub(super) decision: Decision,
    pub(super) reply: Reply,
    pub(super) stands: Stands,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// Goes at its time.
    Paced,
    Held,
    Quarantined,
    Forwarded(Timestamp),
    Refused,
    Deferred,
    Bounced,
}

impl<'a> Drive<'a> {
    pub(super) fn new(live: &'a Live, folder: &Path) -> Self {
        let settings = Arc::new(live.config.scoring.clone());
        Self {
            live,
            folder: folder.to_owned(),
            engine: Engine::new(settings, Arc::clone(&live.directory), KEY),
            starts: Timestamp::default(),
            items: Vec::new(),
            by_name: HashMap::new(),
            by_id: HashMap::new(),
            batches: HashMap::new(),
            campaigns: HashMap::new(),
            due: BTreeMap::new(),
            ticket: 0,
            up: true,
            waiting: Vec::new(),
        }
    }

    /// Seconds since the trace began.
    pub(super) fn seconds(&self, at: Timestamp) -> f64 {
        at.since(self.starts).as_millis() as f64 / 1000.0
    }

    /// One event.
    pub(super) fn take(&mut self, at: Timestamp, event: Event) -> anyhow::Result<()> {
        self.until(at);
        match event {
            Event::Trace { .. } => self.starts = at,
            Event::Message(message) => self.message(*message, at)?,
            Event::Feedback { message, rcpt, class, .. } => {
                let item = self.named(&message)?;
                if let Stands::Forwarded(_) = item.stands {
                    let message = item.id;
                    self.learn(&Lesson::Feedback { message, recipient: rcpt, class }, at);
                }
            }
            Event::Complaint { message, .. } => {
                let item = self.named(&message)?;
                if let Stands::Forwarded(_) = item.stands {
                    let message = item.id;
                    self.learn(&Lesson::Complaint { message }, at);
                }
            }
            Event::Verdict { message, is, scope, .. } => {
                let message = self.named(&message)?.id;
                let (spam, campaign) = (is == Is::Spam, scope == Scope::Campaign);
                self.learn(&Lesson::Verdict { message, spam, campaign }, at);
            }
            Event::Allowance { customer, recipients, from, until, .. } => {
                let lesson = Lesson::Allowance {
                    customer: CustomerId::new(customer),
                    recipients,
                    from: wall(self.starts, from)?,
                    until: wall(self.starts, until)?,
                };
                self.learn(&lesson, at);
            }
            Event::Upstream { state, .. } => self.upstream(state == Up::Up, at),
            Event::Restart { .. } => self.restart()?,
            Event::End | Event::Last { .. } => {}
        }
        Ok(())
    }

    /// Everything that is due by then, in order of time.
    fn until(&mut self, at: Timestamp) {
        loop {
            let engine = self.engine.due().filter(|due| *due <= at);
            let mail = self.due.first_key_value().map(|(key, item)| (*key, *item));
            let mail = mail.filter(|((due, _), _)| *due <= at);
            match (engine, mail) {
                (Some(due), Some(((other, _), _))) if due <= other => self.tick(due),
                (Some(due), None) => self.tick(due),
                (_, Some((key, item))) => {
                    self.due.remove(&key);
                    self.hand_over(item, key.0);
                }
                (None, None) => return,
            }
        }
    }

    fn tick(&mut self, at: Timestamp) {
        let acts = self.engine.tick(at);
        self.carry_out(acts, at);
    }

    fn learn(&mut self, lesson: &Lesson, at: Timestamp) {
        let acts = self.engine.learn(lesson, at);
        self.carry_out(acts, at);
    }

    fn named(&self, name: &str) -> anyhow::Result<&Item> {
        let item = self.by_name.get(name).and_then(|n| self.items.get(*n));
        item.with_context(|| format!("message {name:?} stands on no earlier line"))
    }

    fn message(&mut self, message: Message, at: Timestamp) -> anyhow::Result<()> {
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
                points: postern_mail::Points::default(),
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

    /// Gives a message to the upstreams, or keeps it until they are there.
    fn hand_over(&mut self, n: usize, at: Timestamp) {
        if !self.up {
            if let Some(item) = self.items.get_mut(n) {
                item.stands = Stands::Paced;
            }
            self.waiting.push(n);
            return;
        }
        let Some(item) = self.items.get_mut(n) else { return };
        let answers = item.answers.take();
        let (id, in_session) = (item.id, item.decision.verb == Verb::Forward && item.at == at);
        let mut lessons = Vec::new();
        if let Some(answers) = answers {
            let permanent = |code: u16| code / 100 == 5;
            let refused = |rcpt: &String| answers.rcpt.get(rcpt).filter(|a| permanent(a.code));
            let said = |code: u16, text: &str| Reply::plain(code, text.to_owned());
            let all =
                !item.recipients.is_empty() && item.recipients.iter().all(|r| refused(r).is_some());
            let whole = if permanent(answers.code) {
                Some(said(answers.code, &answers.text))
            } else {
                item.recipients
                    .iter()
                    .find_map(refused)
                    .filter(|_| all)
                    .map(|a| said(a.code, &a.text))
            };
            for rcpt in &item.recipients {
                let own = refused(rcpt).map(|a| said(a.code, &a.text)).or_else(|| whole.clone());
                if let Some(reply) = own {
                    let class = feedback::fate(&reply);
                    lessons.push(Lesson::Feedback { message: id, recipient: rcpt.clone(), class });
                }
            }
            if let Some(reply) = whole {
                item.stands = if in_session { Stands::Refused } else { Stands::Bounced };
                if in_session {
                    item.reply = reply;
                }
            } else if answers.code / 100 == 4 {
                item.stands = Stands::Paced;
                self.schedule(n, at.plus(RETRY));
                return;
            }
        }
        if let Some(item) = self.items.get_mut(n)
            && !matches!(item.stands, Stands::Refused | Stands::Bounced)
        {
            item.stands = Stands::Forwarded(at);
            if in_session {
                item.reply = replies::handed_on(id, &Reply::new(250, 0, 0, "Ok"));
            }
        }
        self.learn(&Lesson::Forwarded { message: id }, at);
        for lesson in lessons {
            self.learn(&lesson, at);
        }
    }

    fn schedule(&mut self, n: usize, at: Timestamp) {
        self.ticket += 1;
        self.due.insert((at, self.ticket), n);
    }

    /// What the queue does with the engine's acts.
    fn carry_out(&mut self, acts: Vec<Act>, at: Timestamp) {
        if self.live.config.mode == Mode::Observe {
            return;
        }
        for act in acts {
            match act {
                Act::Release { batch, spread } => {
                    let all = self.batches.remove(&batch).unwrap_or_default();
                    self.release(&all, false, at, spread);
                }
                Act::Quarantine { batch, .. } => {
                    let all = self.batches.remove(&batch).unwrap_or_default();
                    self.quarantine(&all);
                }
                Act::ReleaseCampaign { campaign, spread } => {
                    let all = self.campaigns.get(&campaign).cloned().unwrap_or_default();
                    self.release(&all, true, at, spread);
                }
                Act::QuarantineCampaign { campaign, .. } => {
                    let all = self.campaigns.get(&campaign).cloned().unwrap_or_default();
                    self.quarantine(&all);
                }
                Act::ReleaseMessage { message } => {
                    let all: Vec<_> = self.by_id.get(&message).copied().into_iter().collect();
                    self.release(&all, true, at, Duration::ZERO);
                }
                Act::QuarantineMessage { message, .. } => {
                    let all: Vec<_> = self.by_id.get(&message).copied().into_iter().collect();
                    self.quarantine(&all);
                }
                Act::Suspend { .. } | Act::OpenCase(_) => {}
            }
        }
    }

    /// Lets kept messages go, spread in the order in which they came; those in quarantine only by a
    /// person's word.
    fn release(&mut self, all: &[usize], person: bool, at: Timestamp, spread: Duration) {
        let kept = |item: &&usize| {
            self.items.get(**item).is_some_and(|item| {
                let paced = item.stands == Stands::Paced && item.decision.verb == Verb::Pace;
                let quarantined = person && item.stands == Stands::Quarantined;
                paced || quarantined || item.stands == Stands::Held
            })
        };
        let all: Vec<usize> = all.iter().filter(kept).copied().collect();
        self.unschedule(&all);
        let count = all.len() as u32;
        for (i, n) in all.into_iter().enumerate() {
            if let Some(item) = self.items.get_mut(n) {
                item.stands = Stands::Paced;
            }
            self.schedule(n, at.plus(spread * i as u32 / count));
        }
    }

    fn quarantine(&mut self, all: &[usize]) {
        self.unschedule(all);
        for n in all {
            if let Some(item) = self.items.get_mut(*n)
                && matches!(item.stands, Stands::Held | Stands::Paced)
            {
                item.stands = Stands::Quarantined;
            }
        }
    }

    fn unschedule(&mut self, all: &[usize]) {
        let all: std::collections::HashSet<_> = all.iter().collect();
        if !all.is_empty() {
            self.due.retain(|_, n| !all.contains(n));
            self.waiting.retain(|n| !all.contains(n));
        }
    }

    fn upstream(&mut self, up: bool, at: Timestamp) {
        if up == self.up {
            return;
        }
        self.up = up;
        self.learn(&Lesson::Upstream { up }, at);
        if up {
            for n in std::mem::take(&mut self.waiting) {
                self.hand_over(n, at);
            }
        }
    }

    /// The process ends here, and a new one goes on from what it has stored.
    fn restart(&mut self) -> anyhow::Result<()> {
        let snapshot = self.engine.snapshot();
        let settings = Arc::new(self.live.config.scoring.clone());
        self.engine = Engine::new(settings, Arc::clone(&self.live.directory), KEY);
        self.engine.restore(&snapshot).context("the engine's own snapshot")
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

/// Hashes of a replay need not be secret, but the same each time.
const KEY: u64 = 0x706f_7374_6572_6e21;
/// What the upstreams refused for now is tried again after this.
const RETRY: Duration = Duration::from_secs(60);
