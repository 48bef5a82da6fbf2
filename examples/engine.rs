//! The engine alone: a cache shared by threads, one load per key, times to live, statistics.
//!
//! ```sh
//! cargo run --release --example engine
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tux_cache::TtlCache;

fn main() -> Result<(), tux_cache::Error> {
    let names: Arc<TtlCache<u64, Arc<str>>> = Arc::new(
        TtlCache::builder()
            .ttl(Duration::from_secs(300))
            .max_size(10_000)
            .build()?,
    );

    // Eight threads ask for the same keys; each key is loaded once.
    let loads = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            let (names, loads) = (Arc::clone(&names), &loads);
            scope.spawn(move || {
                for user in 0..100 {
                    let name = names.get_or_fetch(user, || {
                        loads.fetch_add(1, Ordering::Relaxed);
                        format!("user {user}").into()
                    });
                    assert_eq!(&*name, format!("user {user}"));
                }
            });
        }
    });
    println!(
        "800 look-ups by 8 threads, {} loads",
        loads.load(Ordering::Relaxed)
    );

    // A time to live of its own, and none.
    names.set_with_ttl(1_000, "for a moment".into(), Duration::from_millis(5));
    names.set_forever(1_001, "until it is evicted".into());
    thread::sleep(Duration::from_millis(50));
    println!(
        "after 50 ms: {:?}, {:?}",
        names.get(&1_000),
        names.get(&1_001)
    );

    // More keys than fit: the bound holds at every instant.
    for user in 2_000..50_000 {
        names.set(user, "new".into());
    }
    println!(
        "{} of {:?} entries",
        names.resident(),
        names.max_size().unwrap_or_default()
    );

    const ROUNDS: u32 = 1_000_000;
    names.set(7, "seven".into());
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        std::hint::black_box(names.get(&7));
    }
    println!(
        "one hit, with the clone of an Arc: {:?}",
        begun.elapsed() / ROUNDS
    );

    let stats = names.stats();
    println!("{:.1} % hits; {stats:?}", 100.0 * stats.hit_ratio());
    Ok(())
}
