//! The optimum of hindsight: Belady's MIN with bypass.

use std::collections::BinaryHeap;

/// What the optimum reaches on a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Optimum {
    /// Requests answered from the cache.
    pub hits: u64,
    /// The most entries it held.
    pub max_len: usize,
}

/// "Never again", and as an entry's own mark "not in the cache".
const NEVER: u32 = u32::MAX;

/// For each request the index of the next one for the same key. O(n) time and memory.
///
/// # Panics
/// With 2^32 − 1 requests or more.
pub fn next_uses(dense: &[u32], unique: usize) -> Vec<u32> {
    assert!(
        dense.len() < NEVER as usize,
        "a trace of {} requests is too long for the optimum",
        dense.len()
    );
    let mut next_of_key = vec![NEVER; unique];
    let mut next = vec![NEVER; dense.len()];
    for (index, &key) in dense.iter().enumerate().rev() {
        next[index] = std::mem::replace(&mut next_of_key[key as usize], index as u32);
    }
    next
}

/// The most hits any policy can have with `capacity` entries when it may refuse to keep what it was just given: on
/// a miss it keeps whichever keys are used again soonest. `next` comes from [`next_uses`]. O(n log capacity).
pub fn optimum(dense: &[u32], unique: usize, next: &[u32], capacity: usize) -> Optimum {
    let mut result = Optimum {
        hits: 0,
        max_len: 0,
    };
    let mut len = 0;
    // The next use of each cached key. The heap holds these too, and older ones, which are skipped when they surface.
    let mut cached = vec![NEVER; unique];
    let mut farthest: BinaryHeap<(u32, u32)> = BinaryHeap::new();
    for (index, &key) in dense.iter().enumerate() {
        let next = next[index];
        if cached[key as usize] != NEVER {
            result.hits += 1;
            cached[key as usize] = NEVER;
            len -= 1;
        }
        // What is never used again needs no room.
        if next == NEVER || capacity == 0 {
            continue;
        }
        if len == capacity {
            while farthest
                .peek()
                .is_some_and(|&(use_at, key)| cached[key as usize] != use_at)
            {
                farthest.pop();
            }
            match farthest.peek() {
                Some(&(use_at, victim)) if use_at > next => {
                    farthest.pop();
                    cached[victim as usize] = NEVER;
                    len -= 1;
                }
                _ => continue,
            }
        }
        cached[key as usize] = next;
        farthest.push((next, key));
        len += 1;
        result.max_len = result.max_len.max(len);
    }
    result
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trace::{Reading, Trace};

    fn hits(keys: &[u64], capacity: usize) -> u64 {
        let trace = Trace::new("t", keys.to_vec());
        let next = next_uses(&trace.dense, trace.unique);
        optimum(&trace.dense, trace.unique, &next, capacity).hits
    }

    /// The optimum by trying every choice: after a request any of the cached keys may go, or the new one may be
    /// refused.
    fn exhaustive(keys: &[u64], cached: &[u64], capacity: usize) -> u64 {
        let Some((&key, rest)) = keys.split_first() else {
            return 0;
        };
        if cached.contains(&key) {
            return 1 + exhaustive(rest, cached, capacity);
        }
        let mut best = exhaustive(rest, cached, capacity);
        let with = |cached: &[u64]| [cached, &[key]].concat();
        if cached.len() < capacity {
            best = best.max(exhaustive(rest, &with(cached), capacity));
        } else {
            for victim in cached {
                let kept: Vec<u64> = cached
                    .iter()
                    .copied()
                    .filter(|other| other != victim)
                    .collect();
                best = best.max(exhaustive(rest, &with(&kept), capacity));
            }
        }
        best
    }

    #[test]
    fn a_loop_one_larger_than_the_cache_keeps_all_but_one() {
        let keys: Vec<u64> = (0..100).map(|index| index % 5).collect();
        assert_eq!(hits(&keys, 4), 100 - 5 - 19);
        assert_eq!(hits(&keys, 5), 95);
        assert_eq!(hits(&keys, 0), 0);
    }

    #[test]
    fn keys_used_once_do_not_take_room() {
        assert_eq!(hits(&[1, 2, 3, 1, 4, 5, 1], 1), 2);
    }

    #[test]
    fn it_reproduces_the_recorded_optimum() {
        // The traces are not part of the repository: TUX_TRACES names their folder.
        let Some(folder) = std::env::var_os("TUX_TRACES").map(std::path::PathBuf::from) else {
            return;
        };
        let baseline = std::fs::read_to_string(folder.join("baseline.csv")).expect("baseline.csv");
        let mut cells = 0;
        let mut last: Option<(Trace, Vec<u32>)> = None;
        for line in baseline.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let (name, capacity, belady) =
                (fields[0], fields[3].parse::<usize>().unwrap(), fields[5]);
            if last.as_ref().is_none_or(|(trace, _)| trace.name != name) {
                let trace =
                    Trace::read(&folder.join(format!("{name}.u64.zst")), &Reading::default())
                        .unwrap();
                let next = next_uses(&trace.dense, trace.unique);
                last = Some((trace, next));
            }
            let (trace, next) = last.as_ref().unwrap();
            assert_eq!(
                (fields[1], fields[2]),
                (&*trace.keys.len().to_string(), &*trace.unique.to_string()),
                "{name}"
            );
            let found = optimum(&trace.dense, trace.unique, next, capacity);
            let ratio = found.hits as f64 / trace.keys.len() as f64;
            assert_eq!(format!("{ratio:.4}"), belady, "{name} at {capacity}");
            cells += 1;
        }
        assert!(cells > 50, "{cells} cells");
    }

    proptest! {
        #[test]
        fn it_is_the_best_of_all_choices(keys in prop::collection::vec(0..5_u64, 1..12), capacity in 1..4_usize) {
            prop_assert_eq!(hits(&keys, capacity), exhaustive(&keys, &[], capacity));
        }

        #[test]
        fn it_never_holds_more_than_its_capacity(keys in prop::collection::vec(0..20_u64, 1..200), capacity in 0..8_usize) {
            let trace = Trace::new("t", keys);
            let next = next_uses(&trace.dense, trace.unique);
            prop_assert!(optimum(&trace.dense, trace.unique, &next, capacity).max_len <= capacity);
        }
    }
}
