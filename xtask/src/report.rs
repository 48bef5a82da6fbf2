//! Runs the steps of a task, keeps going when one fails, and sums up at the end.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::output::{Counts, Failures};

/// What a step must show besides a status of zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Nothing more.
    Success,
    /// At least one test that ran.
    Tests,
    /// Whatever ran is counted; the caller judges (a filter may match only in some steps).
    Counted,
}

/// What a step did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) success: bool,
    pub(crate) counts: Counts,
}

struct Step {
    name: String,
    took: Duration,
    verdict: Result<(), String>,
    failures: Failures,
}

/// The steps run so far.
pub(crate) struct Report {
    started: Instant,
    steps: Vec<Step>,
    passed: u64,
    failed: u64,
    notes: Vec<String>,
    /// Our own tests run pretended tests: what those print must not reach a reader of our output.
    quiet: bool,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            steps: Vec::new(),
            passed: 0,
            failed: 0,
            notes: Vec::new(),
            quiet: false,
        }
    }

    /// Runs a command as a step; its output goes to the terminal as it comes and its tests are summed.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command, expect: Expect) -> Outcome {
        self.run_if(name, command, |outcome| {
            let counts = outcome.counts;
            if !outcome.success {
                Err("failed".to_owned())
            } else if expect == Expect::Tests && counts.passed + counts.failed == 0 {
                Err("ran no test".to_owned())
            } else {
                Ok(())
            }
        })
    }

    /// As [`run`](Self::run), with an own verdict. Tests are summed; a step that is not all right and in
    /// which no test failed counts as one failure.
    pub(crate) fn run_if(
        &mut self,
        name: &str,
        command: &mut Command,
        judge: impl FnOnce(&Outcome) -> Result<(), String>,
    ) -> Outcome {
        println!("\n=== {name}\n$ {}", shown(command));
        let started = Instant::now();
        let (outcome, failures) = match stream(command, self.quiet) {
            Ok(both) => both,
            Err(error) => {
                println!("could not be run: {error}");
                let outcome = Outcome {
                    success: false,
                    counts: Counts::default(),
                };
                (outcome, Failures::default())
            }
        };
        let verdict = judge(&outcome);
        self.passed += outcome.counts.passed;
        self.failed += outcome.counts.failed;
        if verdict.is_err() && outcome.counts.failed == 0 {
            self.failed += 1;
        }
        self.record(name, started, verdict, failures);
        outcome
    }

    /// Runs a command whose tests are meant to fail: they are not summed. Says whether the verdict was good.
    pub(crate) fn expect_failure(
        &mut self,
        name: &str,
        command: &mut Command,
        judge: impl FnOnce(&Outcome) -> Result<(), String>,
    ) -> bool {
        let sums = (self.passed, self.failed);
        let mut good = false;
        self.run_if(name, command, |outcome| {
            let verdict = judge(outcome);
            good = verdict.is_ok();
            verdict
        });
        (self.passed, self.failed) = sums;
        good
    }

    /// Runs something that is no command as a step. It counts as one failure when it fails.
    pub(crate) fn check<T>(
        &mut self,
        name: &str,
        work: impl FnOnce() -> crate::Result<T>,
    ) -> Option<T> {
        println!("\n=== {name}");
        let started = Instant::now();
        let (verdict, value) = match work() {
            Ok(value) => (Ok(()), Some(value)),
            Err(error) => (Err(error.to_string()), None),
        };
        self.failed += u64::from(verdict.is_err());
        self.record(name, started, verdict, Failures::default());
        value
    }

    /// One thing that was shown to hold, or not, inside a step that counts no tests of its own.
    pub(crate) fn count(&mut self, passed: bool) {
        *(if passed {
            &mut self.passed
        } else {
            &mut self.failed
        }) += 1;
    }

    /// Tests counted so far, passed and failed.
    pub(crate) fn tests(&self) -> u64 {
        self.passed + self.failed
    }

    /// Something that went wrong outside a step.
    pub(crate) fn problem(&mut self, text: &str) {
        println!("error: {text}");
        self.failed += 1;
        self.notes.push(format!("error: {text}"));
    }

    /// Something the reader of the summary must know, such as what was not run and why.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        println!("note: {text}");
        self.notes.push(format!("note: {text}"));
    }

    /// Prints the summary; its last line is `N passed, M failed`.
    pub(crate) fn finish(self) -> ExitCode {
        if self.steps.len() > 1 || !self.notes.is_empty() {
            println!("\n=== summary");
        }
        for step in &self.steps {
            let verdict = match &step.verdict {
                Ok(()) => "ok",
                Err(text) => text.lines().next().unwrap_or("failed"),
            };
            println!(
                "{:>8.1} s  {:<42} {verdict}",
                step.took.as_secs_f64(),
                step.name
            );
        }
        for note in &self.notes {
            println!("{note}");
        }
        for step in self.steps.iter().filter(|step| step.verdict.is_err()) {
            for line in step.failures.lines() {
                println!("{}: {line}", step.name);
            }
        }
        println!("{:>8.1} s  in all", self.started.elapsed().as_secs_f64());
        println!("\n{} passed, {} failed", self.passed, self.failed);
        let _ = std::io::stdout().flush();
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn record(
        &mut self,
        name: &str,
        started: Instant,
        verdict: Result<(), String>,
        failures: Failures,
    ) {
        let took = started.elapsed();
        if let Err(text) = &verdict {
            println!("*** {name}: {text}");
        }
        println!("--- {name}: {:.1} s", took.as_secs_f64());
        self.steps.push(Step {
            name: name.to_owned(),
            took,
            verdict,
            failures,
        });
    }
}

/// Runs a command without input, passes its output on line by line, and reads the counts in it.
fn stream(command: &mut Command, quiet: bool) -> std::io::Result<(Outcome, Failures)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let read = Mutex::new((Counts::default(), Failures::default()));
    std::thread::scope(|scope| {
        scope.spawn(|| forward(stdout, (!quiet).then(std::io::stdout), &read));
        scope.spawn(|| forward(stderr, (!quiet).then(std::io::stderr), &read));
    });
    let status = child.wait()?;
    let (counts, failures) = read.into_inner().unwrap_or_else(PoisonError::into_inner);
    let outcome = Outcome {
        success: status.success(),
        counts,
    };
    Ok((outcome, failures))
}

fn forward(from: Option<impl Read>, mut to: Option<impl Write>, read: &Mutex<(Counts, Failures)>) {
    let Some(from) = from else { return };
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(from.read_until(b'\n', &mut line), Ok(length) if length > 0) {
        {
            let text = String::from_utf8_lossy(&line);
            let (counts, failures) = &mut *read.lock().unwrap_or_else(PoisonError::into_inner);
            counts.read(&text);
            failures.read(&text);
        }
        if let Some(to) = &mut to {
            let _ = to.write_all(&line).and_then(|()| to.flush());
        }
        line.clear();
    }
}

/// The command line as one would type it.
fn shown(command: &Command) -> String {
    let set = command.get_envs().filter_map(|(name, value)| {
        let value = value?.to_string_lossy();
        Some(format!("{}={}", name.to_string_lossy(), quoted(&value)))
    });
    // `$CARGO` is an absolute path into a toolchain.
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    let words = words.map(|word| quoted(&word.to_string_lossy()));
    set.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=+:,@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{word}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn quiet() -> Report {
        Report {
            quiet: true,
            ..Report::new()
        }
    }

    const ONE: &str = "echo 'test result: ok. 1 passed; 0 failed; 0 ignored'";

    #[test]
    fn tests_are_summed_from_both_streams() {
        let mut report = quiet();
        report.run("a", &mut sh(&format!("{ONE}; {ONE} >&2")), Expect::Tests);
        assert_eq!((report.passed, report.failed), (2, 0));
    }

    #[test]
    fn a_step_without_tests_fails_when_tests_were_expected() {
        let mut report = quiet();
        report.run("a", &mut sh("true"), Expect::Tests);
        assert_eq!((report.passed, report.failed), (0, 1));
        report.run("b", &mut sh("true"), Expect::Success);
        assert_eq!((report.passed, report.failed), (0, 1));
    }

    #[test]
    fn a_failing_step_counts_once_also_when_it_names_no_failed_test() {
        let mut report = quiet();
        report.run(
            "compile error",
            &mut sh(&format!("{ONE}; exit 101")),
            Expect::Tests,
        );
        assert_eq!((report.passed, report.failed), (1, 1));
        let two = "echo 'test result: FAILED. 0 passed; 2 failed; 0 ignored'; exit 101";
        report.run("two", &mut sh(two), Expect::Tests);
        assert_eq!((report.passed, report.failed), (1, 3));
        report.run(
            "missing",
            &mut Command::new("/nowhere/tool"),
            Expect::Success,
        );
        assert_eq!((report.passed, report.failed), (1, 4));
    }

    #[test]
    fn commands_are_shown_as_one_would_type_them() {
        let mut command = Command::new("cargo");
        command.env("A", "b c").args(["test", "x y"]);
        assert_eq!(shown(&command), "A='b c' cargo test 'x y'");
    }
}
