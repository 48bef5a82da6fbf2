//! Cache traces: the keys of real requests, in order.
//!
//! | name ends in | content |
//! |---|---|
//! | `.u64` | one little-endian `u64` key per request |
//! | `.oracleGeneral` | libCacheSim's 24-byte records: `u32` time, `u64` key, `u32` size, `i64` next access |
//! | `.csv` | one request a line, the key in the named column, else the first |
//! | `.txt`, `.text`, `.keys`, `.trace`, `.trc` | one key a line |
//!
//! each also with `.zst` or `.gz` behind it. Every object counts as one, whatever its size. Keys of textual formats
//! that are not whole numbers are hashed to 64 bits. A trace is read into memory: 8 bytes a request.

mod binary;
mod compression;
mod error;
mod format;
mod textual;

use std::{fs::File, io::Read, path::Path};

use hashbrown::HashMap;

pub use error::TraceError;
use format::Format;

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
            keys,
            dense,
        }
    }

    /// Reads a trace; `column` names the key's column of a CSV file.
    ///
    /// # Errors
    /// [`TraceError`], which names the file, the position and what was expected there: a missing, empty, truncated,
    /// corrupt or mis-compressed file, an unknown ending, a missing column, a `column` for a format without any.
    pub fn read(path: &Path, column: Option<&str>) -> Result<Self, TraceError> {
        let (format, packing, name) = format::of(path)?;
        if column.is_some() && format != Format::Csv {
            return Err(TraceError::new(
                path,
                "byte 0",
                "--column needs a .csv file",
            ));
        }
        let raw = read_file(path)?;
        let content = compression::unpack(path, raw, packing)?;
        if content.is_empty() {
            return Err(TraceError::new(
                path,
                "byte 0",
                format!("empty, expected {}", format.expects()),
            ));
        }
        let keys = match format {
            Format::U64 => binary::u64_keys(path, &content)?,
            Format::OracleGeneral => binary::oracle_general_keys(path, &content)?,
            Format::Text => textual::text_keys(path, &content)?,
            Format::Csv => textual::csv_keys(path, &content, column)?,
        };
        Ok(Self::new(name, keys))
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, TraceError> {
    let mut content = Vec::new();
    let read = File::open(path).and_then(|mut file| file.read_to_end(&mut content));
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
            format!("cannot be read: {error}"),
        )),
    }
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
        let error = Trace::read(Path::new("x.u64"), Some("key")).unwrap_err();
        assert!(error.to_string().contains("--column"), "{error}");
    }
}
