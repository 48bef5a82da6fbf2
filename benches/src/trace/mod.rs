//! Cache traces: the keys of real requests, in order.
//!
//! `docs/guide/06_your_trace.md` in the repository specifies the formats. Every object counts as one, whatever its size. Keys of
//! textual formats that are not whole numbers are hashed to 64 bits. A trace is read into memory: 12 bytes a request.

mod binary;
mod column;
mod compression;
mod error;
mod format;
mod key;
mod lines;
mod table;

use std::{fs::File, io::Read, path::Path};

use hashbrown::HashMap;

pub use column::Column;
pub use error::TraceError;
use format::Ending;
pub use format::Format;
use table::Separator;

/// What is known of a file beside its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The format; by default the ending and the first lines decide.
    pub format: Option<Format>,
    /// The key's column; by default one with a known title, else the first.
    pub column: Option<Column>,
}

/// A trace in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The file's name without folders and endings.
    pub name: String,
    /// The key of each request; at least one.
    pub keys: Vec<u64>,
    /// The requests with each key replaced by its number in order of first appearance.
    pub dense: Vec<u32>,
    /// Number of distinct keys.
    pub unique: usize,
    /// The format, and where in it the keys stood.
    pub read_as: String,
}

impl Trace {
    /// A trace of these keys.
    ///
    /// # Panics
    /// With more than 2^32 distinct keys.
    pub fn new(name: impl Into<String>, keys: Vec<u64>) -> Self {
        let mut numbers: HashMap<u64, u32, ahash::RandomState> = HashMap::default();
        let dense = keys
            .iter()
            .map(|&key| {
                let next = u32::try_from(numbers.len()).expect("at most 2^32 distinct keys");
                *numbers.entry(key).or_insert(next)
            })
            .collect();
        Self {
            name: name.into(),
            unique: numbers.len(),
            read_as: Format::U64.to_string(),
            keys,
            dense,
        }
    }

    /// Reads a trace.
    ///
    /// # Errors
    /// [`TraceError`], which names the file, the position and what was expected there: a missing, empty, truncated,
    /// corrupt or mis-compressed file, an unknown ending, a line or record that does not fit the format, a missing
    /// column, a `column` for a format without any, several fields a line and nothing that says which is the key.
    pub fn read(path: &Path, reading: &Reading) -> Result<Self, TraceError> {
        let (ending, packing, name) = format::of(path, reading.format)?;
        let ending = match (&reading.column, ending) {
            (Some(_), Ending::Is(format)) if reading.format.is_some() || !format.is_text() => {
                if format != Format::Csv {
                    let problem = format!(
                        "--column needs a file in columns, expected .csv, .tsv or text, found {format}"
                    );
                    return Err(TraceError::new(path, "byte 0", problem));
                }
                ending
            }
            // A column that is asked for goes before what the ending says of a text file.
            (Some(_), _) => Ending::Auto,
            (None, _) => ending,
        };
        let content = compression::unpack(path, read_file(path)?, packing)?;
        let expects = match ending {
            Ending::Is(format) => format.expects(),
            Ending::Auto => Format::Text.expects(),
        };
        if content.is_empty() {
            return Err(TraceError::new(
                path,
                "byte 0",
                format!("empty, expected {expects}"),
            ));
        }
        let content = match ending {
            Ending::Is(format) if !format.is_text() => &content,
            _ => without_mark(path, &content)?,
        };
        let (keys, read_as) = match ending {
            Ending::Is(Format::U64) => (binary::u64_keys(path, content)?, Format::U64.to_string()),
            Ending::Is(Format::OracleGeneral) => (
                binary::oracle_general_keys(path, content)?,
                Format::OracleGeneral.to_string(),
            ),
            Ending::Is(Format::Csv) => in_columns(path, content, reading)?,
            Ending::Is(format) => (
                lines::keys(path, content, format, false)?,
                format.to_string(),
            ),
            Ending::Auto => by_its_lines(path, content, reading)?,
        };
        if keys.len() > lines::MOST_REQUESTS {
            let problem = format!(
                "{} requests, expected at most {}",
                keys.len(),
                lines::MOST_REQUESTS
            );
            return Err(TraceError::new(path, "byte 0", problem));
        }
        Ok(Self {
            read_as,
            ..Self::new(name, keys)
        })
    }

    /// What makes the trace look as if it were read wrongly.
    pub fn remark(&self) -> Option<String> {
        let read_as = &self.read_as;
        let requests = match self.keys.len() {
            1 => "1 request".to_owned(),
            many => format!("{many} requests"),
        };
        if self.unique == self.keys.len() {
            Some(format!(
                "every key is new in {}: {requests}, none for a key seen before, so no cache can hit. Read as \
                 {read_as}; --column or --format say otherwise",
                self.name
            ))
        } else if self.unique == 1 {
            Some(format!(
                "there is one key in {}: all {requests} are for it. Read as {read_as}; --column or --format \
                 say otherwise",
                self.name
            ))
        } else {
            None
        }
    }
}

/// Text without the byte order mark that some programs put before it.
fn without_mark<'a>(path: &Path, content: &'a [u8]) -> Result<&'a [u8], TraceError> {
    let wide = [[0xff, 0xfe], [0xfe, 0xff]];
    if wide.iter().any(|mark| content.starts_with(mark)) {
        return Err(TraceError::new(
            path,
            "byte 0",
            "UTF-16 text, expected UTF-8",
        ));
    }
    Ok(content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content))
}

/// A file that is said to have columns, by its ending or by `--format`.
fn in_columns(
    path: &Path,
    content: &[u8],
    reading: &Reading,
) -> Result<(Vec<u64>, String), TraceError> {
    let (column, doubt) = (reading.column.as_ref(), reading.format.is_none());
    let mut separator = table::separator(content);
    if separator == Separator::Blanks && column.is_none() && !table::names_a_key(content, separator)
    {
        if doubt {
            return Err(undecided(path, content, separator));
        }
        separator = Separator::Byte(b',');
    }
    table::keys(path, content, separator, column, doubt)
}

/// A text file: one key a line, unless a header or `--column` say more.
fn by_its_lines(
    path: &Path,
    content: &[u8],
    reading: &Reading,
) -> Result<(Vec<u64>, String), TraceError> {
    let column = reading.column.as_ref();
    if column.is_some() {
        return table::keys(path, content, table::separator(content), column, true);
    }
    if let Some(separator) = table::several(content) {
        if table::names_a_key(content, separator) {
            return table::keys(path, content, separator, None, true);
        }
        return Err(undecided(path, content, separator));
    }
    let mark = |line: &[u8]| line == b"*";
    let all = || lines::lines(content).map(|line| line.1);
    let lirs = all().any(mark)
        && all().all(|line| line.is_empty() || mark(line) || key::number(line).is_some());
    let format = if lirs { Format::Lirs } else { Format::Text };
    let mut first = all();
    let title = first.next().is_some_and(column::is_key_title)
        && first.next().is_some_and(lines::is_number);
    Ok((
        lines::keys(path, content, format, title)?,
        format.to_string(),
    ))
}

/// Several fields a line, and nothing says which is the key.
fn undecided(path: &Path, content: &[u8], separator: Separator) -> TraceError {
    let (number, line) = lines::lines(content)
        .find(|line| !line.1.is_empty())
        .unwrap_or((1, b""));
    let guess =
        lines::guess(line).map_or(String::new(), |format| format!(" (it looks like {format})"));
    let problem = format!(
        "`{}` has {} fields, expected one key a line, or to be told where the key is: --column N, or --format {}{guess}",
        error::excerpt(line),
        separator.count(line),
        format::names()
    );
    TraceError::new(path, format!("line {number}"), problem)
}

fn read_file(path: &Path) -> Result<Vec<u8>, TraceError> {
    let mut content = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        if endless(&file.metadata()?) {
            return Err(std::io::Error::other("a device, not a file or a pipe"));
        }
        file.read_to_end(&mut content)
    });
    match read {
        Ok(_) => Ok(content),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(TraceError::new(
            path,
            "byte 0",
            "no such file, expected a trace",
        )),
        Err(error) => Err(TraceError::new(
            path,
            format!("byte {}", content.len()),
            format!("cannot be read: {error}, expected a trace"),
        )),
    }
}

/// Whether reading it may never come to an end, as of `/dev/zero`.
#[cfg(unix)]
fn endless(file: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let kind = file.file_type();
    kind.is_char_device() || kind.is_block_device()
}

#[cfg(not(unix))]
const fn endless(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_numbers_follow_first_appearance() {
        let trace = Trace::new("t", vec![9, 4, 9, 7, 4]);
        assert_eq!(trace.dense, [0, 1, 0, 2, 1]);
        assert_eq!(trace.unique, 3);
    }

    #[test]
    fn a_column_needs_columns() {
        let reading = Reading {
            column: Some(Column::Number(1)),
            ..Reading::default()
        };
        for (name, format) in [
            ("x.u64", None),
            ("x.oracleGeneral.bin", None),
            ("x.csv", Some(Format::Text)),
        ] {
            let error = Trace::read(
                Path::new(name),
                &Reading {
                    format,
                    ..reading.clone()
                },
            )
            .unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains("--column needs a file in columns"),
                "{error}"
            );
        }
    }

    #[test]
    fn it_remarks_on_what_looks_wrong() {
        let remark = |keys: &[u64]| Trace::new("t", keys.to_vec()).remark();
        assert!(
            remark(&[1, 2, 3])
                .is_some_and(|text| text.contains("every key is new in t: 3 requests"))
        );
        assert!(remark(&[7, 7]).is_some_and(|text| text.contains("there is one key in t")));
        assert_eq!(remark(&[1, 2, 1]), None);
    }
}
