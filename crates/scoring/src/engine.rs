//! The engine: four calls, all taking `now`.

use std::sync::Arc;

use postern_mail::{Client, Decision, Directory, Identity, Lane, Submission, Timestamp};

use crate::{Act, Case, Facts, Judgement, Lesson, Settings, Suspension};

/// Judges streams of mail.
pub struct Engine {
    settings: Arc<Settings>,
    directory: Arc<Directory>,
}

/// Why a snapshot was not taken over.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It is damaged, or of another version.
    #[error("snapshot of the engine is unreadable: {0}")]
    Unreadable(#[from] serde_json::Error),
}

impl Engine {
    /// An engine that remembers nothing. `key` keeps hashes of recipients from being guessed.
    pub fn new(settings: Arc<Settings>, directory: Arc<Directory>, _key: u64) -> Self {
        Self { settings, directory }
    }
    /// New settings and customers from now on; what is remembered stays.
    pub fn reload(&mut self, settings: Arc<Settings>, directory: Arc<Directory>) {
        self.settings = settings;
        self.directory = directory;
    }
    /// Before the message: the refusal, where the sender is suspended.
    pub fn admit(
        &mut self,
        _identity: &Identity,
        _client: &Client,
        _now: Timestamp,
    ) -> Option<Decision> {
        None
    }
    /// Decides.
    pub fn judge(
        &mut self,
        _submission: &Submission,
        _facts: &Facts,
        _now: Timestamp,
    ) -> Judgement {
        Judgement { decision: Decision::forward(Lane::Mailbox), acts: Vec::new() }
    }
    /// Takes in what became known.
    pub fn learn(&mut self, _lesson: &Lesson, _now: Timestamp) -> Vec<Act> {
        Vec::new()
    }
    /// Does what is due.
    pub fn tick(&mut self, _now: Timestamp) -> Vec<Act> {
        Vec::new()
    }
    /// When [`Self::tick`] wants to be called.
    pub fn due(&self) -> Option<Timestamp> {
        None
    }
    /// Cases, newest last.
    pub fn cases(&self) -> Vec<Case> {
        Vec::new()
    }
    /// Who may not send.
    pub fn suspensions(&self) -> Vec<Suspension> {
        Vec::new()
    }
    /// Everything that is remembered.
    pub fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }
    /// Takes over what another engine remembered.
    pub fn restore(&mut self, _bytes: &[u8]) -> Result<(), SnapshotError> {
        Ok(())
    }
}
