//! Whatever a key's comparison does, a look-up leaves the short guard it was in, once, and counts once.

use super::*;
use crate::engine::reclaim::FAST_PARTICIPANTS;
use crate::engine::threads::current::fast;
use std::cell::Cell;
use std::hash::Hasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

type Cache = TtlCache<Key, u64>;

thread_local! {
    /// What a comparison does: given the number of those before it since the last [`with`].
    static ON_EQ: Cell<fn(&Cache, u64)> = const { Cell::new(|_, _| ()) };
    static CACHE: Cell<*const Cache> = const { Cell::new(std::ptr::null()) };
    static COMPARED: Cell<u64> = const { Cell::new(0) };
    static HASH_PANICS: Cell<bool> = const { Cell::new(false) };
}

/// Keys that all have one hash: each look-up of one that does not stand first compares others with it.
#[derive(Clone, Debug)]
struct Key(u64);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let (cache, compared) = (CACHE.get(), COMPARED.get());
        if !cache.is_null() {
            COMPARED.set(compared + 1);
            CACHE.set(std::ptr::null());
            let restore = Restore(cache);
            // SAFETY: `with` holds the cache.
            ON_EQ.get()(unsafe { &*cache }, compared);
            drop(restore);
        }
        self.0 == other.0
    }
}
impl Eq for Key {}
impl StdHash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        assert!(!HASH_PANICS.get(), "a hash that panics");
        state.write_u64(7);
    }
}

struct Restore(*const Cache);

impl Drop for Restore {
    fn drop(&mut self) {
        CACHE.set(self.0);
    }
}

/// Runs `body` while comparisons do `on_eq`, which itself compares without more ado.
fn with<R>(cache: &Cache, on_eq: fn(&Cache, u64), body: impl FnOnce() -> R) -> R {
    ON_EQ.set(on_eq);
    COMPARED.set(0);
    CACHE.set(cache);
    let result = body();
    CACHE.set(std::ptr::null());
    result
}

/// Nobody's participant stands for one that is not fast.
fn is_outside() -> bool {
    fast().participant().id() == usize::MAX || fast().place() < FAST_PARTICIPANTS
}

fn filled(keys: u64) -> Cache {
    let cache = Cache::new(Duration::from_secs(60), 64);
    (0..keys).for_each(|key| cache.set(Key(key), key));
    assert!(is_outside());
    cache
}

/// Nine keys stand in two buckets, so look-ups find theirs at once, near, behind home, or not at all.
const KEYS: u64 = 9;

#[test]
fn i9_a_panic_in_each_comparison_leaves_the_pin() {
    let cache = filled(KEYS);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let mut panics = 0;
    for key in 0..=KEYS {
        for fuse in 0..40 {
            thread_local!(static FUSE: Cell<u64> = const { Cell::new(0) });
            FUSE.set(fuse);
            let look = |pinned: bool| {
                with(
                    &cache,
                    |_, compared| assert!(compared != FUSE.get(), "a comparison panics"),
                    || {
                        catch_unwind(AssertUnwindSafe(|| match pinned {
                            true => cache.pin().get(&Key(key)).copied(),
                            false => cache.get(&Key(key)),
                        }))
                    },
                )
            };
            for pinned in [false, true] {
                let found = look(pinned);
                CACHE.set(std::ptr::null());
                assert!(is_outside(), "key {key}, comparison {fuse}");
                match found {
                    Ok(found) => assert_eq!(found, (key < KEYS).then_some(key)),
                    Err(_) => panics += 1,
                }
            }
        }
    }
    std::panic::set_hook(hook);
    assert!(panics > 50, "{panics}");
    assert_eq!(cache.get(&Key(3)), Some(3));
}

#[test]
fn i9_comparisons_may_call_the_cache() {
    let cache = filled(KEYS);
    let before = cache.stats();
    let mut looked = 0;
    for key in 0..=KEYS {
        let found = with(
            &cache,
            |cache, compared| {
                // The last key but one comes and goes; it is none of those that are looked up.
                assert_eq!(cache.get(&Key(compared % KEYS)), Some(compared % KEYS));
                assert_eq!(cache.get(&Key(99)), None);
                cache.set(Key(98), compared);
                assert!(cache.invalidate(&Key(98)));
            },
            || cache.get(&Key(key)),
        );
        assert!(is_outside(), "{key}");
        assert_eq!(found, (key < KEYS).then_some(key));
        looked += 1 + 2 * COMPARED.get();
    }
    let after = cache.stats();
    let counted = after.hits + after.misses - before.hits - before.misses;
    assert_eq!(counted, looked, "each look-up counts once");
    assert!(looked > 60, "{looked}");
    // One that ends what it looks for.
    let found = with(
        &cache,
        |cache, _| cache.clear(),
        || cache.get(&Key(KEYS - 1)),
    );
    assert!(found.is_none_or(|value| value == KEYS - 1));
    assert!(is_outside());
    assert_eq!((cache.len(), cache.get(&Key(0))), (0, None));
}

/// I9, whichever way a look-up takes: of a thread that is fast, far, or has its place elsewhere.
#[test]
fn i9_a_panic_in_a_hash_leaves_the_pin() {
    let cache = filled(KEYS);
    type LookUp<'c> = &'c dyn Fn(&Key) -> Option<u64>;
    let panics = |look_up: LookUp<'_>| {
        HASH_PANICS.set(true);
        let caught = catch_unwind(AssertUnwindSafe(|| look_up(&Key(1))));
        HASH_PANICS.set(false);
        assert!(caught.is_err() && is_outside());
    };
    let look_ups: [LookUp<'_>; 3] = [
        &|key| cache.get(key),
        &|key| cache.get_unpinned(key, Clone::clone),
        &|key| cache.get_far(key, Clone::clone),
    ];
    look_ups.into_iter().for_each(panics);
    assert_eq!(cache.get(&Key(1)), Some(1));
    assert_eq!(cache.stats().hits, 1);
}
