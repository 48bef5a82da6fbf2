//! One mutant against the test programs.

use std::borrow::Borrow;
use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::tree::Program;

/// What became of a mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Noticed by this program.
    Caught(String),
    /// This program came to no end.
    Hung(String),
    Survived,
    Unviable,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caught(by) => write!(f, "caught by {by}"),
            Self::Hung(by) => write!(f, "hung in {by}"),
            Self::Survived => f.write_str("survived"),
            Self::Unviable => f.write_str("unviable"),
        }
    }
}

/// How much a program may take; beyond it, it hangs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) processor_seconds: u64,
    pub(crate) wall: Duration,
}

/// Runs the programs until one fails. `switch` is the number of the mutant; 0 is none.
pub(crate) fn run(
    programs: impl IntoIterator<Item = impl Borrow<Program>>,
    switch: usize,
    limits: Limits,
) -> Result<Fate> {
    for program in programs {
        let program = program.borrow();
        match one(program, switch, limits)? {
            End::Passed => {}
            End::Failed => return Ok(Fate::Caught(program.name.clone())),
            End::Cut => return Ok(Fate::Hung(program.name.clone())),
        }
    }
    Ok(Fate::Survived)
}

/// Threads that wait for each other so long will do so for ever: no test waits for a clock.
const ASLEEP: Duration = Duration::from_secs(4);

enum End {
    Passed,
    Failed,
    Cut,
}

fn one(program: &Program, switch: usize, limits: Limits) -> Result<End> {
    // Busy loops end by their processor time, whatever else runs; sleepers by the wall; endless growth by its size.
    let script = format!(
        "ulimit -t {}; ulimit -v 8000000; ulimit -c 0; exec \"$0\" \"$@\"",
        limits.processor_seconds
    );
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .arg(&program.path)
        .args(["--quiet", "--test-threads=2"])
        .current_dir(&program.dir)
        .env("TUX_MUTANT", switch.to_string())
        .env("RUST_BACKTRACE", "0")
        // Failures need no smaller example here, and the next mutant must not meet those of this one.
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .env("PROPTEST_FAILURE_PERSISTENCE", "off")
        .env("TUX_RANDOM_INPUTS", "40")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let (started, mut awake) = (Instant::now(), Instant::now());
    loop {
        if let Some(status) = child.try_wait()? {
            use std::os::unix::process::ExitStatusExt;
            // SIGXCPU, or SIGKILL right after it.
            return Ok(match (status.success(), status.signal()) {
                (true, _) => End::Passed,
                (false, Some(24 | 9)) => End::Cut,
                (false, _) => End::Failed,
            });
        }
        if !all_sleep(child.id()) {
            awake = Instant::now();
        }
        if started.elapsed() > limits.wall || awake.elapsed() > ASLEEP {
            child.kill()?;
            child.wait()?;
            return Ok(End::Cut);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether all threads of a process wait for something. One that only waits for a processor, or is stopped, does not: so a
/// busy machine makes no hang. Where the system does not say, `false`.
fn all_sleep(process: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else {
        return false;
    };
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // After the name, which is in parentheses and may hold anything.
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('S'))
    })
}
