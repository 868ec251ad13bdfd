//! The line-and-dot codec, octets a second, both ways.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use postern_wire::codec::{Decoded, Decoder, Encoder};
use std::hint::black_box;

fn codec(c: &mut Criterion) {
    let message = postern_benches::message(64 << 10);
    let mut stuffed = Vec::new();
    let mut encoder = Encoder::new();
    encoder.encode(&message, &mut stuffed);
    encoder.finish(&mut stuffed);

    let mut group = c.benchmark_group("codec");
    group.throughput(Throughput::Bytes(message.len() as u64));
    // As it comes from a socket.
    for (name, piece) in [("decode 64 KiB at once", stuffed.len()), ("decode in 4 KiB reads", 4096)]
    {
        group.bench_function(name, |b| {
            b.iter(|| {
                let (mut decoder, mut octets) = (Decoder::new(), 0);
                for mut piece in stuffed.chunks(piece) {
                    loop {
                        let (used, decoded) = decoder.decode(piece);
                        piece = &piece[used..];
                        match decoded {
                            Decoded::Data(data) => octets += black_box(data).len(),
                            Decoded::More | Decoded::End => break,
                        }
                    }
                }
                assert_eq!(octets, message.len());
            });
        });
    }
    group.bench_function("encode 64 KiB", |b| {
        let mut out = Vec::with_capacity(stuffed.len());
        b.iter(|| {
            out.clear();
            let mut encoder = Encoder::new();
            encoder.encode(black_box(&message), &mut out);
            encoder.finish(&mut out);
        });
    });
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
