//! Driving the engine through a trace, and keeping what the queue would keep.
//!
//! Time moves from event to event; timers of the engine, and mail whose time has come, go before an
//! event at the same instant, in order of their time.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use postern_config::Mode;
use postern_mail::{
    BatchId, CampaignId, CustomerId, Decision, Identity, MessageId, Reply, Timestamp, Verb,
};
use postern_scoring::{Act, Engine, Lesson};

use super::trace::{Answers, Event, Is, Scope, Up, wall};
use crate::live::Live;
use crate::{feedback, replies};

/// The run of one trace.
pub(super) struct Drive<'a> {
    pub(super) live: &'a Live,
    pub(super) folder: PathBuf,
    pub(super) engine: Engine,
    starts: Timestamp,
    pub(super) items: Vec<Item>,
    pub(super) by_name: HashMap<String, usize>,
    pub(super) by_id: HashMap<MessageId, usize>,
    pub(super) batches: HashMap<BatchId, Vec<usize>>,
    pub(super) campaigns: HashMap<CampaignId, Vec<usize>>,
    /// When what goes: the second part keeps the order of equal times.
    due: BTreeMap<(Timestamp, u64), usize>,
    ticket: u64,
    up: bool,
    waiting: Vec<usize>,
}

/// A message and where it stands.
pub(super) struct Item {
    pub(super) name: String,
    pub(super) id: MessageId,
    pub(super) at: Timestamp,
    pub(super) identity: Identity,
    pub(super) recipients: Vec<String>,
    pub(super) answers: Option<Answers>,
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
            Event::Restart { .. } => self.restart(at)?,
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

    /// Gives a message to the upstreams, or keeps it until they are there.
    pub(super) fn hand_over(&mut self, n: usize, at: Timestamp) {
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

    pub(super) fn schedule(&mut self, n: usize, at: Timestamp) {
        self.ticket += 1;
        self.due.insert((at, self.ticket), n);
    }

    /// What the queue does with the engine's acts.
    pub(super) fn carry_out(&mut self, acts: Vec<Act>, at: Timestamp) {
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
    fn restart(&mut self, at: Timestamp) -> anyhow::Result<()> {
        let snapshot = self.engine.snapshot();
        let settings = Arc::new(self.live.config.scoring.clone());
        self.engine = Engine::new(settings, Arc::clone(&self.live.directory), KEY);
        self.engine.restore(&snapshot, at).context("the engine's own snapshot")
    }
}

/// Hashes of a replay need not be secret, but the same each time.
const KEY: u64 = 0x706f_7374_6572_6e21;
/// What the upstreams refused for now is tried again after this.
const RETRY: Duration = Duration::from_secs(60);
