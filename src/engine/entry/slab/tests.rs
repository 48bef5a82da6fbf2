//! Where cells come from, and where they go.

use super::*;
use std::collections::HashSet;

type Pool = Vec<Memory<u64, u64>>;

fn drain(slab: &Slab<u64, u64>, n: usize) -> Pool {
    let mut all = Pool::new();
    while all.len() < n {
        let mut pool = Pool::new();
        slab.fill(&mut pool);
        assert!(!pool.is_empty());
        all.append(&mut pool);
    }
    all
}

#[test]
fn p1_cells_are_handed_out_once_then_the_allocator_helps() {
    let slab = Slab::<u64, u64>::new(100);
    let all = drain(&slab, 103);
    let different: HashSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());
    assert_eq!(all.iter().filter(|m| slab.cell(**m).is_some()).count(), 100);
    // SAFETY: all of it came from this slab and is given up.
    unsafe { all.iter().for_each(|memory| slab.discard(*memory)) };
}

#[test]
fn p1_spares_come_back_chain_by_chain_and_the_others_go() {
    let slab = Slab::<u64, u64>::new(40);
    let mut all = drain(&slab, 42);
    // SAFETY: all of it came from this slab and is given up.
    unsafe {
        slab.take_back(all.drain(..10));
        slab.take_back(all.drain(..10));
        slab.take_back(all.drain(..));
    }
    let sizes: Vec<_> = (0..3)
        .map(|_| {
            let mut pool = Pool::new();
            slab.fill(&mut pool);
            all.extend(&pool);
            pool.len()
        })
        .collect();
    assert_eq!(sizes, [20, 10, 10]);
    assert!(all.iter().all(|memory| slab.cell(*memory).is_some()));
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 40);
}

/// What the allocator had to give goes back to it as soon as there are cells.
#[test]
fn what_lies_alone_goes_while_cells_are_idle() {
    let slab = Slab::<u64, u64>::new(40);
    let mut all = drain(&slab, 42);
    assert!(!slab.has_spares());
    // SAFETY: all of it came from this slab, and what is taken back is given up.
    unsafe {
        slab.take_back(all.drain(..1));
        assert!(slab.has_spares());
        all.retain(|memory| !slab.take_back_alone(*memory));
    }
    assert_eq!(all.len(), 39);
    assert!(all.iter().all(|memory| slab.cell(*memory).is_some()));
}

#[test]
fn without_cells_there_is_the_allocator() {
    let slab = Slab::<u64, u64>::new(0);
    let all = drain(&slab, 2);
    // SAFETY: all of it came from this slab and is given up.
    unsafe { slab.take_back(all.into_iter()) };
    assert!(slab.spare.load(Ordering::Relaxed).is_null());
}

#[test]
fn memory_behind_the_array_is_not_its_own() {
    let slab = Slab::<u64, u64>::new(3);
    let at = |cell: usize| {
        let offset = EntryLayout::<Entry<u64, u64>>::offset(cell);
        let address = slab.start.as_ptr().wrapping_byte_add(offset);
        slab.cell(NonNull::new(address).unwrap())
    };
    assert_eq!(
        (at(0), at(2), at(3), at(1_000)),
        (Some(0), Some(2), None, None)
    );
}

#[test]
fn the_array_holds_the_capacity_and_a_64th() {
    for (capacity, cells) in [(1, 33), (640, 682), (64_000, 65_032)] {
        assert_eq!(Slab::<u64, u64>::for_capacity(capacity).cells, cells);
    }
}

#[test]
fn more_cells_than_memory_are_none() {
    assert_eq!(Slab::<u64, u64>::new(usize::MAX).cells, 0);
}
