//! Standard output and standard error, of which nobody may be at the other end.

use std::io::{self, Write};

use crate::trace::TraceError;

/// Why a program did not end well. Displays as one line.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was asked for or given cannot be: status 2.
    Input(String),
    /// Something went wrong on the way: status 1.
    Run(String),
}

impl From<String> for Failure {
    fn from(line: String) -> Self {
        Failure::Run(line)
    }
}

impl From<TraceError> for Failure {
    fn from(error: TraceError) -> Self {
        Failure::Input(error.to_string())
    }
}

/// Prints to standard output. A reader that has gone away, as `head` does, is no failure.
///
/// # Errors
/// A text, where it cannot be written for another reason.
pub(crate) fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output cannot be written: {error}"))
        }
        _ => Ok(()),
    }
}

/// One line on standard error: `error: …` or `remark: …`.
pub(crate) fn tell(kind: &str, line: &str) {
    let line = line.replace(['\n', '\r'], " ");
    // If that cannot be written either, the exit status is left.
    let _ = writeln!(io::stderr(), "{kind}: {line}");
}
