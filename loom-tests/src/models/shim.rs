//! The shim itself: that `crate::sync` is loom's, and that its fences order what they promise.

use super::check;
use crate::sync::{Arc, AtomicUsize, Ordering, dekker_fence, thread};

/// The Dekker pair every store → load protocol of the engine rests on: of two threads that each store
/// their own flag, fence, and read the other's, at least one sees the other's store.
///
/// Seeded fault: take one `dekker_fence` out; both threads then read 0.
#[test]
fn dekker_pair_needs_its_fences() {
    check("shim::dekker", 3, 100, || {
        let flags = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let turns = Arc::new(AtomicUsize::new(0));
        let run = |me: usize, flags: Arc<[AtomicUsize; 2]>, turns: Arc<AtomicUsize>| {
            turns.fetch_add(1, Ordering::Relaxed);
            flags[me].store(1, Ordering::SeqCst);
            dekker_fence();
            let seen = flags[1 - me].load(Ordering::SeqCst);
            turns.fetch_add(1, Ordering::Relaxed);
            seen
        };
        let other = thread::spawn({
            let (flags, turns) = (Arc::clone(&flags), Arc::clone(&turns));
            move || run(1, flags, turns)
        });
        let mine = run(0, Arc::clone(&flags), Arc::clone(&turns));
        let theirs = other.join().unwrap();
        assert!(mine + theirs >= 1, "both threads missed the other's store");
        assert_eq!(turns.load(Ordering::Relaxed), 4);
    });
}
