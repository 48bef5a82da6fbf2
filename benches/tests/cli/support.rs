//! What the tests share: the program, its files and what it prints.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_tux-cache-bench");

/// The program of this name, to be run in the folder.
pub(crate) fn program(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(BINARY);
    // Results go to the package's workspace when cargo says which: here they are to stay in the test's folder.
    command
        .arg(name)
        .current_dir(folder)
        .env_remove("CARGO_MANIFEST_DIR");
    command
}

pub(crate) fn run(name: &str, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = program(name, folder);
    command.args(arguments).output().expect("the program runs")
}

pub(crate) fn replay(folder: &Path, arguments: &[&str]) -> Output {
    run("replay", folder, arguments)
}

pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zst(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 3).unwrap()
}

/// 2,000 requests for 300 keys, some much more often than others.
pub(crate) fn keys() -> Vec<u64> {
    (0..2_000_u64)
        .map(|index| (index * index * 7_919) % 300 * (index % 3 / 2 + 1) % 300)
        .collect()
}

pub(crate) fn unique(keys: &[u64]) -> usize {
    keys.iter().collect::<std::collections::HashSet<_>>().len()
}

pub(crate) fn u64_file(keys: &[u64]) -> Vec<u8> {
    keys.iter().flat_map(|key| key.to_le_bytes()).collect()
}

pub(crate) fn oracle_general_file(keys: &[u64]) -> Vec<u8> {
    let mut file = Vec::new();
    for (time, key) in keys.iter().enumerate() {
        file.extend((time as u32).to_le_bytes());
        file.extend(key.to_le_bytes());
        file.extend(512_u32.to_le_bytes());
        file.extend((-1_i64).to_le_bytes());
    }
    file
}

pub(crate) fn text_file(keys: &[u64]) -> Vec<u8> {
    keys.iter()
        .map(|key| format!("{key}\n"))
        .collect::<String>()
        .into_bytes()
}

pub(crate) fn csv_file(keys: &[u64]) -> Vec<u8> {
    let rows: String = keys
        .iter()
        .enumerate()
        .map(|(time, key)| format!("{time},{key},512\n"))
        .collect();
    format!("time,user,size\n{rows}").into_bytes()
}

pub(crate) fn write(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

pub(crate) fn document(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "",
        "no progress and no words when piped"
    );
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Status 2, nothing on standard output, and one line that holds every part.
pub(crate) fn refused(folder: &Path, arguments: &[&str], parts: &[&str]) {
    let output = replay(folder, arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
    assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
    for part in parts {
        assert!(
            text.contains(part),
            "{arguments:?}: {part} is missing in: {text}"
        );
    }
}
