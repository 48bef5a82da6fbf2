//! What is allocated: nothing by a hit, and no more than stated by what stays.
//!
//! Hits are counted on their own thread. What stays is counted for the whole process, which then must do nothing else: those
//! tests run in a process of their own ([`alone`]).

#[cfg(feature = "backend")]
mod backend;
mod engine;
#[cfg(feature = "backend")]
mod guilds;
#[cfg(feature = "backend")]
mod managers;
#[cfg(target_os = "linux")]
mod untouched;

use tux_cache_test_support::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Set where a test runs alone.
const ALONE: &str = "TUX_TEST_ALONE";

/// Runs `body`, the whole of the test of this name, as the only thread of a process.
fn alone(test: &str, body: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let this = std::env::current_exe().expect("the path of this program");
    let output = std::process::Command::new(this)
        // With one thread for tests that thread is the first one.
        .args([
            "--exact",
            test,
            "--include-ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(ALONE, "1")
        .output()
        .expect("it runs once more");
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{test}: {}", output.status);
    assert!(
        text.contains("test result: ok. 1 passed"),
        "{test} did not run"
    );
}
