//! A hit writes to no line that another thread uses.

use tux_cache_watched::{
    Access,
    calls::{self, CAPACITY, Call},
    coherence::transfers,
    observed,
};

#[test]
fn a_hit_in_steady_state_stores_to_no_shared_line() {
    for call in [Call::Hit, Call::PinnedHit, Call::FetchHit] {
        for threads in [2, 8] {
            let found = transfers(call, threads, 2_000, CAPACITY);
            assert_eq!(found.to_shared_lines, 0.0, "{call}, {threads} threads");
            assert_eq!(
                (found.loads, found.updates, found.stores),
                (0.0, 0.0, 0.0),
                "{call}"
            );
        }
    }
}

/// The measurement sees sharing where there is some.
#[test]
fn writers_do_store_to_shared_lines() {
    for call in [Call::InsertAt, Call::Overwrite, Call::Invalidate] {
        let found = transfers(call, 2, 2_000, CAPACITY);
        assert!(found.to_shared_lines >= 1.0, "{call}: {found:?}");
        let writes = found.stores + found.updates;
        assert!(writes > 0.5 && found.loads > 0.0, "{call}: {found:?}");
    }
}

#[test]
fn only_the_watching_thread_is_seen() {
    let ((), mine) = observed(|| {
        std::thread::spawn(|| drop(calls::alone())).join().unwrap();
    });
    assert!(
        mine.iter().all(|touch| touch.access != Access::Update),
        "{mine:?}"
    );
}
