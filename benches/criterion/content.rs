//! Facts of a message: structure, text and all content rules, by kind and size.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use postern_benches::mail::{Kind, message};
use postern_mail::{Envelope, Recipient};
use postern_scoring::{Settings, examine};

pub(crate) fn bench(criterion: &mut Criterion) {
    let settings = Settings::default();
    let envelope = Envelope {
        mail_from: "info@shop1.example".parse().ok(),
        recipients: "anna@d1.example".parse().map(Recipient::new).into_iter().collect(),
        ..Envelope::default()
    };
    let mut group = criterion.benchmark_group("facts");
    for (name, octets) in [("4k", 4 << 10), ("64k", 64 << 10)] {
        for kind in [Kind::Plain, Kind::Html, Kind::Attachment] {
            let content = message(kind, octets, 1, 1);
            group.throughput(Throughput::Bytes(content.len() as u64));
            group.bench_function(format!("{kind:?} {name}").to_lowercase(), |b| {
                b.iter(|| {
                    let size = content.len() as u64;
                    examine(black_box(&content), size, &envelope, &settings)
                });
            });
        }
    }
    group.finish();
}
