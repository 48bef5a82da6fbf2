//! The slab: a cell of memory is in one hand at a time, and whoever gets it sees that the one before has let go.

use super::super::check;
use crate::engine::entry::slab::{Memory, Slab};
use crate::sync::{StdArc, thread};
use loom::cell::UnsafeCell;

const SLOTS: usize = 3;

/// The slab, and what the checker watches in place of each cell's memory.
struct Watched {
    slab: Slab<u8, u8>,
    cells: [UnsafeCell<()>; SLOTS],
}

// SAFETY: nothing is stored in the cells; they are touched to have the checker object.
unsafe impl Sync for Watched {}

impl Watched {
    fn new() -> StdArc<Self> {
        StdArc::new(Self {
            slab: Slab::new(SLOTS),
            cells: std::array::from_fn(|_| UnsafeCell::new(())),
        })
    }

    /// Fills a pool and writes to all it got.
    fn fill(&self) -> Vec<Memory<u8, u8>> {
        let mut pool = Vec::new();
        self.slab.fill(&mut pool);
        self.write(&pool);
        pool
    }

    fn write(&self, pool: &[Memory<u8, u8>]) {
        for cell in pool.iter().filter_map(|memory| self.slab.cell(*memory)) {
            self.cells[cell].with_mut(|_| ());
        }
    }

    /// Writes once more, then gives all back.
    fn give(&self, pool: Vec<Memory<u8, u8>>) {
        self.write(&pool);
        // SAFETY: all of it came from this slab.
        unsafe { self.slab.take_back(pool.into_iter()) };
    }
}

/// P1, P2: three threads take and give back, alone and in lists; never are two of them writing to one cell, and what one
/// wrote happened before the next one's writes.
///
/// Seeded faults: `slab-spares-shared` (the spares are read, then taken off: two threads have them), `slab-push-relaxed`
/// (the next one does not see the last one's writes as over).
#[test]
fn a_cell_is_in_one_hand() {
    check("slab::fill/give", 2, 1_000, || {
        let watched = Watched::new();
        // Two chains among the spares, one cell fresh.
        let (a, b) = (watched.fill(), watched.fill());
        watched.give(a);
        watched.give(b);
        let user = || {
            let watched = StdArc::clone(&watched);
            thread::spawn(move || {
                let first = watched.fill();
                watched.give(first);
                watched.fill()
            })
        };
        let users = [user(), user()];
        let own = watched.fill();
        let mut all: Vec<_> = users
            .into_iter()
            .flat_map(|user| user.join().unwrap())
            .chain(own)
            .collect();
        // At rest every cell is to be had, once.
        for _ in 0..SLOTS {
            all.extend(watched.fill());
        }
        let mut cells: Vec<_> = all.iter().filter_map(|m| watched.slab.cell(*m)).collect();
        cells.sort_unstable();
        assert_eq!(cells, [0, 1, 2], "P1: a cell was lost or handed out twice");
        watched.give(all);
    });
}
