//! Unbounded caches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use tux_cache::TtlCache;

use super::{Counted, LIMIT, TTL, in_child, in_turn};

/// Threads that fill an unbounded cache and empty it, so that its map grows again and again, and that walk over it.
#[test]
fn an_unbounded_cache_works_in_children_forked_beside_threads_that_write_to_it() {
    const FORKS: usize = 200;
    let _turn = in_turn();
    let stop = AtomicBool::new(false);
    let (cache, alive) = (TtlCache::unbounded(TTL), Arc::new(AtomicUsize::new(0)));
    std::thread::scope(|scope| {
        for thread in 0..2u64 {
            let (cache, stop, alive) = (&cache, &stop, &alive);
            scope.spawn(move || {
                let mut n = thread;
                while !stop.load(Ordering::Relaxed) {
                    n += 2;
                    match n % 1_024 {
                        0 => cache.clear(),
                        _ => cache.set(n % 4_096, Counted::new(alive)),
                    }
                }
            });
        }
        for round in 0..FORKS {
            in_child(|| {
                let (before, begun) = (alive.load(Ordering::Relaxed), Instant::now());
                for n in 0..800 {
                    cache.set(n % 200, Counted::new(&alive));
                }
                let found = (0..200).filter(|n| cache.get(n).is_some()).count();
                let gone = (0..100).filter(|n| cache.invalidate(n)).count();
                let loaded = cache.get_or_fetch(1_000_000, || Counted::new(&alive));
                cache.sweep();
                // Four values of each key were written; what was unlinked is freed.
                let more = alive.load(Ordering::Relaxed).saturating_sub(before);
                drop(loaded);
                cache.clear();
                let (len, took) = (cache.len(), begun.elapsed());
                match (found, gone, more, len) {
                    (200, 100, 0..=200, 0) if took < LIMIT / 3 => Ok(()),
                    _ => Err(format!(
                        "round {round}: {found}, {gone}, {more} more, {len} left, {took:?}"
                    )),
                }
            });
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// Where no other thread was inside a call the map is whole, and warm caches stay warm. In a child's child, too, and a thread
/// that is inside a call begins with an empty one there.
#[test]
fn an_unbounded_cache_keeps_what_it_holds_where_no_call_was_under_way() {
    let _turn = in_turn();
    let cache = TtlCache::unbounded(TTL);
    (0..1_000).for_each(|n| cache.set(n, n));
    std::thread::scope(|scope| scope.spawn(|| cache.set(1_000, 1_000)).join()).unwrap();
    let sees = |expected: usize| match (cache.len(), cache.get(&7)) {
        (len, found) if len == expected && found.is_some() == (expected > 0) => Ok(()),
        other => Err(format!("{other:?} of {expected}")),
    };
    in_child(|| {
        cache.set(1_001, 1_001);
        in_child(|| sees(1_002));
        sees(1_002)
    });
    let (open, opened) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let cache = &cache;
        scope.spawn(move || {
            let view = cache.pin();
            open.send(()).unwrap();
            let _ = ended.recv();
            drop(view);
        });
        opened.recv().unwrap();
        in_child(|| {
            sees(0)?;
            cache.set(7, 7);
            // What the child has made goes on in its own children.
            in_child(|| sees(1));
            sees(1)
        });
        drop(end);
    });
    sees(1_001).unwrap();
}
