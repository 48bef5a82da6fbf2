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

const ENDINGS: [&str; 4] = ["u64", "oracleGeneral", "csv", "txt"];
const PACKINGS: [&str; 3] = ["", ".zst", ".gz"];

/// The first byte names the format and the packing, the rest is the file.
pub fn traces(data: &[u8]) {
    let Some((&head, content)) = data.split_first() else {
        return;
    };
    let head = usize::from(head);
    let (ending, packing) = (ENDINGS[head % 4], PACKINGS[head / 4 % 3]);
    let file = File::with(ending, packing, content);
    let column = (head / 12 % 4 == 1 && ending == "csv").then_some("key");
    match trace::Trace::read(&file.0, column) {
        Ok(trace) => {
            assert!(!trace.keys.is_empty(), "an empty trace is an error");
            assert_eq!(trace.dense.len(), trace.keys.len());
            let distinct = trace
                .dense
                .iter()
                .max()
                .map_or(0, |&most| most as usize + 1);
            assert_eq!(trace.unique, distinct);
            assert!(column.is_none() || ending == "csv");
            if packing.is_empty() {
                plain(ending, content, &trace.keys);
            }
        }
        Err(error) => {
            let line = error.to_string();
            assert!(!line.contains('\n'), "more than one line: {line}");
            assert!(
                line.contains(&file.0.display().to_string()),
                "does not name the file: {line}"
            );
            // A packed file under a plain name is refused on purpose.
            let packed = [&b"\x1f\x8b"[..], b"\x28\xb5\x2f\xfd"];
            let plain = !packed.iter().any(|magic| content.starts_with(magic));
            let whole = packing.is_empty() && ending == "u64" && content.len() % 8 == 0 && plain;
            assert!(
                !whole || content.is_empty(),
                "a whole file is refused: {line}"
            );
        }
    }
}

/// The fixed-width formats read here a second time, in the plainest way.
fn plain(ending: &str, content: &[u8], keys: &[u64]) {
    let (width, at) = match ending {
        "u64" => (8, 0),
        "oracleGeneral" => (24, 4),
        _ => return assert!(keys.len() <= content.len(), "more requests than bytes"),
    };
    assert_eq!(content.len() % width, 0, "a truncated file was taken");
    let expected = content
        .chunks_exact(width)
        .map(|record| u64::from_le_bytes(record[at..at + 8].try_into().expect("eight bytes")));
    assert!(
        keys.iter().copied().eq(expected),
        "keys differ from the bytes"
    );
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
