//! Caches without a bound, and what happens to an operation while it copies its key: the only moment at which another one can
//! come in between on the same thread.

use super::{Duration, LONG};
use std::cell::RefCell;
use std::sync::Arc;
use tux_cache::TtlCache;
use tux_cache::time::ManualTicker;

type Hook = Box<dyn FnOnce(&Map)>;
type Map = Arc<TtlCache<Key, u64>>;

thread_local! {
    /// What happens when a key is copied next.
    static HOOK: RefCell<Option<(Map, Hook)>> = const { RefCell::new(None) };
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key(u64);

impl Clone for Key {
    fn clone(&self) -> Self {
        if let Some((map, hook)) = HOOK.take() {
            hook(&map);
        }
        Self(self.0)
    }
}

fn map() -> (Map, ManualTicker) {
    let ticker = ManualTicker::new();
    let cache = TtlCache::builder().ttl(LONG).unbounded();
    (
        Arc::new(cache.ticker(ticker.clone()).build().unwrap()),
        ticker,
    )
}

fn at_the_next_copy(map: &Map, hook: impl FnOnce(&Map) + 'static) {
    HOOK.set(Some((Arc::clone(map), Box::new(hook))));
}

fn hook_ran() -> bool {
    HOOK.with_borrow(Option::is_none)
}

#[test]
fn i8_a_lease_publishes_only_if_nothing_changed() {
    let (map, _) = map();
    for there in [false, true] {
        for change in 0..5 {
            map.invalidate(&Key(1));
            if there {
                map.set(Key(1), 1);
            }
            let lease = map.lease(&Key(1));
            match change {
                0 => map.set(Key(1), 9),
                1 => drop(map.invalidate(&Key(1))),
                2 => drop(map.invalidate_matching(|key| key.0 == 50)),
                3 => map.clear(),
                _ => {}
            }
            assert_eq!(map.set_leased(lease, Key(1), 5), change == 4);
            assert_eq!(map.get(&Key(1)) == Some(5), change == 4);
        }
    }
}

/// I8: the lease was valid when the leased set began.
#[test]
fn i8_a_change_while_a_leased_value_is_stored() {
    for there in [false, true] {
        for change in 0..3 {
            let (map, _) = map();
            if there {
                map.set(Key(1), 1);
            }
            let lease = map.lease(&Key(1));
            at_the_next_copy(&map, move |map| match change {
                0 => map.set(Key(1), 9),
                1 => drop(map.invalidate(&Key(1))),
                _ => map.clear(),
            });
            assert!(!map.set_leased(lease, Key(1), 5), "change {change}");
            assert!(hook_ran());
            assert_eq!(map.get(&Key(1)), (change == 0).then_some(9));
            assert_eq!(map.resident(), usize::from(change == 0), "its own is gone");
        }
    }
}

/// What is set while others are invalidated stays.
#[test]
fn a_set_during_an_invalidation_stays() {
    let (map, _) = map();
    map.set(Key(1), 1);
    let went = map.invalidate_matching(|key| {
        map.set(Key(1), 2);
        key.0 == 1
    });
    assert_eq!((went, map.get(&Key(1))), (0, Some(2)));
}

#[test]
fn a_set_during_a_clear_stays() {
    let (map, _) = map();
    map.set(Key(1), 1);
    at_the_next_copy(&map, |map| map.set(Key(1), 2));
    map.clear();
    assert!(hook_ran());
    assert_eq!(map.get(&Key(1)), Some(2));
}

/// A sweep remembers the earliest deadline of what it leaves; writes that never expire do not remind it.
#[test]
fn what_a_sweep_leaves_is_swept_later() {
    let (map, ticker) = map();
    map.set_with_ttl(Key(1), 1, Duration::from_secs(1));
    map.set_with_ttl(Key(2), 2, Duration::from_secs(10));
    ticker.advance(Duration::from_secs(2));
    assert_eq!(map.sweep(), 1);
    ticker.advance(Duration::from_secs(10));
    for n in 0..2_000 {
        map.set_forever(Key(10 + n % 5), n);
    }
    assert_eq!(map.resident(), 5);
}

/// Only new keys, for a hundred times as many writes as there are entries alive at a time.
#[test]
fn new_keys_alone_go_on_with_the_sweeps() {
    let ticker = ManualTicker::new();
    let cache = TtlCache::builder()
        .ttl(Duration::from_millis(10))
        .unbounded();
    let cache = cache.ticker(ticker.clone()).build().unwrap();
    let mut most = 0;
    for key in 0..100_000_u64 {
        cache.set(key, key);
        if key % 100 == 0 {
            ticker.advance(Duration::from_millis(1));
        }
        most = most.max(cache.resident());
    }
    assert!(most <= 3_000, "{most} for 1,000 alive");
}

struct Last(Arc<TtlCache<u64, String>>);

impl Drop for Last {
    fn drop(&mut self) {
        // Many enough that the map grows several times.
        for key in 0..20_000 {
            self.0.set(key, String::from("value"));
            if key % 3 == 0 {
                assert!(self.0.invalidate(&key));
            }
            assert_eq!(self.0.get(&key).is_some(), key % 3 != 0);
        }
        self.0.sweep();
        self.0.clear();
    }
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

/// In a thread that has used it before, and in one that has not; the last handle goes there as well.
#[test]
fn i9_it_grows_and_goes_inside_thread_local_destructors() {
    for used_before in [true, false] {
        let thread = std::thread::spawn(move || {
            let cache = Arc::new(TtlCache::unbounded(LONG));
            LAST.set(Some(Last(Arc::clone(&cache))));
            if used_before {
                cache.set(1, String::from("before"));
            }
        });
        assert!(thread.join().is_ok());
    }
}

/// V1: an update whose value a clear is about to remove goes with it: what it has made of that would otherwise outlive the clear.
#[test]
fn an_update_during_a_clear_goes_with_what_it_saw() {
    let calls: [fn(&Map); 2] = [
        |map| map.clear(),
        |map| _ = map.invalidate_matching(|_| true),
    ];
    for call in calls {
        let (map, _) = map();
        map.set(Key(1), 10);
        at_the_next_copy(&map, |map| {
            let next = |old: Option<&u64>| tux_cache::Update::Set(old.map_or(100, |old| old + 1));
            assert_eq!(map.update(Key(1), next), Some(11));
            assert_eq!(map.update(Key(1), next), Some(12));
        });
        call(&map);
        assert_eq!(map.get(&Key(1)), None);
    }
}
