//! A large cache takes the memory that its entries need, not the memory that it might need.

use crate::alone;
use tux_cache::TtlCache;

/// Bytes of this process that lie in memory, without what is read from the program's own file.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|l| l.trim().strip_suffix(" kB")).unwrap();
    kilobytes.trim().parse::<usize>().unwrap() * 1_024
}

#[test]
fn building_a_cache_for_a_million_entries_takes_no_memory_for_them() {
    alone(
        "untouched::building_a_cache_for_a_million_entries_takes_no_memory_for_them",
        measure,
    );
}

fn measure() {
    const ENTRIES: usize = 1 << 20;
    let before = resident();
    let cache = TtlCache::<u64, u64>::builder()
        .max_size(ENTRIES)
        .build()
        .unwrap();
    let built = resident() - before;
    assert!(built < 2 * ENTRIES, "{built} bytes, more than two an entry");
    (0..ENTRIES as u64).for_each(|n| cache.set(n, n));
    // Some 62 bytes an entry: the entries and the table; ghosts come with evictions.
    let filled = resident() - before;
    assert!(
        filled > 48 * ENTRIES,
        "the measurement sees memory that is used: {filled} bytes"
    );
    assert_eq!(cache.len(), ENTRIES);
}
