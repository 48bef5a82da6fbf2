//! Threads beyond those whose parts of a cache are found at once.

use std::sync::Barrier;
use std::time::{Duration, Instant};
use tux_cache::TtlCache;

const LONG: Duration = Duration::from_secs(1_000);

/// More than twice as many as the first 128, all alive at a time.
#[test]
fn every_thread_sees_what_others_set_and_counts_for_itself() {
    const THREADS: u64 = 300;
    let cache = TtlCache::<u64, u64>::new(LONG, 10_000);
    let together = Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        for n in 0..THREADS {
            let (cache, together) = (&cache, &together);
            scope.spawn(move || {
                cache.set(n, n);
                together.wait();
                for key in 0..THREADS {
                    assert_eq!(cache.get(&key), Some(key));
                    assert_eq!(cache.get(&(THREADS + key)), None);
                }
            });
        }
    });
    let stats = cache.stats();
    assert_eq!(
        (stats.hits, stats.misses),
        (THREADS * THREADS, THREADS * THREADS)
    );
}

/// Nanoseconds of a hit, the best of some rounds.
fn hit(cache: &TtlCache<u64, u64>) -> f64 {
    const KEYS: u64 = 1_000;
    const TIMES: u64 = 200;
    let round = |_| {
        let start = Instant::now();
        for _ in 0..TIMES {
            for key in 0..KEYS {
                std::hint::black_box(cache.get(std::hint::black_box(&key)));
            }
        }
        start.elapsed().as_secs_f64() * 1e9 / (KEYS * TIMES) as f64
    };
    (0..30).map(round).fold(f64::INFINITY, f64::min)
}

/// A hit of the 130th, 1,000th and 5,000th thread takes little longer than that of the first one (1.3 times at most, measured).
#[test]
#[ignore = "long: cargo xtask long"]
fn long_hits_of_late_threads_take_little_longer() {
    let cache = TtlCache::<u64, u64>::new(LONG, 2_000);
    (0..1_000).for_each(|key| cache.set(key, key));
    let (mut times, mut alive) = (vec![hit(&cache)], 1);
    let end = Barrier::new(5_000);
    std::thread::scope(|scope| {
        for late in [130, 1_000, 5_000] {
            while alive < late - 1 {
                let (used, ready) = std::sync::mpsc::channel();
                let (cache, end) = (&cache, &end);
                let thread = std::thread::Builder::new().stack_size(64 << 10);
                let idle = move || {
                    cache.get(&1);
                    used.send(()).unwrap();
                    end.wait();
                };
                thread.spawn_scoped(scope, idle).expect("a thread");
                ready.recv().unwrap();
                alive += 1;
            }
            let (done, time) = std::sync::mpsc::channel();
            let (cache, end) = (&cache, &end);
            scope.spawn(move || {
                done.send(hit(cache)).unwrap();
                end.wait();
            });
            times.push(time.recv().unwrap());
            alive += 1;
        }
        end.wait();
    });
    println!("a hit of the 1st, 130th, 1,000th, 5,000th thread: {times:.2?} ns");
    if !cfg!(debug_assertions) {
        let most = 1.3 * times[0];
        assert!(times.iter().all(|time| *time <= most), "{times:?}");
    }
}
