//! Benches of the parts: `cargo bench -p postern-benches -- NAME`.

use criterion::Criterion;

mod codec;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    codec::bench(&mut criterion);
    criterion.final_summary();
}
