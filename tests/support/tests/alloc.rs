//! The counting allocator, installed.

use tux_cache_test_support::{AllocationCount, CountingAllocator, count_allocations, live_bytes};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn blocks_and_bytes_are_counted_on_the_calling_thread() {
    let (kept, count) = count_allocations(|| Vec::<u8>::with_capacity(40));
    assert_eq!((count.allocations, count.bytes, count.frees), (1, 40, 0));
    let ((), count) = count_allocations(|| drop(kept));
    assert_eq!(
        (count.frees, count.bytes_freed, count.allocations),
        (1, 40, 0)
    );
    let (sum, count) = count_allocations(|| (0..100).sum::<u64>());
    assert_eq!((sum, count), (4950, AllocationCount::default()));

    let noisy = || {
        std::thread::spawn(|| drop(vec![0_u8; 1 << 20]))
            .join()
            .unwrap()
    };
    let ((), count) = count_allocations(noisy);
    assert!(
        count.bytes < 1 << 20,
        "another thread's allocation was counted: {count:?}"
    );
}

#[test]
fn growing_counts_as_one_more_block() {
    let (_, count) = count_allocations(|| {
        let mut bytes = Vec::<u8>::with_capacity(8);
        bytes.reserve_exact(64);
        bytes
    });
    assert_eq!((count.allocations, count.frees, count.bytes), (2, 1, 72));
}

#[test]
fn bytes_of_all_threads_are_live_until_they_are_freed() {
    const SIZE: usize = 1 << 24;
    let before = live_bytes();
    let block = std::thread::spawn(|| vec![1_u8; SIZE]).join().unwrap();
    assert!(live_bytes() >= before + SIZE / 2);
    drop(block);
    assert!(live_bytes() < before + SIZE / 2);
}
