//! What is wrong with a trace file, in one line.

use std::{fmt, path::Path};

/// A trace that cannot be read. Displays as one line: `FILE: POSITION: PROBLEM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceError {
    file: String,
    position: String,
    problem: String,
}

impl TraceError {
    /// An error at this position (`byte 80`, `line 3`, `record 2`); the problem says what was expected.
    pub(crate) fn new(
        file: &Path,
        position: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self {
            file: file.display().to_string(),
            position: position.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = format!("{}: {}: {}", self.file, self.position, self.problem);
        // A file name or a decoder's message may hold line breaks; the promise is one line.
        f.write_str(&line.replace(['\n', '\r'], " "))
    }
}

impl std::error::Error for TraceError {}

/// At most 40 characters of a value that goes into a message.
pub(crate) fn excerpt(text: &[u8]) -> String {
    beginning(text, 40)
}

/// At most so many characters of something that goes into a message.
pub(crate) fn beginning(text: &[u8], most: usize) -> String {
    // Four bytes are the most that a character has; a line may be as long as the file.
    let cut = &text[..text.len().min(4 * (most + 1))];
    let cut = String::from_utf8_lossy(cut);
    let mut short: String = cut
        .chars()
        .take(most)
        .flat_map(char::escape_debug)
        .collect();
    if cut.chars().count() > most {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_line() {
        let error = TraceError::new(Path::new("a\nb.u64"), "byte 0", "two\r\nlines");
        assert_eq!(error.to_string(), "a b.u64: byte 0: two  lines");
    }

    #[test]
    fn excerpts_are_short_and_printable() {
        assert_eq!(excerpt(b"a\tb"), "a\\tb");
        assert_eq!(excerpt(&[b'x'; 100]).chars().count(), 41);
    }
}
