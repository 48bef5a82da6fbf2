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
use tux_cache::time::ManualTicker;

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

    // A time to live of its own, and none. The time is a test's to say, so nobody has to wait.
    let ticker = ManualTicker::new();
    let moments = TtlCache::builder()
        .ttl(Duration::from_secs(300))
        .max_size(100)
        .ticker(ticker.clone())
        .build()?;
    moments.set_with_ttl(1, "for a moment", Duration::from_millis(5));
    moments.set_forever(2, "until it is evicted");
    ticker.advance(Duration::from_secs(600));
    println!("later: {:?}, {:?}", moments.get(&1), moments.get(&2));

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
