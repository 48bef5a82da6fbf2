//! Panics in `K::eq`, `K::clone`, `V::clone`, `V::drop` and predicates leave the cache whole (I9).

use crate::share_of_time;
use crate::value::{Census, Random, Value};
use std::any::Any;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tux_cache::TtlCache;

const MESSAGE: &str = "a panic of this test";

thread_local! {
    /// Calls of user code until one of them panics.
    static FUSE: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Panics when the fuse has burnt down. Not while unwinding: that would abort whatever the cache does.
fn burn() {
    let left = FUSE.get();
    if left > 0 && !std::thread::panicking() {
        FUSE.set(left - 1);
        assert!(left != 1, "{MESSAGE}");
    }
}

/// Keys meet each other often: only their low bits are hashed.
#[derive(Debug)]
struct Key(u64);

impl Clone for Key {
    fn clone(&self) -> Self {
        burn();
        Self(self.0)
    }
}
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        burn();
        self.0 == other.0
    }
}
impl Eq for Key {}
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        burn();
        state.write_u64(self.0 % 4);
    }
}

struct Fragile(Value);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        burn();
        Self(self.0.clone())
    }
}
impl Drop for Fragile {
    fn drop(&mut self) {
        burn();
    }
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

fn operate(cache: &TtlCache<Key, Fragile>, census: &Census, random: &mut Random, keys: u64) {
    let id = random.below(keys);
    let value = || Fragile(census.value(id));
    match random.below(10) {
        0..3 => cache.set(Key(id), value()),
        3 => {
            let lease = cache.lease(&Key(id));
            cache.set_leased(lease, Key(id), value());
        }
        4 => _ = cache.invalidate(&Key(id)),
        5 => drop(cache.get_or_fetch(Key(id), value)),
        6 => {
            cache.invalidate_matching(|key| {
                burn();
                key.0 % 5 == 0
            });
        }
        7 => _ = cache.sweep(),
        _ => {
            if let Some(found) = cache.get(&Key(id)) {
                assert_eq!(found.0.key(), id, "I2");
            }
        }
    }
}

fn panics(capacity: Option<usize>) {
    quiet();
    let builder = TtlCache::<Key, Fragile>::builder();
    let cache = match capacity {
        Some(capacity) => builder.max_size(capacity).build().unwrap(),
        None => builder.unbounded().build().unwrap(),
    };
    let (census, caught) = (Census::new(), AtomicU64::new(0));
    let keys = capacity.map_or(30, |c| 3 * c as u64 + 1);
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (cache, census, caught) = (&cache, &census, &caught);
            scope.spawn(move || {
                let (mut random, start) = (Random::new(thread), Instant::now());
                while start.elapsed() < share_of_time() / 6 {
                    FUSE.set(1 + random.below(20));
                    let end = catch_unwind(AssertUnwindSafe(|| {
                        operate(cache, census, &mut random, keys)
                    }));
                    FUSE.set(0);
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
            cache.set(Key(id), Fragile(census.value(id)));
            assert_eq!(cache.get(&Key(id)).map(|v| v.0.key()), Some(id), "I3");
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
    let census = Census::new();
    let cache = TtlCache::<Key, Fragile>::builder()
        .max_size(20)
        .build()
        .unwrap();
    (0..20).for_each(|id| cache.set(Key(id), Fragile(census.value(id))));
    FUSE.set(5);
    let end = catch_unwind(AssertUnwindSafe(|| drop(cache)));
    FUSE.set(0);
    assert!(end.is_err(), "the panic is handed on");
    census.assert_all_gone("drops that panic");
}

/// Unlinked values wait in the part of the thread that unlinked them; all parts go with the cache.
#[test]
fn i9_a_drop_that_panics_in_one_threads_part_loses_no_value_of_another() {
    quiet();
    let census = Census::new();
    let cache = TtlCache::<Key, Fragile>::builder()
        .max_size(4_000)
        .build()
        .unwrap();
    let all_there = std::sync::Barrier::new(3);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                (0..20).for_each(|id| cache.set(Key(id), Fragile(census.value(id))));
                // Each keeps its slot until all have one.
                all_there.wait();
            });
        }
    });
    // The table empty, the first drop is that of an unlinked value.
    (0..20).for_each(|id| _ = cache.invalidate(&Key(id)));
    assert!(cache.stats().unreclaimed > 40, "{:?}", cache.stats());
    FUSE.set(1);
    let end = catch_unwind(AssertUnwindSafe(|| drop(cache)));
    FUSE.set(0);
    assert!(end.is_err(), "the panic is handed on");
    census.assert_all_gone("drops that panic in one thread's part");
}
