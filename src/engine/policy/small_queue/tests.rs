use super::*;

fn pushed(ring: &SmallQueue, taken: &ReservedPositions, slot: u32) -> u32 {
    let position = ring.reserve(taken).unwrap();
    ring.fill(position, Slot(slot));
    position
}

fn ring(places: usize, block: u32) -> SmallQueue {
    SmallQueue::new(places, 0, block, 64 * block, 64).unwrap()
}

#[test]
fn first_in_first_out_and_full_when_it_is_full() {
    for places in [3, 4, 5, 7] {
        let (ring, taken) = (ring(places, 1), ReservedPositions::default());
        let places = places as u32;
        assert_eq!(ring.pop(&taken), None);
        let mut positions: Vec<u32> = (0..places).map(|n| pushed(&ring, &taken, n)).collect();
        // Ten laps.
        for n in places..10 * places {
            assert_eq!(ring.reserve(&taken), None, "Q2");
            let (position, slot) = ring.pop(&taken).unwrap();
            assert_eq!(
                (position, slot),
                (positions[(n - places) as usize], Slot(n - places))
            );
            assert!(
                ring.has_passed(position) && !ring.has_passed(positions[(n - places) as usize + 1])
            );
            positions.push(pushed(&ring, &taken, n));
        }
        assert!(positions.is_sorted() && positions.iter().all(|p| p & ring.index < places));
    }
}

/// In a ring with blocks, too, one thread gets back what it put in, in that order, however far the two are apart.
#[test]
fn blocks_keep_the_order_of_one_thread() {
    for (places, ahead) in [
        (256, 0),
        (256, 1),
        (250, 5),
        (300, 8),
        (256, 9),
        (251, 127),
        (256, 200),
        (201, 200),
    ] {
        let (ring, taken) = (ring(places, 8), ReservedPositions::default());
        let mut popped = 0;
        for n in 0..3_000 {
            pushed(&ring, &taken, n);
            if n >= ahead {
                let (_, slot) = ring.pop(&taken).unwrap();
                assert_eq!(slot, Slot(popped), "{ahead} ahead in {places}");
                popped += 1;
            }
        }
    }
}

/// Two threads that take turns each have their own blocks; nothing comes twice, and nothing is left behind.
#[test]
fn two_threads_get_everything_once() {
    let ring = ring(1_024, 8);
    let threads = [ReservedPositions::default(), ReservedPositions::default()];
    for n in 0..400 {
        pushed(&ring, &threads[n as usize % 2], n + 1);
    }
    let mut seen: Vec<u32> = Vec::new();
    loop {
        let popped = threads.each_ref().map(|taken| ring.pop(taken));
        if popped == [None, None] {
            break;
        }
        seen.extend(popped.iter().flatten().map(|(_, slot)| slot.0));
    }
    seen.retain(|&slot| slot != 0);
    seen.sort_unstable();
    assert!(seen.into_iter().eq(1..=400));
}

/// Of a short queue nobody takes much: others would find it empty.
#[test]
fn a_block_is_a_small_part_of_what_waits() {
    for (waiting, block) in [(1, 1), (31, 1), (32, 2), (127, 7), (200, 8)] {
        let (ring, taken) = (ring(256, 8), ReservedPositions::default());
        ring.tail.store(waiting, Ordering::Relaxed);
        assert!(ring.pop(&taken).is_some());
        let left = taken.head_end.get() - taken.head.get();
        assert_eq!(left + 1, block, "{waiting} wait");
    }
}

/// Q4: small caches, whose policy the exact model follows, take places one by one; the more threads, the smaller the blocks.
#[test]
fn what_threads_take_is_a_small_part_of_s() {
    let taken_at_once = |capacity: usize, threads: usize| {
        let ring = SmallQueue::for_capacity(capacity).unwrap();
        let all = (0..threads)
            .map(|_| ReservedPositions::default())
            .collect::<Vec<_>>();
        all.iter().map(|taken| ring.block(taken)).last().unwrap()
    };
    let alone = [1, 1_023, 1_024, 3_000, 4_096, 100_000].map(|c| taken_at_once(c, 1));
    assert_eq!(alone, [1, 1, 2, 5, 8, 8]);
    for (capacity, threads, block) in [
        (1_024, 2, 1),
        (10_000, 2, 4),
        (100_000, 2, 8),
        (100_000, 16, 6),
        (100_000, 64, 1),
        (1_000_000, 64, 8),
    ] {
        assert_eq!(
            taken_at_once(capacity, threads),
            block,
            "{capacity}, {threads}"
        );
    }
}

/// A block from long ago is given up: what is put there would be far ahead of its turn.
#[test]
fn old_positions_are_not_filled() {
    let ring = ring(1_024, 8);
    let [slow, fast] = [(); 2].map(|()| ReservedPositions::default());
    assert_eq!(pushed(&ring, &slow, 1), 0);
    for n in 0..56 {
        pushed(&ring, &fast, n);
    }
    assert_eq!(pushed(&ring, &slow, 1), 1, "not far");
    pushed(&ring, &fast, 1);
    assert_eq!(pushed(&ring, &slow, 1), 72, "far");
}

/// Blocks end with their lap.
#[test]
fn a_block_does_not_go_beyond_a_lap() {
    let (ring, taken) = (ring(21, 8), ReservedPositions::default());
    let mut positions = Vec::new();
    for n in 0..100 {
        positions.push(pushed(&ring, &taken, n));
        assert_eq!(ring.pop(&taken).unwrap().1, Slot(n));
    }
    let expected = (0..100).map(|n| n / 21 * 32 + n % 21);
    assert!(positions.into_iter().eq(expected));
}

/// The position that comes after so many others.
fn nth(ring: &SmallQueue, n: u32) -> u32 {
    n / ring.len() * (ring.index + 1) + n % ring.len()
}

#[test]
fn distances_are_counted_in_places_across_laps() {
    for places in [1, 3, 4, 7, 8] {
        let ring = ring(places, 1);
        for from in 0..3 * places as u32 {
            for ahead in 0..=places as u32 {
                let (at, to) = (nth(&ring, from), nth(&ring, from + ahead));
                assert_eq!(ring.between(at, to), Some(ahead), "{places}: {at} to {to}");
                assert_eq!(ring.between(to, at), (ahead == 0).then_some(0));
            }
        }
    }
}

fn ring_at(head: u32, tail: u32) -> SmallQueue {
    let ring = ring(4, 1);
    ring.head.store(head, Ordering::Relaxed);
    ring.tail.store(tail, Ordering::Relaxed);
    ring
}

/// I4: a stale view of the tail is an empty ring; taken for a full one, it would put the head before the tail for good.
#[test]
fn a_tail_seen_late_is_an_empty_ring() {
    for late in [1, 2, 1_000, 1 << 20] {
        for head in [0, 7, u32::MAX] {
            let ring = ring_at(head, head.wrapping_sub(late));
            assert_eq!(
                ring.pop(&ReservedPositions::default()),
                None,
                "{late} behind {head}"
            );
            assert_eq!(ring.head.load(Ordering::Relaxed), head);
        }
    }
}

#[test]
fn positions_have_passed_for_half_of_their_range() {
    let ring = ring_at(10, 10);
    assert!(!ring.has_passed(10) && ring.has_passed(9));
    assert!(!ring.has_passed(10 + u32::MAX / 2));
    assert!(ring.has_passed(10 + u32::MAX / 2 + 1));
}

/// Laps come round at the end of the positions' range.
#[test]
fn positions_come_round() {
    let ring = ring(5, 2);
    let start = !ring.index;
    let start = start.wrapping_sub(2 * (ring.index + 1));
    ring.head.store(start, Ordering::Relaxed);
    ring.tail.store(start, Ordering::Relaxed);
    let taken = ReservedPositions::default();
    for n in 0..40 {
        pushed(&ring, &taken, n);
        assert_eq!(ring.pop(&taken).unwrap().1, Slot(n));
    }
    assert!(ring.tail.load(Ordering::Relaxed) < 64);
}

/// Q2: what all threads may have taken and not read yet fits into what stays free, if there are few or not very many for the capacity; and
/// whatever stays free, there are places for all entries and for some that are given up.
#[test]
fn what_threads_are_about_to_read_stays_free() {
    for capacity in [1, 64, 1_000, 2_048, 5_000, 10_000, 100_000, 1_000_000] {
        for threads in [1, 2, 3, 12, 16, 64]
            .into_iter()
            .filter(|&t| t <= MARGIN || capacity / t >= 64)
        {
            let ring = SmallQueue::for_capacity(capacity).unwrap();
            let all = (0..threads)
                .map(|_| ReservedPositions::default())
                .collect::<Vec<_>>();
            let blocks: Vec<u32> = all.iter().map(|taken| ring.block(taken)).collect();
            let block = *blocks.last().unwrap();
            let free = ring.len() - ring.most;
            assert!(
                threads as u32 * block <= free,
                "{capacity}, {threads} of {block}"
            );
        }
        let most = SmallQueue::for_capacity(capacity).unwrap().most as usize;
        assert!(most > capacity + capacity / 32, "{capacity}: {most}");
    }
}
