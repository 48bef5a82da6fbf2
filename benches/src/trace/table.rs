//! Files in columns.

use std::path::Path;

use csv::StringRecord;

use super::{
    column::{self, Choice, Column},
    error::{TraceError, excerpt},
    format, key,
    lines::{self, MOST_REQUESTS},
};

/// What stands between two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    Byte(u8),
    /// One or more blanks or tabs.
    Blanks,
}

impl Separator {
    /// For people.
    const fn name(self) -> &'static str {
        match self {
            Self::Byte(b'\t') => "separated by tabs",
            Self::Byte(b';') => "separated by semicolons",
            Self::Byte(_) => "separated by commas",
            Self::Blanks => "separated by blanks",
        }
    }

    /// The fields of a line, as far as that can be said of a line alone.
    pub(super) fn count(self, line: &[u8]) -> usize {
        match self {
            Self::Byte(byte) => between(line, byte) + 1,
            Self::Blanks => lines::fields(line).count(),
        }
    }
}

/// How often the byte stands in the line outside quotes.
fn between(line: &[u8], byte: u8) -> usize {
    let mut quoted = false;
    line.iter()
        .filter(|&&found| {
            quoted ^= found == b'"';
            found == byte && !quoted
        })
        .count()
}

/// Lines that are looked at to find the separator.
const SAMPLE: usize = 1_000;
const SEPARATORS: [u8; 3] = [b'\t', b';', b','];

/// What separates the fields if nearly every line has several; a separator that gives all lines the same number goes
/// before one that does not.
pub(super) fn several(content: &[u8]) -> Option<Separator> {
    let sample = || {
        lines::lines(content)
            .map(|line| line.1)
            .filter(|line| !line.is_empty())
            .take(SAMPLE)
    };
    let all = sample().count();
    let (mut even, mut most) = (None, None);
    for separator in SEPARATORS
        .map(Separator::Byte)
        .into_iter()
        .chain([Separator::Blanks])
    {
        let first = separator.count(sample().next()?);
        let with = sample().filter(|line| separator.count(line) > 1).count();
        if with * 10 >= all * 9 {
            most = most.or(Some(separator));
            if first > 1 && sample().all(|line| separator.count(line) == first) {
                even = even.or(Some(separator));
            }
        }
    }
    even.or(most)
}

/// The separator of a file that has columns: if not of nearly every line, of the first.
pub(super) fn separator(content: &[u8]) -> Separator {
    several(content).unwrap_or_else(|| {
        let first = lines::lines(content)
            .map(|line| line.1)
            .find(|line| !line.is_empty());
        let first = first.unwrap_or_default();
        // The last of equals: commas are the most usual.
        let most = SEPARATORS
            .into_iter()
            .max_by_key(|&byte| between(first, byte));
        Separator::Byte(most.unwrap_or(b','))
    })
}

/// Visits the rows until `visit` says that it is enough; blank lines are none.
fn walk(
    path: &Path,
    content: &[u8],
    separator: Separator,
    mut visit: impl FnMut(u64, &StringRecord) -> Result<bool, TraceError>,
) -> Result<(), TraceError> {
    let wrong =
        |line: u64, problem: String| Err(TraceError::new(path, format!("line {line}"), problem));
    let mut row = StringRecord::new();
    let delimiter = match separator {
        Separator::Byte(byte) => byte,
        Separator::Blanks => {
            for (number, line) in lines::lines(content).filter(|line| !line.1.is_empty()) {
                let Ok(text) = std::str::from_utf8(line) else {
                    return wrong(number as u64, "not text, expected UTF-8".into());
                };
                row.clear();
                text.split_ascii_whitespace()
                    .for_each(|field| row.push_field(field));
                if !visit(number as u64, &row)? {
                    break;
                }
            }
            return Ok(());
        }
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(content);
    loop {
        match reader.read_record(&mut row) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                let line = row.position().map_or(0, csv::Position::line);
                if row.as_slice().contains('\n') {
                    return wrong(
                        line,
                        "a quote that does not end on its line, expected one request a line".into(),
                    );
                }
                if !visit(line, &row)? {
                    return Ok(());
                }
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                let problem = match error.kind() {
                    csv::ErrorKind::UnequalLengths {
                        expected_len, len, ..
                    } => {
                        format!("{len} columns, expected {expected_len} as in the lines before")
                    }
                    csv::ErrorKind::Utf8 { .. } => "not text, expected UTF-8".to_owned(),
                    _ => format!("not CSV ({error}), expected one request a line"),
                };
                return wrong(line, problem);
            }
        }
    }
}

/// The first two rows.
fn head(
    path: &Path,
    content: &[u8],
    separator: Separator,
) -> Result<Vec<StringRecord>, TraceError> {
    let mut rows = Vec::with_capacity(2);
    walk(path, content, separator, |_, row| {
        rows.push(row.clone());
        Ok(rows.len() < 2)
    })?;
    Ok(rows)
}

/// Whether the first row is a header that names a known key column.
pub(super) fn names_a_key(content: &[u8], separator: Separator) -> bool {
    // What is wrong with the rows says whoever reads them.
    head(Path::new(""), content, separator).is_ok_and(|rows| {
        let first = rows.first();
        first.is_some_and(|first| column::named(first, rows.get(1)).is_some())
    })
}

/// The keys, and how they were found. With `doubt` the first column of several, taken for want of anything better, is
/// refused if it cannot be the key's.
pub(super) fn keys(
    path: &Path,
    content: &[u8],
    separator: Separator,
    column: Option<&Column>,
    doubt: bool,
) -> Result<(Vec<u64>, String), TraceError> {
    let rows = head(path, content, separator)?;
    let Some(first) = rows.first() else {
        return Err(TraceError::new(
            path,
            "line 1",
            "blank, expected one request a line",
        ));
    };
    let choice = column::choose(path, first, rows.get(1), column)?;
    let Choice { index, header, .. } = choice;
    let mut keys = Vec::new();
    let mut doubts = (doubt && !choice.sure).then(Doubts::default);
    let mut row_number = 0;
    walk(path, content, separator, |line, row| {
        row_number += 1;
        if header && row_number == 1 {
            return Ok(true);
        }
        let wrong = |problem: String| Err(TraceError::new(path, format!("line {line}"), problem));
        match row.get(index) {
            None => {
                return wrong(format!(
                    "{} columns, expected at least {}",
                    row.len(),
                    index + 1
                ));
            }
            Some(key) if key.is_empty() || key.contains('\0') => {
                let key = excerpt(key.as_bytes());
                return wrong(format!(
                    "`{key}` is no key, expected one in column {}",
                    index + 1
                ));
            }
            Some(key) => {
                if let Some(doubts) = &mut doubts {
                    doubts.see(key);
                }
                keys.push(key::of_text(key.as_bytes()));
            }
        }
        if keys.len() > MOST_REQUESTS {
            return wrong(format!(
                "more than {MOST_REQUESTS} requests, expected at most so many"
            ));
        }
        Ok(true)
    })?;
    if keys.is_empty() {
        let problem = "nothing after the header, expected one request a line";
        return Err(TraceError::new(path, "line 2", problem));
    }
    if let Some(reason) = doubts.and_then(|doubts| doubts.reason()) {
        let problem = format!(
            "column 1 of {} {reason}, expected to be told the key's: --column N or its title, or --format {}",
            first.len(),
            format::names()
        );
        return Err(TraceError::new(path, "line 1", problem));
    }
    Ok((keys, how(separator, &choice, first.len())))
}

fn how(separator: Separator, choice: &Choice, columns: usize) -> String {
    let place = match &choice.title {
        Some(title) => format!(
            "column {} `{}`",
            choice.index + 1,
            excerpt(title.as_bytes())
        ),
        None => format!("column {}", choice.index + 1),
    };
    if columns == 1 {
        "csv".to_owned()
    } else {
        format!("csv {}, {place}", separator.name())
    }
}

/// What speaks against a column as the key's.
#[derive(Debug, Default)]
struct Doubts {
    rows: usize,
    last: Option<f64>,
    /// A number was smaller than the one before, or something was no number.
    falls: bool,
    /// The first few distinct texts.
    texts: Vec<String>,
}

impl Doubts {
    /// So few keys in at least [`Self::MANY`] requests are kinds of something.
    const FEW: usize = 4;
    const MANY: usize = 100;

    fn see(&mut self, key: &str) {
        self.rows += 1;
        let number = key.parse::<f64>().ok().filter(|number| number.is_finite());
        self.falls |= match (self.last, number) {
            (_, None) => true,
            (Some(last), Some(number)) => number < last,
            (None, Some(_)) => false,
        };
        self.last = number;
        if self.texts.len() <= Self::FEW && !self.texts.iter().any(|text| text == key) {
            self.texts.push(key.to_owned());
        }
    }

    fn reason(&self) -> Option<String> {
        match self.texts.len() {
            _ if self.rows < 2 => None,
            1 => Some("is the same on every line".to_owned()),
            few if few <= Self::FEW && self.rows >= Self::MANY => {
                Some(format!("has {few} different values on {} lines", self.rows))
            }
            _ if !self.falls => Some("never falls, as times do".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
