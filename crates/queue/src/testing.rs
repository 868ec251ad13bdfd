//! What this crate's tests share: a disk with faults, a clock on tokio's time, mail, an upstream,
//! and a relay that listens.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use parking_lot::Mutex;
use postern_mail::{
    Address, Client, Clock, Content, CustomerId, Decision, Envelope, Identity, Lane, MessageId,
    Method, Origin, Recipient, Reply, Submission, Timestamp, read_all,
};

use crate::runner::Deliver;
use crate::store::{Disk, DiskFile, Folders};
use crate::{
    Delivery, Keep, KeepState, Later, Notices, Outcome, Queue, QueueEvent, Selector, Settings, What,
};

/// Segment files in memory, which can be full, fail, and lose what was not synced.
#[derive(Default)]
pub(crate) struct FakeDisk {
    files: Mutex<BTreeMap<u64, Arc<FakeFile>>>,
    pub(crate) faults: Arc<Faults>,
}

#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) full: AtomicBool,
    pub(crate) sync_fails: AtomicBool,
    pub(crate) syncs: AtomicU64,
    /// A sync waits as long as somebody holds it.
    pub(crate) slow: Mutex<()>,
}

/// A file that somebody has open.
struct Opened(Arc<FakeFile>);

#[derive(Default)]
struct FakeFile {
    faults: Arc<Faults>,
    written: Mutex<Vec<u8>>,
    synced: Mutex<Vec<u8>>,
}

impl FakeDisk {
    /// What a power cut leaves.
    pub(crate) fn after_power_cut(&self) -> Self {
        let left = |(number, file): (&u64, &Arc<FakeFile>)| {
            let synced = file.synced.lock().clone();
            let file = FakeFile { written: Mutex::new(synced.clone()), ..FakeFile::default() };
            *file.synced.lock() = synced;
            (*number, Arc::new(file))
        };
        let files = self.files.lock().iter().map(left).collect();
        Self { files: Mutex::new(files), faults: Arc::default() }
    }

    /// Turns one octet of every file over, somewhere in its first message.
    pub(crate) fn damage(&self) {
        for file in self.files.lock().values() {
            file.written.lock()[40] ^= 1;
        }
    }

    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.files.lock().keys().copied().collect()
    }
}

impl Disk for FakeDisk {
    fn list(&self) -> io::Result<Vec<u64>> {
        Ok(self.numbers())
    }

    fn create(&self, number: u64, bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        if self.faults.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let zeros = vec![0; bytes as usize];
        let file = FakeFile { faults: self.faults.clone(), ..FakeFile::default() };
        *file.written.lock() = zeros.clone();
        *file.synced.lock() = zeros;
        let file = Arc::new(file);
        if self.files.lock().insert(number, file.clone()).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(Arc::new(Opened(file)))
    }

    fn open(&self, number: u64) -> io::Result<Arc<dyn DiskFile>> {
        match self.files.lock().get(&number) {
            Some(file) => Ok(Arc::new(Opened(file.clone()))),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn remove(&self, number: u64) -> io::Result<()> {
        self.files.lock().remove(&number);
        Ok(())
    }

    fn room(&self) -> io::Result<u64> {
        Ok(if self.faults.full.load(Ordering::SeqCst) { 0 } else { 1 << 30 })
    }
}

impl DiskFile for Opened {
    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        let offset = offset as usize;
        self.0.written.lock()[offset..offset + octets.len()].copy_from_slice(octets);
        Ok(())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.written.lock().read_at(offset, buf)
    }

    fn sync(&self) -> io::Result<()> {
        drop(self.0.faults.slow.lock());
        self.0.faults.syncs.fetch_add(1, Ordering::SeqCst);
        if self.0.faults.sync_fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is broken"));
        }
        *self.0.synced.lock() = self.0.written.lock().clone();
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.written.lock().truncate(length as usize);
        self.0.synced.lock().truncate(length as usize);
        Ok(())
    }
}

/// Tokio's time, which tests stop and turn.
#[derive(Default)]
pub(crate) struct TokioClock(Mutex<Option<tokio::time::Instant>>);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let now = tokio::time::Instant::now();
        let start = *self.0.lock().get_or_insert(now);
        Timestamp::from_millis(1_795_554_000_000).plus(now - start)
    }
}

pub(crate) fn settings(dir: &std::path::Path) -> Settings {
    Settings {
        dir: dir.to_owned(),
        retry: vec![Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)],
        max_age: Duration::from_secs(3600),
        quarantine_max_age: Duration::from_secs(7 * 86_400),
        segment_bytes: 4096,
        headroom_bytes: 1000,
        concurrency: 8,
        journal_max_age: Duration::from_secs(7 * 86_400),
    }
}

/// A queue in a folder of its own.
pub(crate) struct Bench {
    /// Deleted when dropped.
    dir: tempfile::TempDir,
    settings: Settings,
    pub(crate) disk: Arc<FakeDisk>,
    pub(crate) clock: Arc<TokioClock>,
    pub(crate) queue: Queue,
    _still: Still,
}

/// Paused time runs on by itself when nothing is left to do, and knows nothing of the store's
/// threads: a blocking task keeps it still, so that only [`Bench::turn`] moves it.
struct Still(#[expect(dead_code, reason = "its drop ends the blocking task")] Sender<()>);

impl Still {
    fn new() -> Self {
        let (sender, receiver) = std::sync::mpsc::channel();
        tokio::task::spawn_blocking(move || receiver.recv());
        Self(sender)
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With other settings.
    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = settings(dir.path());
        change(&mut settings);
        let (disk, clock) = (Arc::new(FakeDisk::default()), Arc::new(TokioClock::default()));
        let queue = open(&settings, &disk, &clock);
        Self { dir, settings, disk, clock, queue, _still: Still::new() }
    }

    /// Ends the process and starts it again on what `disk` holds.
    pub(crate) fn again_on(self, disk: FakeDisk) -> Self {
        let Self { dir, settings, clock, queue, .. } = self;
        drop(queue);
        let disk = Arc::new(disk);
        let queue = open(&settings, &disk, &clock);
        Self { dir, settings, disk, clock, queue, _still: Still::new() }
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings.clone()
    }

    /// Another process on the same folder.
    pub(crate) fn beside(&self) -> Queue {
        open(&self.settings, &self.disk, &self.clock)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Turns the clock, then lets everything happen that is due.
    pub(crate) async fn turn(&self, by: Duration) {
        tokio::time::advance(by).await;
        self.settle().await;
    }

    /// Lets everything happen that is due: each round is a way through all threads.
    pub(crate) async fn settle(&self) {
        for _ in 0..40 {
            tokio::task::spawn_blocking(|| ()).await.unwrap();
            self.queue.0.store.write(|_, _| Ok(())).await.unwrap();
        }
    }

    /// Turns the clock by `step` until nothing waits.
    pub(crate) async fn until_empty(&self, step: Duration) {
        for _ in 0..1000 {
            self.settle().await;
            let counts = self.queue.counts();
            if counts.queued + counts.paced + counts.held + counts.quarantined == 0 {
                return;
            }
            self.turn(step).await;
        }
        panic!("{:?} {:?}", self.queue.counts(), self.queue.list(&Selector::default()).await);
    }

    /// Keeps a message of `customer` to `recipients`.
    pub(crate) async fn keep(
        &self,
        n: u32,
        customer: &str,
        to: &[&str],
        state: KeepState,
    ) -> MessageId {
        let keep = mail(self.now(), n, customer, to, state);
        let id = keep.submission.id;
        self.queue.keep(keep).await.unwrap();
        id
    }
}

fn open(settings: &Settings, disk: &Arc<FakeDisk>, clock: &Arc<TokioClock>) -> Queue {
    let folders = Folders::create(&settings.dir).unwrap();
    Queue::open_on(disk.clone(), &folders, settings.clone(), clock.clone(), 7).unwrap()
}

/// The octets of the `n`th message.
pub(crate) fn octets(n: u32) -> Vec<u8> {
    format!("Subject: {n}\r\nX: \u{e9}\r\n\r\nbody {n}\r\n").into_bytes()
}

pub(crate) fn mail(now: Timestamp, n: u32, customer: &str, to: &[&str], state: KeepState) -> Keep {
    let content = octets(n);
    let recipients = to.iter().map(|to| Recipient::new(to.parse().unwrap())).collect();
    let submission = Submission {
        id: MessageId::new(now, n),
        received_at: now,
        identity: Identity {
            customer: Some(CustomerId::new(customer)),
            reseller: None,
            origin: Origin::script("/x.php"),
            method: Method::Header,
        },
        client: Client {
            ip: "192.0.2.1".parse().unwrap(),
            helo: "web".to_owned(),
            tls: false,
            esmtp: true,
            queues: false,
        },
        envelope: Envelope {
            mail_from: Some(format!("owner@{customer}.example").parse().unwrap()),
            recipients,
            ..Envelope::default()
        },
        size: content.len() as u64,
    };
    Keep {
        submission,
        decision: Decision::forward(Lane::Script),
        state,
        pool: "main".to_owned(),
        content: Arc::new(content),
    }
}

/// An upstream that answers by recipient, and remembers what it took.
#[derive(Clone, Default)]
pub(crate) struct Upstream {
    pub(crate) taken: Arc<Mutex<Vec<Taken>>>,
    pub(crate) tries: Arc<AtomicU64>,
    pub(crate) down: Arc<AtomicBool>,
    /// How long it takes.
    pub(crate) slow: Duration,
}

/// A message that the upstream took.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) customer: String,
    pub(crate) from: Option<Address>,
    pub(crate) to: Vec<String>,
    pub(crate) octets: Vec<u8>,
}

impl Upstream {
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().clone()
    }

    fn answer(&self, tries: u64, to: &str) -> Outcome {
        if self.down.load(Ordering::SeqCst) {
            return Outcome::Later(Later::Trouble("connection refused".to_owned()));
        }
        match to.split('@').next().unwrap() {
            "never" => Outcome::Refused(Reply::new(550, 1, 1, "no such user")),
            "stuck" => Outcome::Later(Later::Reply(Reply::new(451, 2, 0, "not now"))),
            "second" if tries == 1 => Outcome::Later(Later::Reply(Reply::new(450, 2, 0, "wait"))),
            _ => Outcome::Accepted,
        }
    }
}

impl Deliver for Upstream {
    fn deliver(
        &self,
        _pool: &str,
        key: &str,
        envelope: Arc<Envelope>,
        content: Arc<dyn Content>,
    ) -> impl Future<Output = Delivery> + Send + 'static {
        let (this, customer) = (self.clone(), key.to_owned());
        async move {
            tokio::time::sleep(this.slow).await;
            let tries = this.tries.fetch_add(1, Ordering::SeqCst) + 1;
            let to: Vec<String> =
                envelope.recipients.iter().map(|r| r.address.to_string()).collect();
            let outcomes: Vec<Outcome> = to.iter().map(|to| this.answer(tries, to)).collect();
            let pairs = to.into_iter().zip(&outcomes);
            let to: Vec<String> =
                pairs.filter(|(_, o)| **o == Outcome::Accepted).map(|(to, _)| to).collect();
            if !to.is_empty() {
                let octets = read_all(&*content).unwrap();
                let from = envelope.mail_from.clone();
                this.taken.lock().push(Taken { customer, from, to, octets });
            }
            Delivery { outcomes, server: None, reply: None }
        }
    }

    fn is_down(&self, _pool: &str) -> bool {
        false
    }
}

/// A relay that listens and sends notices to the sender.
#[derive(Default)]
pub(crate) struct Listener {
    pub(crate) events: Mutex<Vec<(MessageId, What)>>,
}

impl Notices for Listener {
    fn bounce_to(&self, submission: &Submission) -> Option<Address> {
        submission.envelope.mail_from.clone()
    }

    fn hostname(&self) -> String {
        "relay.example".to_owned()
    }

    fn event(&self, event: QueueEvent) {
        self.events.lock().push((event.submission.id, event.what));
    }
}
