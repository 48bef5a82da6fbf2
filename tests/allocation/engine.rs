//! What a cache costs beyond its keys and values, by a counting allocator, and that it stays there.

use crate::alone;
use tux_cache::TtlCache;
use tux_cache_test_support::{count_allocations, live_bytes};

/// What leases take: little until more keys are loaded at once than the first level has slots, and then no more than 1.2 MiB,
/// once.
fn leases_are_bounded() {
    let before = live_bytes();
    let cache = cache(50_000);
    (0..50_000).for_each(|key| cache.set(key, key));
    let few: Vec<_> = (0..32).map(|key| cache.lease(&key)).collect();
    drop(few);
    let without = live_bytes();
    for _ in 0..3 {
        let leases: Vec<_> = (0..50_000).map(|key| cache.lease(&key)).collect();
        let for_the_test = leases.capacity() * size_of::<tux_cache::Lease>();
        let bytes = live_bytes() - without - for_the_test;
        println!("50,000 leases: {bytes} bytes");
        assert!(
            bytes <= 12 * (1 << 20) / 10,
            "{bytes} bytes for 50,000 leases"
        );
        assert!(bytes >= 1 << 20, "the levels are not counted here");
    }
    drop(cache);
    assert!(live_bytes().saturating_sub(before) < 10_000);
}

fn cache(entries: usize) -> TtlCache<u64, u64> {
    TtlCache::builder().max_size(entries).build().unwrap()
}

/// Beyond key and value; and how many bytes are left when the cache has gone.
fn bytes_per_entry(entries: usize) -> (f64, usize) {
    let before = live_bytes();
    let cache = cache(entries);
    (0..2 * entries as u64).for_each(|key| cache.set(key, key));
    assert_eq!(cache.len(), entries);
    let bytes = (live_bytes() - before) as f64 / entries as f64 - 16.0;
    drop(cache);
    (bytes, live_bytes().saturating_sub(before))
}

#[test]
fn memory_per_entry_is_bounded_and_flat() {
    alone("engine::memory_per_entry_is_bounded_and_flat", measure);
}

fn measure() {
    let mut left = usize::MAX;
    // Also just above a power of two.
    for entries in [100_000, 131_073] {
        let bytes;
        (bytes, left) = bytes_per_entry(entries);
        println!("{entries} entries u64 -> u64: {bytes:.1} bytes each beyond key and value");
        assert!(
            bytes <= 72.0,
            "{bytes:.1} bytes an entry beyond key and value"
        );
    }
    // Of the first one stays what is the thread's.
    assert!(left < 1_000, "{left} bytes left of a cache that is gone");

    leases_are_bounded();

    let cache = cache(10_000);
    let churn = |from: u64, n: u64| {
        for key in from..from + n {
            cache.set(key, key);
            if key % 7 == 0 {
                cache.invalidate(&key.saturating_sub(3));
            }
        }
    };
    churn(0, 200_000);
    let before = live_bytes();
    churn(1_000_000, 1_000_000);
    let after = live_bytes();
    assert!(
        after <= before + before / 100,
        "churn grew {before} to {after} bytes"
    );

    // A reader that stays inside a view holds back what is unlinked meanwhile, which the statistics show.
    let view = cache.pin();
    churn(8_000_000, 600_000);
    let held = cache.stats().unreclaimed;
    assert!(held >= 600_000, "only {held} held back by an open view");
    drop(view);
    churn(4_000_000, 20_000);
    let left = cache.stats().unreclaimed;
    assert!(
        left <= 2_000,
        "{left} still held back after the view was closed"
    );
    // What may stay is the thread's pool: two batches of entries. The list of what waited has shrunk again.
    assert!(
        live_bytes() <= after + after / 20,
        "memory did not come back: {} against {after}",
        live_bytes()
    );

    // What a thread unlinked that has ended since is freed by those that go on writing.
    let view = cache.pin();
    std::thread::scope(|scope| {
        scope.spawn(|| churn(6_000_000, 100_000));
    });
    let held = cache.stats().unreclaimed;
    assert!(held >= 100_000, "only {held} held back by an open view");
    drop(view);
    // A scope does not wait for the thread to give its slot back: that may come while we write.
    let mut rounds = (0..500).map(|_| {
        churn(7_000_000, 20_000);
        cache.stats().unreclaimed
    });
    let left = rounds.find(|&left| left <= 2_000);
    assert!(
        left.is_some(),
        "{} still held back that an ended thread had unlinked",
        cache.stats().unreclaimed
    );
}

/// A hit by a borrowed key makes no owned one, and a hit of a future makes nothing at all.
#[test]
fn a_hit_of_a_load_allocates_nothing() {
    let cache: TtlCache<String, u64> = TtlCache::new(std::time::Duration::from_secs(60), 100);
    let key = "a key that is not kept in the string itself";
    let load = || -> u64 { unreachable!("it is there") };
    let future = async || load();
    cache.set(key.to_owned(), 7);
    let ((), cost) = count_allocations(|| {
        assert_eq!(cache.get_or_fetch_by_ref(key, load), 7);
        let failing = || Ok::<_, std::convert::Infallible>(load());
        assert_eq!(cache.try_get_or_fetch_by_ref(key, failing), Ok(7));
        assert_eq!(
            (cache.peek(key), cache.remaining(key).is_some()),
            (Some(7), true)
        );
    });
    assert_eq!(cost.allocations, 0);
    let owned = key.to_owned();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let (ready, cost) = count_allocations(|| {
        let by_ref = std::pin::pin!(cache.get_or_fetch_by_ref_async(key, future));
        let by_key = std::pin::pin!(cache.get_or_fetch_async(owned, future));
        by_ref.poll(&mut context).is_ready() && by_key.poll(&mut context).is_ready()
    });
    assert_eq!((ready, cost.allocations), (true, 0));
    // The count does count.
    let missing = "another key that is not kept in the string itself";
    let (value, cost) = count_allocations(|| cache.get_or_fetch_by_ref(missing, || 8_u64));
    assert!(value == 8 && cost.allocations > 0);
}
