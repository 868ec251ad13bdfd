//! Benches of the parts: `cargo bench -p postern-benches -- NAME`.

mod codec;
mod content;
mod engine;
mod lookup;
mod queue;
mod session;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    let quick = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    let mut criterion = quick.configure_from_args();
    codec::bench(&mut criterion);
    session::bench(&mut criterion);
    lookup::bench(&mut criterion);
    content::bench(&mut criterion);
    engine::bench(&mut criterion);
    queue::bench(&mut criterion);
    criterion.final_summary();
}
