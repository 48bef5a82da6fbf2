//! What the tools we run say about themselves.

/// Counts gathered from a tool's output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
    /// Tests that the test binaries said they would run.
    pub(crate) announced: u64,
    /// Loom models that ran (each is also a test).
    pub(crate) models: u64,
    /// Inputs a fuzzer executed.
    pub(crate) executions: u64,
}

impl Counts {
    /// Adds what one line of output says, if anything.
    pub(crate) fn read(&mut self, line: &str) {
        let line = strip_colour(line);
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("test result: ") {
            // "ok. 10 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s"
            let counts = rest.split_once(". ").map_or(rest, |(_, counts)| counts);
            for part in counts.split("; ") {
                match part.split_once(' ') {
                    Some((n, "passed")) => self.passed += n.parse::<u64>().unwrap_or(0),
                    Some((n, "failed")) => self.failed += n.parse::<u64>().unwrap_or(0),
                    _ => {}
                }
            }
        } else if let Some(rest) = line.strip_prefix("running ") {
            let (n, what) = rest.split_once(' ').unwrap_or_default();
            if what == "test" || what == "tests" {
                self.announced += n.parse::<u64>().unwrap_or(0);
            }
        } else if line.contains("loom model ") && line.contains(" interleavings") {
            self.models += 1;
        } else if let Some(n) = line.strip_prefix("stat::number_of_executed_units:") {
            self.executions += n.trim().parse::<u64>().unwrap_or(0);
        }
    }
}

/// The failed tests of one step and what they printed, for the end of the summary: a long log is often cut short, at the
/// front.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    texts: Vec<Vec<String>>,
    inside: bool,
}

impl Failures {
    /// The most failed tests that are repeated, and the most lines of each.
    const MOST: (usize, usize) = (10, 20);

    /// Keeps the line if it belongs to what a failed test printed.
    pub(crate) fn read(&mut self, line: &str) {
        let line = strip_colour(line);
        let line = line.trim_end();
        if line.starts_with("---- ") && line.ends_with(" stdout ----") {
            self.inside = self.texts.len() < Self::MOST.0;
            if self.inside {
                self.texts.push(Vec::new());
            }
        } else if line == "failures:" || line.starts_with("stack backtrace:") {
            self.inside = false;
        }
        if self.inside
            && !line.is_empty()
            && let Some(text) = self.texts.last_mut()
            && text.len() < Self::MOST.1
        {
            text.push(line.to_owned());
        }
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().flatten().map(String::as_str)
    }
}

/// Removes terminal escapes of the form `ESC [ … letter`.
fn strip_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, escape)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        let end = escape
            .find(|c: char| c.is_ascii_alphabetic())
            .map_or(escape.len(), |at| at + 1);
        rest = &escape[end..];
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Counts {
        let mut counts = Counts::default();
        text.lines().for_each(|line| counts.read(line));
        counts
    }

    #[test]
    fn test_results_are_summed_over_binaries() {
        let counts = read(
            "running 3 tests\n\
             test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s\n\
             test result: \u{1b}[31mFAILED\u{1b}[m. 7 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n",
        );
        assert_eq!(
            counts,
            Counts {
                passed: 10,
                failed: 2,
                announced: 3,
                ..Counts::default()
            }
        );
    }

    #[test]
    fn what_a_test_prints_is_not_a_result() {
        assert_eq!(
            read("a log line: test result: ok. 3 passed; 0 failed"),
            Counts::default()
        );
        assert_eq!(read("5 passed, 0 failed"), Counts::default());
    }

    #[test]
    fn what_failed_tests_print_is_kept_without_backtraces() {
        let mut failures = Failures::default();
        let log = "test a ... FAILED\n\nfailures:\n\n---- a stdout ----\n\nthread 'a' panicked\n  left: 1\n\
                   stack backtrace:\n   0: begin\n---- b stdout ----\nError: no\n\nfailures:\n    a\n    b\n";
        log.lines().for_each(|line| failures.read(line));
        let kept: Vec<_> = failures.lines().collect();
        let expected = [
            "---- a stdout ----",
            "thread 'a' panicked",
            "  left: 1",
            "---- b stdout ----",
            "Error: no",
        ];
        assert_eq!(kept, expected);
    }

    #[test]
    fn models_and_executions_are_counted() {
        let counts = read(
            "test models::a ... loom model a: bound 3, 412 interleavings (all), 0.1 s\n\
             stat::number_of_executed_units: 12345\n",
        );
        assert_eq!((counts.models, counts.executions), (1, 12_345));
    }
}
