//! Children of `fork`: caches and the in-memory backend work there from the first call, whatever the parent's other threads
//! were doing, which do not come along.
#![cfg(unix)]

use std::io::{Read, Write};
use std::os::fd::FromRawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};
use tux_cache::TtlCache;

#[cfg(feature = "backend")]
#[path = "fork/backends.rs"]
mod backends;
#[path = "fork/unbounded.rs"]
mod unbounded;

const TTL: Duration = Duration::from_secs(300);
/// A child that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(30);

/// One test at a time, so that which threads there are is known.
fn in_turn() -> impl Drop {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` in a child, and fails with what it says or when it hangs.
fn in_child(work: impl FnOnce() -> Result<(), String>) {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: just opened, and owned by nobody else.
    let [mut reader, mut writer] = ends.map(|end| unsafe { std::fs::File::from_raw_fd(end) });
    // SAFETY: the child does nothing but run `work`, which is about what may be done there, write and exit.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "no fork");
    if pid == 0 {
        // (A panic would ask for the parent's standard output.)
        std::panic::set_hook(Box::new(|_| ()));
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let said = match result {
            Ok(Ok(())) => "well".to_owned(),
            Ok(Err(said)) => said,
            Err(panic) => match panic.downcast_ref::<String>() {
                Some(text) => text.clone(),
                None => format!("panicked: {:?}", panic.downcast_ref::<&str>()),
            },
        };
        let _ = writer.write_all(said.as_bytes());
        // SAFETY: ends the child, without what the parent has registered for its own end.
        unsafe { libc::_exit(0) };
    }
    drop(writer);
    let (said, hears) = mpsc::channel();
    let listener = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = reader.read_to_string(&mut text);
        let _ = said.send(text);
    });
    let heard = hears.recv_timeout(LIMIT);
    if heard.is_err() {
        // SAFETY: a child of ours that has not been waited for.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
    let mut status = 0;
    // SAFETY: as above.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    listener.join().unwrap();
    assert_eq!(heard.as_deref(), Ok("well"), "exit status {status}");
}

fn within(limit: Duration, what: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !what() {
        if begun.elapsed() > limit {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

/// A value that says how many there are, copies too.
struct Counted(Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn a_child_that_only_reads_sees_expiry() {
    let _turn = in_turn();
    let cache = TtlCache::new(Duration::from_millis(30), 100);
    cache.set_forever(2, 2);
    cache.set(1, 1);
    in_child(|| {
        let ended = within(Duration::from_secs(10), || cache.get(&1).is_none());
        if !ended || cache.get(&2) != Some(2) {
            return Err(format!("{ended}, {:?}", cache.get(&2)));
        }
        Ok(())
    });
    // A child's child, and threads there.
    in_child(|| {
        cache.set_with_ttl(3, 3, TTL);
        in_child(|| {
            let read = std::thread::scope(|scope| scope.spawn(|| cache.get(&3)).join());
            if read.ok() != Some(Some(3)) {
                return Err("not there".into());
            }
            cache.set(1, 1);
            match within(Duration::from_secs(10), || cache.get(&1).is_none()) {
                true => Ok(()),
                false => Err("no expiry in the second child".into()),
            }
        });
        Ok(())
    });
}

/// A view that another thread had open holds nothing back in the child; one of the forking thread's own does.
#[test]
fn a_child_frees_what_it_unlinks() {
    let _turn = in_turn();
    let alive = Arc::new(AtomicUsize::new(0));
    let cache = TtlCache::new(TTL, 1_000);
    cache.set(0, Counted::new(&alive));
    let (open, opened) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let (cache, alive) = (&cache, &alive);
        scope.spawn(move || {
            let view = cache.pin();
            assert!(view.get(&0).is_some());
            open.send(()).unwrap();
            let _ = ended.recv();
        });
        opened.recv().unwrap();
        let churn = |cache: &TtlCache<u64, Counted>| {
            for n in 0..20_000 {
                cache.set(n % 100, Counted::new(alive));
            }
            cache.sweep();
            alive.load(Ordering::Relaxed)
        };
        in_child(|| match churn(cache) {
            0..=1_500 => Ok(()),
            left => Err(format!("{left} values alive of 100")),
        });
        let view = cache.pin();
        let own = view.get(&0).unwrap();
        in_child(|| {
            churn(cache);
            // Freed memory would have been written over.
            if !Arc::ptr_eq(&own.0, alive) || alive.load(Ordering::Relaxed) < 10_000 {
                return Err("what the forking thread still reads was freed".into());
            }
            Ok(())
        });
        drop(end);
    });
}

/// Threads that write, clear, load, and make and drop caches, which starts and ends the ticker.
#[test]
fn children_forked_beside_busy_threads_do_not_hang() {
    let _turn = in_turn();
    let (stop, loads) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (cache, alive) = (TtlCache::new(TTL, 1_000), Arc::new(AtomicUsize::new(0)));
    std::thread::scope(|scope| {
        for thread in 0..6u64 {
            let (cache, stop, loads, alive) = (&cache, &stop, &loads, &alive);
            scope.spawn(move || {
                let mut n = thread;
                while !stop.load(Ordering::Relaxed) {
                    n += 1;
                    match (thread, n % 64) {
                        (0, _) => {
                            let own = TtlCache::new(TTL, 10);
                            own.set(n, n);
                            drop(own);
                        }
                        (1, 0) => cache.clear(),
                        (2, _) => {
                            cache.get_or_fetch(n % 8, || {
                                loads.fetch_add(1, Ordering::Relaxed);
                                Counted::new(alive)
                            });
                            cache.invalidate(&(n % 8));
                        }
                        (3, 0) => {
                            drop(std::thread::spawn(|| TtlCache::new(TTL, 10).set(1, 1)).join())
                        }
                        _ => cache.set(n % 2_000, Counted::new(alive)),
                    }
                }
            });
        }
        for round in 0..60 {
            in_child(|| {
                let before = alive.load(Ordering::Relaxed);
                for n in 0..10_000 {
                    cache.set(n % 500, Counted::new(&alive));
                    if n % 1_000 == 0 {
                        cache.get_or_fetch(n % 8, || Counted::new(&alive));
                    }
                }
                let new = TtlCache::new(TTL, 10);
                new.set(1, 1);
                cache.sweep();
                let more = alive.load(Ordering::Relaxed).saturating_sub(before);
                match (new.get(&1), more) {
                    (Some(1), 0..=2_000) => Ok(()),
                    (one, more) => Err(format!("round {round}: {one:?}, {more} more values")),
                }
            });
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// A load whose leader did not cross is led anew; one whose loader forked goes on in both.
#[test]
fn a_load_under_way_is_led_anew() {
    let _turn = in_turn();
    let cache = TtlCache::new(TTL, 100);
    let (began, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let cache = &cache;
        let leader = scope.spawn(move || {
            cache.get_or_fetch(7, || {
                began.send(()).unwrap();
                let _ = ended.recv();
                70
            })
        });
        begun.recv().unwrap();
        let waiter = scope.spawn(move || cache.get_or_fetch(7, || 71));
        in_child(|| match cache.get_or_fetch(7, || 72) {
            72 if cache.get(&7) == Some(72) => Ok(()),
            other => Err(format!("{other}")),
        });
        drop(end);
        assert_eq!((leader.join().unwrap(), waiter.join().unwrap()), (70, 70));
    });
    let here = AtomicBool::new(true);
    // The loader's own child goes on behind the `get_or_fetch`; its result is told by another child's end.
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    let value = cache.get_or_fetch(8, || {
        // Inside a load, another one of a key that is being loaded outside.
        assert_eq!(cache.get_or_fetch(9, || 90), 90);
        // SAFETY: the child writes one byte below, and exits.
        let pid = unsafe { libc::fork() };
        here.store(pid != 0, Ordering::Relaxed);
        assert_eq!(cache.get_or_fetch(10, || 100), 100);
        if pid == 0 { 81 } else { 80 }
    });
    if !here.load(Ordering::Relaxed) {
        let good = value == 81 && cache.get(&8) == Some(81) && cache.get_or_fetch(9, || 0) == 90;
        // SAFETY: one byte; then the child ends.
        unsafe {
            libc::write(ends[1], [u8::from(good)].as_ptr().cast(), 1);
            libc::_exit(0);
        }
    }
    let mut said = [2u8];
    // SAFETY: one byte of room; the descriptors are ours.
    unsafe {
        libc::close(ends[1]);
        libc::read(ends[0], said.as_mut_ptr().cast(), 1);
        libc::close(ends[0]);
    }
    assert_eq!((said, value, cache.get(&8)), ([1], 80, Some(80)));
}
