//! Warm restart (F1 to F4): what a cache holds goes to a file while it serves, and a cache begins with it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde::{Deserialize, Serialize, Serializer};
use tux_cache::time::ManualTicker;
use tux_cache::{ErrorKind, Remaining, Restored, TtlCache, TtlCacheBuilder};

const TTL: Duration = Duration::from_secs(300);

fn builder<K, V>() -> TtlCacheBuilder<K, V>
where
    K: std::hash::Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    TtlCache::builder().ttl(TTL).max_size(100_000)
}

#[test]
fn a_first_start_has_no_file_and_a_cache_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let restored: Restored<u64, u64, _> =
        TtlCache::restore(folder.path().join("none"), builder()).unwrap();
    assert!(restored.is_missing());
    assert_eq!(restored.error.as_ref().unwrap().kind(), ErrorKind::File);
    assert_eq!((restored.entries, restored.expired), (0, 0));
    restored.cache.set(1, 2);
    assert_eq!(restored.cache.get(&1), Some(2));
}

#[test]
fn what_cannot_be_built_is_the_builders_error() {
    let folder = tempfile::tempdir().unwrap();
    let unbuilt = TtlCache::<u64, u64>::restore(folder.path().join("none"), TtlCache::builder());
    assert_eq!(unbuilt.unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn a_foreign_file_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content, expected) in [
        (
            "text",
            &b"# configuration\nport = 1\n"[..],
            "begins with \"# config\"",
        ),
        ("empty", b"", "empty"),
        ("zeros", &[0; 4_096], "no snapshot"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let restored = TtlCache::<u64, u64>::restore(&path, builder()).unwrap();
        let error = restored.error.expect(name).to_string();
        assert!(error.contains(expected) && error.contains(name), "{error}");
        assert!(restored.cache.is_empty());
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
    // A folder is no file.
    let restored = TtlCache::<u64, u64>::restore(folder.path(), builder()).unwrap();
    assert_eq!(restored.error.unwrap().kind(), ErrorKind::File);
}

#[test]
fn where_no_file_can_be_made_the_error_names_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no such folder").join("cache");
    let cache = TtlCache::<u64, u64>::new(TTL, 10);
    let error = cache.snapshot(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::File);
    assert!(error.message().contains("no such folder"), "{error}");
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
struct Unwritable(u64);

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            7 => Err(serde::ser::Error::custom("seven cannot be written")),
            number => serializer.serialize_u64(number),
        }
    }
}

/// F1: a snapshot that fails leaves the one before, and nothing beside it.
#[test]
fn what_cannot_be_written_leaves_the_file_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let cache = TtlCache::<u64, Unwritable>::new(TTL, 100);
    cache.set(1, Unwritable(1));
    cache.snapshot(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    cache.set(7, Unwritable(7));
    let error = cache.snapshot(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

/// F4: a smaller cache takes what it may hold, at every instant.
#[test]
fn the_bound_of_the_new_cache_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let cache = TtlCache::<u64, u64>::new(TTL, 10_000);
    (0..10_000).for_each(|n| cache.set(n, n + 1));
    assert_eq!(cache.snapshot(&path).unwrap().entries, 10_000);
    for max_size in [0, 1, 100, 9_999, 10_000, 20_000] {
        let restored =
            TtlCache::<u64, u64>::restore(&path, TtlCache::builder().ttl(TTL).max_size(max_size));
        let restored = restored.unwrap();
        assert!(restored.error.is_none());
        assert_eq!(restored.entries, 10_000);
        assert_eq!(restored.cache.len(), max_size.min(10_000));
        restored
            .cache
            .for_each(|key, value| assert_eq!(*value, key + 1));
    }
    let unbounded = TtlCache::<u64, u64>::restore(&path, TtlCache::builder().unbounded()).unwrap();
    assert_eq!(unbounded.cache.len(), 10_000);
    // Entries keep their own times.
    assert!(matches!(unbounded.cache.remaining(&1), Some(Remaining::For(left)) if left <= TTL));
}

/// Entries that nobody touches are in the file once, whatever happens to others meanwhile, and so is what it says of them.
#[test]
fn the_cache_serves_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let cache = TtlCache::<u64, String>::new(TTL, 60_000);
    let steady = 20_000_u64;
    (0..steady).for_each(|n| cache.set(n, format!("value {n}")));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..2_u64 {
            let (cache, stop) = (&cache, &stop);
            scope.spawn(move || {
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    let key = steady + (n * 2 + thread) % 10_000;
                    cache.set(key, format!("value {key}"));
                    cache.invalidate(&(steady + n % 10_000));
                    assert!(cache.get(&(n % steady)).is_some());
                    n += 1;
                }
            });
        }
        for _ in 0..5 {
            let size = cache.snapshot(&path).unwrap();
            assert!(
                (steady..=steady + 10_000).contains(&size.entries),
                "{size:?}"
            );
            let restored = TtlCache::restore(&path, builder()).unwrap();
            assert!(restored.error.is_none(), "{restored:?}");
            let cache: TtlCache<u64, String> = restored.cache;
            for n in 0..steady {
                assert_eq!(cache.get(&n), Some(format!("value {n}")));
            }
            cache.for_each(|key, value| assert_eq!(*value, format!("value {key}")));
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// Two at once on one path: each reader finds a whole file.
#[test]
fn snapshots_at_the_same_time_leave_a_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let caches = [1, 2].map(|mark| {
        let cache = TtlCache::<u64, u64>::new(TTL, 5_000);
        (0..5_000).for_each(|n| cache.set(n, mark));
        cache
    });
    caches[0].snapshot(&path).unwrap();
    std::thread::scope(|scope| {
        for cache in &caches {
            scope.spawn(|| {
                (0..20).for_each(|_| assert_eq!(cache.snapshot(&path).unwrap().entries, 5_000))
            });
        }
        for _ in 0..20 {
            let restored = TtlCache::<u64, u64>::restore(&path, builder()).unwrap();
            assert!(restored.error.is_none(), "{restored:?}");
            let mark = restored.cache.get(&0).unwrap();
            let mut entries = 0;
            restored.cache.for_each(|_, value| {
                assert_eq!(*value, mark);
                entries += 1;
            });
            assert_eq!(entries, 5_000);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Against a map: each entry comes back with its value and what remained of its time.
    #[test]
    fn what_is_written_is_read(
        entries in prop::collection::hash_map(
            any::<(u32, String)>(),
            (any::<Option<Vec<u8>>>(), prop::option::of(0_u64..1_000_000)),
            0..300,
        ),
        passed in 0_u64..1_000_000,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let ticker = ManualTicker::new();
        let cache = TtlCache::builder().max_size(1_000).ticker(ticker.clone()).build().unwrap();
        for (key, (value, ttl)) in &entries {
            match ttl {
                Some(ttl) => cache.set_with_ttl(key.clone(), value.clone(), Duration::from_millis(*ttl)),
                None => cache.set_forever(key.clone(), value.clone()),
            }
        }
        ticker.advance(Duration::from_millis(passed));
        let expected: HashMap<_, _> = entries
            .iter()
            .filter_map(|(key, (value, _))| cache.remaining(key).map(|left| (key, (value, left))))
            .collect();
        prop_assert_eq!(cache.snapshot(&path).unwrap().entries, expected.len() as u64);
        let restored: Restored<(u32, String), Option<Vec<u8>>, _> =
            TtlCache::restore(&path, TtlCache::builder().max_size(1_000).ticker(ManualTicker::new())).unwrap();
        prop_assert!(restored.error.is_none());
        prop_assert_eq!(restored.entries + restored.expired, expected.len() as u64);
        for (key, (value, left)) in expected {
            let now = restored.cache.remaining(key);
            match (left, now) {
                (Remaining::Forever, now) => prop_assert_eq!(now, Some(Remaining::Forever)),
                (Remaining::For(left), Some(Remaining::For(now))) => {
                    prop_assert!(now <= left && left - now < Duration::from_secs(60), "{left:?} {now:?}");
                }
                // The clock went on meanwhile.
                (Remaining::For(left), None) => prop_assert!(left < Duration::from_secs(60)),
                (left, now) => prop_assert!(false, "{left:?} {now:?}"),
            }
            if now.is_some() {
                prop_assert_eq!(restored.cache.get(key), Some(value.clone()));
            }
        }
    }
}

/// A million entries cost at most twice what iterating and writing the same bytes costs, and whoever reads meanwhile hardly notices.
#[test]
#[ignore = "long: cargo xtask long"]
fn long_a_snapshot_costs_what_writing_costs_and_readers_hardly_notice() {
    const ENTRIES: u64 = 1_000_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let cache = TtlCache::<u64, String>::new(TTL, ENTRIES as usize);
    (0..ENTRIES).for_each(|n| cache.set(n, format!("the value of {n}")));
    let by_hand = || {
        let begun = Instant::now();
        let unnamed = folder.path().join("by hand");
        let mut out = BufWriter::with_capacity(1 << 17, File::create(&unnamed).unwrap());
        let mut bytes = Vec::new();
        cache.for_each(|key, value| {
            bytes.clear();
            postcard::to_io(&(Some(300_000_u64), key, value), &mut bytes).unwrap();
            out.write_all(&bytes).unwrap();
        });
        out.flush().unwrap();
        out.get_ref().sync_all().unwrap();
        std::fs::rename(unnamed, folder.path().join("written by hand")).unwrap();
        begun.elapsed()
    };
    let snapshot = || {
        let begun = Instant::now();
        assert_eq!(cache.snapshot(&path).unwrap().entries, ENTRIES);
        begun.elapsed()
    };
    by_hand();
    snapshot();
    let mut rounds: Vec<(Duration, Duration)> = (0..7).map(|_| (snapshot(), by_hand())).collect();
    rounds.sort_by_key(|round| round.0);
    let ours = rounds[3].0;
    rounds.sort_by_key(|round| round.1);
    let theirs = rounds[3].1;
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();

    // Batches of hits in a random order, timed by one thread.
    let p99 = |until: &dyn Fn(usize) -> bool| {
        let (mut times, mut key) = (Vec::new(), 1_u64);
        while !until(times.len()) {
            let begun = Instant::now();
            for _ in 0..100 {
                key = key
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let n = (key >> 33) % ENTRIES;
                assert!(cache.get(&n).is_some_and(|value| value.len() > 12));
            }
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        times[times.len() * 99 / 100]
    };
    let alone = p99(&|batches| batches == 20_000);
    let done = AtomicBool::new(false);
    let beside = std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..5 {
                snapshot();
            }
            done.store(true, Ordering::Relaxed);
        });
        p99(&|_| done.load(Ordering::Relaxed))
    });
    println!(
        "snapshot {ours:?}, by hand {theirs:?}: {ratio:.2}; p99 of 100 hits {alone:?} alone, {beside:?} beside snapshots"
    );
    assert!(ratio <= 2.0);
    assert!(beside <= 2 * alone);
}
