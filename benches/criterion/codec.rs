//! The line-and-dot codec: octets a second, in pieces as a socket brings them.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use postern_benches::mail::{Kind, message};
use postern_wire::codec::{Decoded, Decoder, Encoder};

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");
    for (name, octets) in [("4k", 4 << 10), ("64k", 64 << 10)] {
        let content = message(Kind::Html, octets, 1, 1);
        let mut wire = Vec::new();
        let mut encoder = Encoder::new();
        encoder.encode(&content, &mut wire);
        encoder.finish(&mut wire);
        group.throughput(Throughput::Bytes(content.len() as u64));
        group.bench_function(format!("decode {name}"), |b| b.iter(|| decode(&wire)));
        let mut out = Vec::with_capacity(wire.len());
        group.bench_function(format!("encode {name}"), |b| {
            b.iter(|| {
                out.clear();
                let mut encoder = Encoder::new();
                encoder.encode(black_box(&content), &mut out);
                encoder.finish(&mut out);
            });
        });
    }
    group.finish();
}

/// Pieces of 16 KB; what comes out is looked at, not copied.
fn decode(wire: &[u8]) -> usize {
    let (mut decoder, mut seen) = (Decoder::new(), 0);
    for piece in black_box(wire).chunks(16 << 10) {
        let mut rest = piece;
        while !rest.is_empty() {
            let (used, decoded) = decoder.decode(rest);
            rest = &rest[used..];
            match decoded {
                Decoded::Data(data) => seen += data.len(),
                Decoded::End => return seen,
                Decoded::More => {}
            }
        }
    }
    seen
}
