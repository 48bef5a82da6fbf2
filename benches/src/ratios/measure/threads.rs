//! Several threads at once, timed.

use std::{
    hint::black_box,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use super::{
    Timing,
    keys::{THREADED, TTL, difference, filled, key, right, value_of},
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
        let (cache, hits) = (&cache, AtomicU64::new(0));
        let wall = in_threads(threads, |thread| {
            let mut fresh_key = fresh.fetch_add(THREADED as u64, Ordering::Relaxed);
            let (mut state, mut found, mut wrong) = (thread as u64 + fresh_key, 0, 0);
            for _ in 0..THREADED {
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
            hits.fetch_add(found, Ordering::Relaxed);
            black_box(wrong)
        })?;
        let operations = (THREADED * threads) as f64;
        let ratio = hits.load(Ordering::Relaxed) as f64 / operations;
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
        let wall = in_threads(threads, |thread| {
            let start = thread * keys.len() / threads;
            let (mut wrong, mut left) = (0, THREADED);
            let mut from = start;
            while left > 0 {
                let to = (from + left).min(keys.len());
                keys[from..to]
                    .iter()
                    .for_each(|key| wrong |= difference(*key, cache.get(key)));
                left -= to - from;
                from = if to == keys.len() { 0 } else { to };
            }
            wrong
        })?;
        Ok(wall / (THREADED * threads) as f64)
    }))
}

/// Runs `body` in so many threads at once: nanoseconds from the common start to the last one's end. `body` returns
/// what differed from what it should have been.
fn in_threads(threads: usize, body: impl Fn(usize) -> u64 + Sync) -> Result<f64, String> {
    let barrier = Barrier::new(threads);
    let spans: Vec<(Instant, Instant, u64)> = std::thread::scope(|scope| {
        let (barrier, body) = (&barrier, &body);
        let run = |thread| {
            scope.spawn(move || {
                barrier.wait();
                let start = Instant::now();
                let wrong = body(thread);
                (start, Instant::now(), wrong)
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
    right(
        spans.iter().fold(0, |wrong, span| wrong | span.2),
        (end - start).as_nanos() as f64,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_answers_of_a_thread_end_the_run() {
        assert!(in_threads(2, |thread| thread as u64).is_err());
        assert!(in_threads(2, |_| 0).is_ok());
    }
}
