//! Real time, real lateness: nothing ends before its time to live is over, on a machine that is too busy for the ticker's
//! thread, and in a process that was stopped. (With time injected: `src/time/tests.rs`.)
#![cfg(unix)]

use std::collections::VecDeque;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tux_cache::TtlCache;

/// How long entries lived that ended while somebody looked.
#[derive(Default)]
struct Lives {
    early: usize,
    ended: usize,
    /// The longest that one stayed beyond its time.
    late: Duration,
}

/// Writes a key every `pause` for `span`, and looks for all of them again and again.
fn watch(ttl: Duration, pause: Duration, span: Duration) -> Lives {
    let cache = TtlCache::new(ttl, 100_000);
    let (begun, mut lives) = (Instant::now(), Lives::default());
    let (mut key, mut written) = (0u64, VecDeque::new());
    while begun.elapsed() < span {
        if written
            .back()
            .is_none_or(|&(_, at): &(u64, Instant)| at.elapsed() >= pause)
        {
            written.push_back((key, Instant::now()));
            cache.set(key, key);
            key += 1;
        }
        written.retain(|&(key, at)| {
            if cache.get(&key).is_some() {
                return true;
            }
            let age = at.elapsed();
            lives.ended += 1;
            lives.early += usize::from(age < ttl);
            lives.late = lives.late.max(age.saturating_sub(ttl));
            false
        });
    }
    lives
}

#[test]
#[ignore = "long: cargo xtask long"]
fn long_eight_busy_threads_and_a_time_to_live_of_20_ms() {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 * std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let lives = watch(
            Duration::from_millis(20),
            Duration::from_millis(1),
            Duration::from_secs(8),
        );
        stop.store(true, Ordering::Relaxed);
        println!(
            "{} of {} early, at most {:?} late",
            lives.early, lives.ended, lives.late
        );
        assert!(lives.ended > 100, "only {} ended", lives.ended);
        assert_eq!(lives.early, 0, "of {}", lives.ended);
    });
}

const CHILD: &str = "TUX_CACHE_STOPPED_CHILD";

/// What runs in the process that is stopped: says what it saw as its exit code's text.
#[test]
#[ignore = "the other half of long_a_process_that_was_stopped"]
fn stopped_child() {
    if std::env::var_os(CHILD).is_some() {
        let lives = watch(
            Duration::from_secs(1),
            // So often that some are written between the process' going on and its ticker's.
            Duration::from_micros(20),
            Duration::from_secs(5),
        );
        println!(
            "{} of {} early, at most {:?} late",
            lives.early, lives.ended, lives.late
        );
        assert!(lives.ended > 1_000, "only {} ended", lives.ended);
        assert_eq!(lives.early, 0, "of {}", lives.ended);
    }
}

#[test]
#[ignore = "long: cargo xtask long"]
fn long_a_process_that_was_stopped() {
    for _ in 0..3 {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "stopped_child", "--nocapture"])
            .env(CHILD, "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = libc::pid_t::try_from(child.id()).unwrap();
        // Real time is what this is about.
        std::thread::sleep(Duration::from_millis(1_500));
        // SAFETY: a child of ours that has not been waited for.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGSTOP) }, 0);
        std::thread::sleep(Duration::from_millis(1_500));
        // SAFETY: as above.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGCONT) }, 0);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        println!(
            "{}",
            said.lines()
                .find(|line| line.contains(" early"))
                .unwrap_or("?")
        );
        assert!(
            output.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
