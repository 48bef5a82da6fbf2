//! Trace files of every format and packing: a trace or one clear line, never a panic.

use std::path::PathBuf;

// The reader alone, as it is: its package brings a dozen other caches that nobody needs to fuzz.
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the reader offers more than is fuzzed"
)]
#[path = "../../../benches/src/trace/mod.rs"]
mod trace;

use trace::{Column, Format, Reading};

/// An ending, or a format that is told whatever the ending.
const KINDS: [(&str, Option<Format>); 12] = [
    ("u64", None),
    ("oracleGeneral", None),
    ("csv", None),
    ("txt", None),
    ("oracleGeneral.bin", None),
    ("lis", None),
    ("tr", None),
    ("x", Some(Format::Address)),
    ("x", Some(Format::Lirs)),
    ("x", Some(Format::Text)),
    ("x", Some(Format::Csv)),
    ("tsv", None),
];
const PACKINGS: [&str; 3] = ["", ".zst", ".gz"];

/// The first byte names the kind and the packing, the second the column, the rest is the file.
pub fn traces(data: &[u8]) {
    let [kind, column, content @ ..] = data else {
        return;
    };
    let kind = usize::from(*kind);
    let ((ending, format), packing) = (KINDS[kind % 12], PACKINGS[kind / 12 % 3]);
    let columns = matches!(ending, "csv" | "txt" | "tsv") || format == Some(Format::Csv);
    let column = match column {
        _ if !columns => None,
        0x80.. => Some(Column::Name("key".to_owned())),
        0 => None,
        number => Some(Column::Number(usize::from(*number))),
    };
    let file = File::with(ending, packing, content);
    match trace::Trace::read(&file.0, &Reading { format, column }) {
        Ok(trace) => {
            assert!(!trace.keys.is_empty(), "an empty trace is an error");
            assert_eq!(trace.dense.len(), trace.keys.len());
            let distinct = trace
                .dense
                .iter()
                .max()
                .map_or(0, |&most| most as usize + 1);
            assert_eq!(trace.unique, distinct);
            assert_eq!(
                trace.remark().is_some(),
                trace.unique == 1 || trace.unique == trace.keys.len()
            );
            if packing.is_empty() {
                plain(ending, format, content, &trace.keys);
            }
        }
        Err(error) => {
            let line = error.to_string();
            assert!(!line.contains('\n'), "more than one line: {line}");
            assert!(
                line.contains("expected"),
                "does not say what was expected: {line}"
            );
            assert!(
                line.contains(&file.0.display().to_string()),
                "does not name the file: {line}"
            );
            // A packed file under a plain name is refused on purpose.
            let packed = [&b"\x1f\x8b"[..], b"\x28\xb5\x2f\xfd"];
            let skippable = content.get(1..4) == Some(&b"\x2a\x4d\x18"[..]);
            let plain = !packed.iter().any(|magic| content.starts_with(magic)) && !skippable;
            let whole = packing.is_empty() && ending == "u64" && content.len() % 8 == 0 && plain;
            assert!(
                !whole || content.is_empty(),
                "a whole file is refused: {line}"
            );
        }
    }
}

/// The simpler formats read here a second time, in the plainest way.
fn plain(ending: &str, format: Option<Format>, content: &[u8], keys: &[u64]) {
    let records = |width: usize, at: usize| -> Vec<u64> {
        assert_eq!(content.len() % width, 0, "a truncated file was taken");
        let key =
            |record: &[u8]| u64::from_le_bytes(record[at..at + 8].try_into().expect("eight bytes"));
        content.chunks_exact(width).map(key).collect()
    };
    let text = std::str::from_utf8(content).unwrap_or_default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let fields = text
        .split('\n')
        .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let fields = fields.filter(|fields| !fields.is_empty() && fields != &["*"]);
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let expected = match (ending, format) {
        ("u64", _) => records(8, 0),
        ("oracleGeneral" | "oracleGeneral.bin", _) => records(24, 4),
        ("lis", _) => fields
            .flat_map(|f| number(f[0])..number(f[0]) + number(f[1]))
            .collect(),
        ("tr", _) => fields
            .map(|f| {
                f[1].parse::<i64>()
                    .map_or_else(|_| number(f[1]), i64::cast_unsigned)
            })
            .collect(),
        (_, Some(Format::Lirs)) => fields.map(|f| number(f[0])).collect(),
        (_, Some(Format::Address)) => fields
            .map(|f| u64::from_str_radix(&f[1][2..], 16).expect("an address"))
            .collect(),
        _ => return assert!(keys.len() <= content.len(), "more requests than bytes"),
    };
    assert_eq!(keys, expected, "keys differ from the bytes");
}

/// A file of this thread's own, gone when dropped.
struct File(PathBuf);

impl File {
    fn with(ending: &str, packing: &str, content: &[u8]) -> Self {
        let (process, thread) = (std::process::id(), std::thread::current().id());
        let name = format!("tux-fuzz-{process}-{thread:?}.{ending}{packing}");
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).expect("a file in the temporary folder");
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
