//! The queue: messages a second that are kept, body and row synced, by the number of senders that
//! wait at the same time. More senders share one sync: group commit.

use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use postern_benches::mail::{Kind, message};
use postern_mail::{
    Client, CustomerId, Decision, Envelope, IdSource, Identity, Lane, MessageId, Method, Origin,
    Recipient, Submission, SystemClock, Timestamp,
};
use postern_queue::{Keep, KeepState, Queue, Settings};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("queue");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    let content = Arc::new(message(Kind::Html, 4 << 10, 1, 1));
    let ready = std::cell::LazyCell::new(Ready::new);
    for senders in [1, 16, 256] {
        group.bench_function(format!("keep 4k, {senders} senders"), |b| {
            b.iter_custom(|messages| ready.run(messages, senders, &content));
        });
    }
    group.finish();
}

struct Ready {
    runtime: Runtime,
    queue: Queue,
    ids: Arc<IdSource>,
    _folder: TempDir,
}

impl Ready {
    #[expect(clippy::expect_used, reason = "a bench that cannot begin has nothing better to do")]
    fn new() -> Self {
        // Beside the build, not in a folder that may lie in memory.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.enable_all().build().expect("a runtime");
        let clock = Arc::new(SystemClock::default());
        let queue = Queue::open(settings(folder.path()), clock, 1).expect("a queue");
        Self { runtime, queue, ids: Arc::new(IdSource::new(1)), _folder: folder }
    }

    fn run(&self, messages: u64, senders: u64, content: &Arc<Vec<u8>>) -> Duration {
        self.runtime.block_on(async {
            let since = Instant::now();
            let mut tasks = JoinSet::new();
            for sender in 0..senders {
                let (queue, ids, content) = (self.queue.clone(), self.ids.clone(), content.clone());
                let share = messages / senders + u64::from(sender < messages % senders);
                tasks.spawn(async move {
                    for _ in 0..share {
                        let kept = queue.keep(keep(ids.next(START), &content)).await;
                        assert!(kept.is_ok(), "not kept: {:?}", kept.err());
                    }
                });
            }
            tasks.join_all().await;
            since.elapsed()
        })
    }
}

fn settings(dir: &std::path::Path) -> Settings {
    Settings {
        dir: dir.to_path_buf(),
        retry: vec![Duration::from_secs(60)],
        max_age: Duration::from_secs(86_400),
        quarantine_max_age: Duration::from_secs(86_400),
        segment_bytes: 16 << 20,
        headroom_bytes: 32 << 20,
        concurrency: 100,
        journal_max_age: Duration::from_secs(86_400),
    }
}

fn keep(id: MessageId, content: &Arc<Vec<u8>>) -> Keep {
    Keep {
        submission: Submission {
            id,
            received_at: START,
            identity: Identity {
                customer: Some(CustomerId::new("c1")),
                reseller: None,
                origin: Origin::login("info@shop1.example"),
                method: Method::Xclient,
            },
            client: Client {
                ip: [192, 0, 2, 10].into(),
                helo: "web1.example".to_owned(),
                tls: false,
                esmtp: true,
                queues: false,
            },
            envelope: Envelope {
                mail_from: "info@shop1.example".parse().ok(),
                recipients: "anna@d1.example".parse().map(Recipient::new).into_iter().collect(),
                ..Envelope::default()
            },
            size: content.len() as u64,
        },
        decision: Decision::forward(Lane::Script),
        state: KeepState::Quarantined,
        pool: "main".to_owned(),
        content: content.clone(),
    }
}

const START: Timestamp = Timestamp::from_millis(1_795_554_000_000);
