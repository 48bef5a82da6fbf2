//! Callers, removals, a clock and an origin that changes, all at once: whoever asks after a removal has returned gets nothing of before it,
//! fresh or stale (W2, I6), and no value goes back in time for a caller.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tux_cache::managers::{CaseCache, ManagerOptions};

use crate::common::{GUILD, kept, memory, seconds, until};

#[derive(Default)]
struct Truth {
    /// What the origin says.
    now: AtomicU64,
    /// What it said at least when the last removal returned.
    removed: AtomicU64,
    loads: AtomicU64,
    answers: AtomicU64,
    over: AtomicBool,
}

impl Truth {
    /// Until callers have got some answers more.
    async fn until_answers(&self, more: u64) {
        let wanted = self.answers.load(Ordering::Relaxed) + more;
        until(async || self.answers.load(Ordering::Relaxed) >= wanted).await;
    }

    /// Every third load fails, and each takes some time.
    async fn load(self: Arc<Self>) -> Result<Option<u64>, io::Error> {
        let number = self.loads.fetch_add(1, Ordering::Relaxed);
        let value = self.now.load(Ordering::SeqCst);
        for _ in 0..number % 5 {
            tokio::task::yield_now().await;
        }
        match number % 3 {
            0 if number > 0 => Err(io::Error::other("away")),
            _ => Ok(Some(value)),
        }
    }
}

async fn call(cases: CaseCache, truth: Arc<Truth>, stale: bool) {
    while !truth.over.load(Ordering::Relaxed) {
        let least = truth.removed.load(Ordering::SeqCst);
        let load = {
            let truth = Arc::clone(&truth);
            move || truth.load()
        };
        let answer = match stale {
            true => {
                let answer = cases.get_or_fetch_stale(GUILD, 1, load).await;
                answer.map(|answer| answer.into_inner())
            }
            false => cases.get_or_fetch(GUILD, 1, load).await,
        };
        if let Ok(value) = answer {
            let value = value.expect("a number");
            assert!(value >= least, "{value} after a removal at {least}");
        }
        truth.answers.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
    }
}

async fn mixed(options: ManagerOptions, removals: u64) {
    let (ticker, backend) = memory();
    let cases = CaseCache::with_options(backend.clone(), options);
    // Removes by a manager of its own, which keeps nothing.
    let other = CaseCache::new(backend);
    let truth = Arc::new(Truth::default());
    let callers: Vec<_> = (0..8)
        .map(|n| tokio::spawn(call(cases.clone(), Arc::clone(&truth), n % 4 != 0)))
        .collect();
    for removal in 1..=removals {
        truth.until_answers(20).await;
        // Nothing, due, over, or over for a while.
        ticker.advance(seconds(removal % 4 * 31));
        truth.until_answers(removal % 30).await;
        truth.now.store(removal, Ordering::SeqCst);
        match removal % 3 {
            0 => drop(cases.invalidate(GUILD, 1).await.unwrap()),
            1 => drop(other.invalidate(GUILD, 1).await.unwrap()),
            _ => drop(other.clear_all().await.unwrap()),
        }
        truth.removed.store(removal, Ordering::SeqCst);
    }
    truth.over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(cases.stats().stale_answers > 0, "{:?}", cases.stats());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_is_from_before_a_removal() {
    let options = kept()
        .stale_on_error(seconds(100))
        .throttle(seconds(3))
        .soft_timeout(Duration::from_millis(1));
    mixed(options, 300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_is_from_before_a_removal_while_values_are_refreshed() {
    let options = kept()
        .stale_while_revalidating(seconds(100))
        .refresh_ahead(0.3)
        .throttle(seconds(3));
    mixed(options, 300).await;
}
