//! The managers' typed hits in memory beside hits of the engine, and reads from a private Valkey server beside the raw
//! client. Every answer is compared inside the pass that is timed.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tux_cache_bench::managers;

/// Entries in memory.
const SIZE: usize = 10_000;

fn all(criterion: &mut Criterion) {
    let (groups, _server) = managers::passes(SIZE).expect("the caches can be filled");
    for passes in groups {
        let mut group = criterion.benchmark_group(&passes.group);
        group
            .throughput(Throughput::Elements(passes.operations))
            .sample_size(20)
            .measurement_time(Duration::from_secs(2));
        for (name, mut pass) in passes.subjects {
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter_custom(|rounds| {
                    let pass = |_| pass.run(passes.operations).expect("right answers");
                    (0..rounds).map(pass).sum()
                });
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500));
    targets = all
}
criterion_main!(benches);
