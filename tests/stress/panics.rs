//! Panics in `K::eq`, `K::clone`, `V::clone`, `V::drop` and predicates leave the cache whole (I9).

use crate::share_of_time;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tux_cache::{TtlCache, TtlCacheBuilder};
use tux_cache_test_support::probe::{Census, Group, Key, Random, Site, Value, hook, pass, unhook};

const MESSAGE: &str = "a panic of this test";

/// Keys meet each other often: there are four hashes.
fn key(id: u64) -> Key {
    Key::new(id, id % 4)
}

type Cache = TtlCache<Key, Value, Group>;

fn builder() -> TtlCacheBuilder<Key, Value, Group> {
    TtlCache::builder().hasher(Group)
}

/// Runs `body`, in which the `fuse`-th call of user code panics; 0: none.
fn with_fuse(fuse: u64, body: impl FnOnce()) -> std::thread::Result<()> {
    let mut left = fuse;
    hook(move |_| {
        // Not while unwinding: that would abort whatever the cache does.
        if left > 0 && !std::thread::panicking() {
            left -= 1;
            assert!(left > 0, "{MESSAGE}");
        }
    });
    let end = catch_unwind(AssertUnwindSafe(body));
    unhook();
    end
}

fn message(panic: &(dyn Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied())
}

fn quiet() {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if message(info.payload()) != Some(MESSAGE) {
                usual(info);
            }
        }));
    });
}

fn operate(cache: &Cache, census: &Census, random: &mut Random, keys: u64) {
    let id = random.below(keys);
    let (key, value) = (key(id), || census.value(id));
    match random.below(10) {
        0..3 => cache.set(key, value()),
        3 => {
            let lease = cache.lease(&key);
            cache.set_leased(lease, key, value());
        }
        4 => _ = cache.invalidate(&key),
        5 => drop(cache.get_or_fetch(key, value)),
        6 => {
            cache.invalidate_matching(|key| {
                pass(Site::Predicate);
                key.id % 5 == 0
            });
        }
        7 => _ = cache.sweep(),
        _ => {
            if let Some(found) = cache.get(&key) {
                assert_eq!(found.key(), id, "I2");
            }
        }
    }
}

fn panics(capacity: Option<usize>) {
    quiet();
    let cache = match capacity {
        Some(capacity) => builder().max_size(capacity).build().unwrap(),
        None => builder().unbounded().build().unwrap(),
    };
    let (census, caught) = (Census::default(), AtomicU64::new(0));
    let keys = capacity.map_or(30, |c| 3 * c as u64 + 1);
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (cache, census, caught) = (&cache, &census, &caught);
            scope.spawn(move || {
                let (mut random, start) = (Random::new(thread), Instant::now());
                while start.elapsed() < share_of_time() / 6 {
                    let fuse = 1 + random.below(20);
                    let end = with_fuse(fuse, || operate(cache, census, &mut random, keys));
                    if let Err(panic) = end {
                        assert_eq!(message(&*panic), Some(MESSAGE));
                        caught.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let caught = caught.into_inner();
    assert!(caught > 100, "only {caught} panics");
    assert_eq!(cache.iter().count(), cache.len());
    if let Some(capacity) = capacity {
        assert!(cache.resident() <= capacity, "I1");
        let s = cache.stats();
        let out = s.evictions + s.expirations + s.invalidations + s.cleared;
        assert_eq!(s.insertions, out + cache.resident() as u64, "books: {s:?}");
        for id in 0..3 * capacity as u64 {
            cache.set(key(id), census.value(id));
            assert_eq!(cache.get(&key(id)).map(|v| v.key()), Some(id), "I3");
        }
    }
    drop(cache);
    census.assert_all_gone("panics");
}

#[test]
fn i9_panics_in_user_code_leave_the_cache_whole_bounded() {
    for capacity in [1, 4, 50] {
        panics(Some(capacity));
    }
}

/// Drops that panic inside papaya are papaya's; everything else is ours.
#[test]
fn i9_drops_that_panic_while_the_cache_goes_lose_no_other_value() {
    quiet();
    let census = Census::default();
    let cache = builder().max_size(20).build().unwrap();
    (0..20).for_each(|id| cache.set(key(id), census.value(id)));
    let end = with_fuse(5, || drop(cache));
    assert!(end.is_err(), "the panic is handed on");
    census.assert_all_gone("drops that panic");
}

/// Unlinked values wait in the part of the thread that unlinked them; all parts go with the cache.
#[test]
fn i9_a_drop_that_panics_in_one_threads_part_loses_no_value_of_another() {
    quiet();
    let census = Census::default();
    let cache = builder().max_size(4_000).build().unwrap();
    let all_there = std::sync::Barrier::new(3);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                (0..20).for_each(|id| cache.set(key(id), census.value(id)));
                // Each keeps its slot until all have one.
                all_there.wait();
            });
        }
    });
    // The table empty, the first drop is that of an unlinked value.
    (0..20).for_each(|id| _ = cache.invalidate(&key(id)));
    assert!(cache.stats().unreclaimed > 40, "{:?}", cache.stats());
    let end = with_fuse(1, || drop(cache));
    assert!(end.is_err(), "the panic is handed on");
    census.assert_all_gone("drops that panic in one thread's part");
}
