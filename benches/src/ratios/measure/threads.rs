//! Several threads at once, timed.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use super::{
    Timing,
    keys::{OPERATIONS, THREADED, TTL, differences, filled, key, right, value_of, warm_up},
};
use crate::peers::Peer;

pub(super) fn mixed<C: Peer<u64, u64> + Send + Sync + 'static>(
    size: usize,
    threads: usize,
) -> Result<Timing, String> {
    let cache = C::new(size, Some(TTL))?;
    let (hot, fresh) = (size as u64 / 2, Arc::new(AtomicU64::new(size as u64)));
    // Twice, so that policies that want to see a key again have.
    for number in (0..hot).chain(0..hot) {
        if cache.get(&key(number)).is_none() {
            cache.set(key(number), value_of(key(number)));
        }
    }
    Ok(Box::new(move || {
        let cache = &cache;
        let (wall, hits) = in_threads(threads, |thread, operations| {
            let mut fresh_key = fresh.fetch_add(operations as u64, Ordering::Relaxed);
            let (mut state, mut found, mut wrong) = (thread as u64 + fresh_key, 0, 0);
            for _ in 0..operations {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let (random, choice) = (state >> 33, (state >> 20) & 0xfff);
                // 3,277 of 4,096 are 80 %.
                let number = if choice < 3_277 {
                    (random * hot) >> 31
                } else {
                    fresh_key += 1;
                    fresh_key
                };
                let key = key(number);
                match cache.get(&key) {
                    Some(value) => {
                        found += 1;
                        wrong |= value ^ value_of(key);
                    }
                    None => cache.set(key, value_of(key)),
                }
            }
            Answers { wrong, found }
        })?;
        let operations = (THREADED * threads) as f64;
        let ratio = hits as f64 / operations;
        if !(0.6..0.9).contains(&ratio) {
            return Err(format!("hits {:.0} % instead of about 80 %", ratio * 100.0));
        }
        Ok(wall / operations)
    }))
}

pub(super) fn read<C: Peer<u64, u64> + Send + Sync + 'static>(
    size: usize,
    threads: usize,
) -> Result<Timing, String> {
    let (cache, keys) = filled::<C>(size)?;
    Ok(Box::new(move || {
        let (wall, _) = in_threads(threads, |thread, operations| {
            let start = thread * keys.len() / threads;
            let (mut wrong, mut left) = (0, operations);
            let mut from = start;
            while left > 0 {
                let to = (from + left).min(keys.len());
                wrong |= differences(&keys[from..to], |key| cache.get(key));
                left -= to - from;
                from = if to == keys.len() { 0 } else { to };
            }
            Answers {
                wrong,
                found: operations as u64,
            }
        })?;
        Ok(wall / (THREADED * threads) as f64)
    }))
}

/// What a thread was answered.
#[derive(Debug, Clone, Copy)]
struct Answers {
    /// What differed from what it should have been.
    wrong: u64,
    /// Look-ups that hit.
    found: u64,
}

/// Runs `body` in so many threads at once, each untimed first, as in `Order::timed`, then with
/// `THREADED` from a common start: nanoseconds from that to the last one's end, and the hits of this part.
fn in_threads(
    threads: usize,
    body: impl Fn(usize, usize) -> Answers + Sync,
) -> Result<(f64, u64), String> {
    let barrier = Barrier::new(threads);
    let spans: Vec<(Instant, Instant, Answers)> = std::thread::scope(|scope| {
        let (barrier, body) = (&barrier, &body);
        let run = |thread| {
            scope.spawn(move || {
                let mut warm = 0;
                warm_up(|| warm |= body(thread, OPERATIONS).wrong);
                barrier.wait();
                let start = Instant::now();
                let Answers { wrong, found } = body(thread, THREADED);
                let end = Instant::now();
                let wrong = wrong | warm;
                (start, end, Answers { wrong, found })
            })
        };
        let workers: Vec<_> = (0..threads).map(run).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker panicked"))
            .collect()
    });
    let start = spans.iter().map(|span| span.0).min().ok_or("no threads")?;
    let end = spans.iter().map(|span| span.1).max().ok_or("no threads")?;
    let wrong = spans.iter().fold(0, |wrong, span| wrong | span.2.wrong);
    let found = spans.iter().map(|span| span.2.found).sum();
    Ok((right(wrong, (end - start).as_nanos() as f64)?, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_answers_of_a_thread_end_the_run() {
        let answers = |wrong| Answers { wrong, found: 3 };
        assert!(in_threads(2, |thread, _| answers(thread as u64)).is_err());
        // Also in the untimed part.
        assert!(
            in_threads(2, |_, operations| answers(u64::from(
                operations == OPERATIONS
            )))
            .is_err()
        );
        let (_, found) = in_threads(2, |_, _| answers(0)).unwrap();
        assert_eq!(found, 6, "the untimed part is not counted");
    }
}
