//! I2 and I8 on recorded histories of real threads, checked by stateright's linearizability tester, per key, against
//! a map that may forget: never a value that was not written, never an older value after a newer one, never a value after
//! its invalidation or a clear returned, never a leased value published over a change.
//!
//! A history is cut at points of rest into pieces of about 36 operations (never more than 60); what a key holds at rest ends one piece and
//! begins the next. Keys yield the processor inside `eq` and `clone` at random, so that threads meet in the
//! middle of operations, also on few processors. `TUX_HISTORY_OPERATIONS` (default 100,000) is the length of all
//! histories together.

#[path = "linearizability/spec.rs"]
mod spec;

use spec::{Forgetful, Op, Ret, Timed};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};
use tux_cache::{TtlCache, Update};
use tux_cache_test_support::probe::{Group, Key, Site, hook};

type Cache = TtlCache<Key, u64, Group>;

/// Two hashes for all keys.
fn key(n: u64) -> Key {
    Key::new(n, n % 2)
}

/// From now on keys that this thread compares or copies let another thread go on, at every third call or so.
fn yield_inside_keys() {
    let mut calls = 1_u64;
    hook(move |site| {
        if matches!(site, Site::Eq | Site::CloneKey) {
            calls = calls.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            if (calls >> 33).is_multiple_of(3) {
                std::thread::yield_now();
            }
        }
    });
}

/// One operation on one key, with the moments between which it happened.
struct Record {
    key: usize,
    began: Instant,
    ended: Instant,
    op: Op,
    ret: Ret,
}

const PIECE: usize = 36;

struct Setting {
    threads: usize,
    capacity: Option<usize>,
    keys: usize,
}

/// What all pieces saw, to show that the test meets what it is for.
#[derive(Debug, Default)]
struct Seen {
    operations: u64,
    pieces: u64,
    hits: u64,
    overlapping: u64,
    leased: u64,
    refused: u64,
    forgotten: u64,
}

/// One thread's part of one piece.
fn work(
    cache: &Cache,
    thread: usize,
    random: &mut u64,
    operations: usize,
    keys: usize,
    numbers: &AtomicU64,
) -> Vec<Record> {
    let mut records = Vec::with_capacity(2 * operations);
    let mut below = |n: u64| {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        (*random >> 20) % n
    };
    while records.len() < operations {
        let n = usize::try_from(below(keys as u64)).unwrap();
        let key = key(n as u64);
        let mut record = |op, act: &mut dyn FnMut() -> Ret| {
            let began = Instant::now();
            let ret = act();
            let ended = Instant::now();
            records.push(Record {
                key: n,
                began,
                ended,
                op,
                ret,
            });
        };
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        match below(100) {
            0..25 => record(Op::Get, &mut || Ret::Value(cache.get(&key))),
            25..30 => record(Op::Remove, &mut || Ret::Value(cache.remove(&key))),
            30..35 => record(Op::Update(number), &mut || {
                let mut seen = None;
                cache.update(key, |old| {
                    seen = old.copied();
                    std::thread::yield_now();
                    Update::Set(number)
                });
                Ret::Value(seen)
            }),
            35..40 => record(Op::Get, &mut || Ret::Value(cache.pin().get(&key).copied())),
            40..47 => record(Op::SetIfAbsent(number), &mut || {
                Ret::Stored(cache.set_if_absent(key, number).is_ok())
            }),
            47..70 => record(Op::Set(number), &mut || {
                cache.set(key, number);
                Ret::Done
            }),
            70..82 => record(Op::Invalidate, &mut || Ret::Went(cache.invalidate(&key))),
            82..96 => {
                let mut lease = None;
                record(Op::Lease(thread), &mut || {
                    lease = Some(cache.lease(&key));
                    Ret::Done
                });
                std::thread::yield_now();
                record(Op::SetLeased(thread, number), &mut || {
                    let lease = lease.take().expect("called once");
                    Ret::Stored(cache.set_leased(lease, key, number))
                });
            }
            // These change all keys: one operation on each, in the same moment.
            96..98 => {
                record(Op::Invalidate, &mut || {
                    cache.invalidate_matching(|k| *k == key);
                    Ret::Done
                });
            }
            _ => {
                let began = Instant::now();
                cache.clear();
                let ended = Instant::now();
                records.extend((0..keys).map(|key| Record {
                    key,
                    began,
                    ended,
                    op: Op::Invalidate,
                    ret: Ret::Done,
                }));
            }
        }
    }
    records
}

/// Feeds one key's records to the tester, in the order of time.
fn check(threads: usize, before: Option<u64>, all: &[(usize, Record)], seen: &mut Seen) -> bool {
    let mut events: Vec<(Instant, bool, usize, &Record)> = Vec::new();
    for (thread, record) in all {
        // At the same moment: beginnings first, which allows more orders, never fewer.
        events.push((record.began, false, *thread, record));
        events.push((record.ended, true, *thread, record));
    }
    events.sort_by_key(|&(at, is_end, ..)| (at, is_end));
    let moment = |record: &Record, end: bool| {
        let here = |event: &(Instant, bool, usize, &Record)| {
            event.1 == end && std::ptr::eq(event.3, record)
        };
        events.iter().position(here).expect("it is there")
    };
    let timed = |record: &Record| Timed {
        op: record.op.clone(),
        began: moment(record, false),
        ended: moment(record, true),
    };
    let mut tester = LinearizabilityTester::new(Forgetful::new(before, threads));
    let mut open: Vec<Option<&Record>> = vec![None; threads];
    for &(_, is_end, thread, record) in &events {
        // Its own end comes before its next beginning, whatever the clock's grain.
        if let Some(ended) = open[thread]
            && (!is_end || std::ptr::eq(ended, record))
        {
            let done = tester.on_return(thread, ended.ret.clone());
            done.expect("a well-formed history");
            open[thread] = None;
        }
        if !is_end {
            seen.overlapping += u64::from(open.iter().any(Option::is_some));
            let begun = tester.on_invoke(thread, timed(record));
            begun.expect("a well-formed history");
            open[thread] = Some(record);
        }
    }
    tester.is_consistent()
}

fn explore(setting: &Setting, pieces: usize, seen: &mut Seen) {
    let Setting {
        threads,
        capacity,
        keys,
    } = *setting;
    let builder = TtlCache::builder().ttl(Duration::from_secs(1_000));
    let builder = match capacity {
        Some(capacity) => builder.max_size(capacity),
        None => builder.unbounded(),
    };
    let cache: Cache = builder.hasher(Group).build().unwrap();
    // An operation that changes all keys counts on each of them.
    let each = (PIECE - keys) / threads - keys;
    let rest = Barrier::new(threads + 1);
    let numbers = AtomicU64::new(1);
    let records = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (cache, rest, numbers, records) = (&cache, &rest, &numbers, &records);
            scope.spawn(move || {
                yield_inside_keys();
                let mut random = 0x9e37_79b9_u64 * (thread as u64 + 1);
                for _ in 0..pieces {
                    rest.wait();
                    let mine = work(cache, thread, &mut random, each, keys, numbers);
                    records
                        .lock()
                        .unwrap()
                        .extend(mine.into_iter().map(|record| (thread, record)));
                    rest.wait();
                }
            });
        }
        let mut held = vec![None; keys];
        for piece in 0..pieces {
            rest.wait();
            rest.wait();
            let mut all = std::mem::take(&mut *records.lock().unwrap());
            // At rest: what each key holds now ends the piece.
            let now: Vec<_> = (0..keys)
                .map(|key| cache.get(&self::key(key as u64)))
                .collect();
            for (key, value) in now.iter().enumerate() {
                let at = Instant::now();
                all.push((
                    0,
                    Record {
                        key,
                        began: at,
                        ended: at,
                        op: Op::Get,
                        ret: Ret::Value(*value),
                    },
                ));
            }
            assert!(all.len() <= 60, "{} operations", all.len());
            seen.pieces += 1;
            seen.operations += all.len() as u64;
            for (key, before) in held.iter().enumerate() {
                let (of_key, others) = all.into_iter().partition(|(_, r)| r.key == key);
                all = others;
                let of_key: Vec<(usize, Record)> = of_key;
                for (_, record) in &of_key {
                    match record.ret {
                        Ret::Value(Some(_)) => seen.hits += 1,
                        Ret::Value(None) => seen.forgotten += 1,
                        Ret::Stored(true) if matches!(record.op, Op::SetLeased(..)) => {
                            seen.leased += 1
                        }
                        Ret::Stored(false) => seen.refused += 1,
                        _ => {}
                    }
                }
                if !check(threads, *before, &of_key, seen) {
                    report(setting, piece, key, *before, of_key);
                }
            }
            held = now;
        }
    });
}

/// Prints the history and ends the process: the other threads wait at the barrier.
fn report(
    setting: &Setting,
    piece: usize,
    key: usize,
    before: Option<u64>,
    mut of_key: Vec<(usize, Record)>,
) -> ! {
    of_key.sort_by_key(|(_, record)| record.began);
    let start = of_key[0].1.began;
    eprintln!(
        "not linearizable: {} threads, capacity {:?}, {} keys, piece {piece}, key {key}, which held {before:?}",
        setting.threads, setting.capacity, setting.keys
    );
    for (thread, record) in &of_key {
        eprintln!(
            "  {:>9} to {:>9} ns  thread {thread}: {:?} -> {:?}",
            (record.began - start).as_nanos(),
            (record.ended - start).as_nanos(),
            record.op,
            record.ret
        );
    }
    std::process::exit(101)
}

fn wanted() -> u64 {
    std::env::var("TUX_HISTORY_OPERATIONS").map_or(100_000, |n| {
        n.parse()
            .expect("TUX_HISTORY_OPERATIONS must be a number of operations")
    })
}

#[test]
fn i2_i8_histories_are_those_of_a_map_that_may_forget() {
    let settings: Vec<Setting> = [Some(1), Some(2), Some(3), Some(10), None]
        .into_iter()
        .flat_map(|capacity| {
            [(2, 1), (2, 3), (3, 2), (4, 3), (8, 2)].map(|(threads, keys)| Setting {
                threads,
                capacity,
                keys,
            })
        })
        .collect();
    let mut seen = Seen::default();
    while seen.operations < wanted() {
        for setting in &settings {
            explore(setting, 20, &mut seen);
        }
    }
    println!("{seen:?}");
    assert!(seen.hits > seen.operations / 20, "{seen:?}");
    assert!(seen.leased > seen.operations / 200, "{seen:?}");
    assert!(
        seen.overlapping > seen.operations / 50,
        "threads hardly ever met: {seen:?}"
    );
}

/// The checker itself: histories that it must refuse, and one that it must not.
#[test]
fn the_tester_refuses_what_it_should() {
    let history = |steps: &[(Op, Ret)]| {
        let mut tester = LinearizabilityTester::new(Forgetful::new(None, 2));
        for (n, (op, ret)) in steps.iter().enumerate() {
            let timed = Timed {
                op: op.clone(),
                began: 2 * n,
                ended: 2 * n + 1,
            };
            tester.on_invoke(0, timed).unwrap();
            tester.on_return(0, ret.clone()).unwrap();
        }
        tester.is_consistent()
    };
    let set = |n| (Op::Set(n), Ret::Done);
    let got = |n| (Op::Get, Ret::Value(n));
    let invalidated = (Op::Invalidate, Ret::Went(true));
    let lease = (Op::Lease(0), Ret::Done);
    let leased = |stored| (Op::SetLeased(0, 9), Ret::Stored(stored));
    assert!(history(&[
        set(1),
        got(Some(1)),
        got(None),
        set(2),
        got(Some(2))
    ]));
    assert!(history(&[lease.clone(), leased(true), got(Some(9))]));
    assert!(!history(&[got(Some(1))]), "never written");
    assert!(
        !history(&[set(1), set(2), got(Some(1))]),
        "older after newer"
    );
    assert!(
        !history(&[set(1), invalidated, got(Some(1))]),
        "invalidated"
    );
    assert!(!history(&[set(1), got(None), got(Some(1))]), "back again");
    assert!(
        !history(&[lease.clone(), set(1), leased(true)]),
        "void lease"
    );
    assert!(!history(&[lease, leased(false), got(Some(9))]), "refused");
    let removed = |n| (Op::Remove, Ret::Value(n));
    let updated = |seen| (Op::Update(8), Ret::Value(seen));
    let if_absent = |stored| (Op::SetIfAbsent(7), Ret::Stored(stored));
    assert!(history(&[
        set(1),
        updated(Some(1)),
        removed(Some(8)),
        if_absent(true),
        got(Some(7))
    ]));
    assert!(history(&[set(1), updated(None), got(Some(8))]), "forgotten");
    assert!(
        !history(&[set(1), set(2), updated(Some(1))]),
        "not what it saw"
    );
    assert!(
        !history(&[set(1), removed(Some(1)), removed(Some(1))]),
        "twice"
    );
    assert!(!history(&[if_absent(false)]), "refused by nobody");
    assert!(
        !history(&[set(1), if_absent(false), got(Some(7))]),
        "refused"
    );
}
