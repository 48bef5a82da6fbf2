//! The real binary.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

fn replay(folder: &Path, arguments: &[&str]) -> Output {
    // Results go to the package's workspace when cargo says which: here they are to stay in the test's folder.
    Command::new(env!("CARGO_BIN_EXE_replay"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("CARGO_MANIFEST_DIR")
        .output()
        .expect("the program runs")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zst(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 3).unwrap()
}

/// 2,000 requests for 300 keys, some much more often than others.
fn keys() -> Vec<u64> {
    (0..2_000_u64)
        .map(|index| (index * index * 7_919) % 300 * (index % 3 / 2 + 1) % 300)
        .collect()
}

fn unique(keys: &[u64]) -> usize {
    keys.iter().collect::<std::collections::HashSet<_>>().len()
}

fn u64_file(keys: &[u64]) -> Vec<u8> {
    keys.iter().flat_map(|key| key.to_le_bytes()).collect()
}

fn oracle_general_file(keys: &[u64]) -> Vec<u8> {
    let mut file = Vec::new();
    for (time, key) in keys.iter().enumerate() {
        file.extend((time as u32).to_le_bytes());
        file.extend(key.to_le_bytes());
        file.extend(512_u32.to_le_bytes());
        file.extend((-1_i64).to_le_bytes());
    }
    file
}

fn text_file(keys: &[u64]) -> Vec<u8> {
    keys.iter()
        .map(|key| format!("{key}\n"))
        .collect::<String>()
        .into_bytes()
}

fn csv_file(keys: &[u64]) -> Vec<u8> {
    let rows: String = keys
        .iter()
        .enumerate()
        .map(|(time, key)| format!("{time},{key},512\n"))
        .collect();
    format!("time,user,size\n{rows}").into_bytes()
}

fn write(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn document(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "",
        "no progress and no words when piped"
    );
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn every_format_and_packing_gives_the_same_document() {
    let folder = folder();
    let keys = keys();
    let formats: [(&str, Vec<u8>, &[&str]); 4] = [
        ("t.u64", u64_file(&keys), &[]),
        ("t.oracleGeneral", oracle_general_file(&keys), &[]),
        ("t.txt", text_file(&keys), &[]),
        ("t.csv", csv_file(&keys), &["--column", "user"]),
    ];
    for (name, content, more) in formats {
        for (ending, packed) in [
            ("", content.clone()),
            (".zst", zst(&content)),
            (".gz", gzip(&content)),
        ] {
            let name = format!("{name}{ending}");
            write(folder.path(), &name, &packed);
            let arguments = [
                &[
                    "--trace",
                    &name,
                    "--capacity",
                    "1000,20",
                    "--json",
                    "--rounds",
                    "1",
                ],
                more,
            ]
            .concat();
            let document = document(&replay(folder.path(), &arguments));
            assert_eq!(document["trace"], "t", "{name}");
            assert_eq!(document["requests"], 2_000, "{name}");
            assert_eq!(document["unique"], unique(&keys), "{name}");
            let runs = document["runs"].as_array().unwrap();
            assert_eq!(runs.len(), 2, "{name}");
            // Nothing is evicted: only the first request for each key misses.
            let all_fit = 1.0 - unique(&keys) as f64 / 2_000.0;
            assert!(
                (runs[0]["hit_ratio"].as_f64().unwrap() - all_fit).abs() < 1e-12,
                "{name}: {document}"
            );
            assert_eq!(runs[0]["max_len"], unique(&keys), "{name}");
            assert_eq!(runs[1]["max_len"], 20, "{name}");
        }
    }
}

#[test]
fn json_has_exactly_the_promised_fields() {
    let folder = folder();
    write(folder.path(), "t.u64", &u64_file(&keys()));
    let document = document(&replay(folder.path(), &["--trace", "t.u64", "--json"]));
    let names = |value: &Value| {
        let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(names(&document), ["requests", "runs", "trace", "unique"]);
    let runs = document["runs"].as_array().unwrap();
    assert!(runs.len() >= 4, "default capacities: {document}");
    for run in runs {
        assert_eq!(
            names(run),
            ["cache", "capacity", "hit_ratio", "max_len", "ns_per_op"]
        );
        assert_eq!(run["cache"], "tux-cache");
        assert!(run["ns_per_op"].as_f64().unwrap() > 0.0);
        assert!(run["max_len"].as_u64().unwrap() <= run["capacity"].as_u64().unwrap());
        assert!((0.0..=1.0).contains(&run["hit_ratio"].as_f64().unwrap()));
    }
    assert!(
        !folder.path().join("results").exists(),
        "--json writes no files"
    );
}

#[test]
fn peers_stand_beside_it_and_none_beats_the_optimum() {
    let folder = folder();
    write(folder.path(), "t.u64", &u64_file(&keys()));
    let arguments = [
        "--trace",
        "t.u64",
        "--capacity",
        "60",
        "--peers",
        "--json",
        "--rounds",
        "1",
    ];
    let document = document(&replay(folder.path(), &arguments));
    let runs = document["runs"].as_array().unwrap();
    let names: Vec<&str> = runs
        .iter()
        .map(|run| run["cache"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "tux-cache",
            "quick_cache",
            "moka",
            "mini-moka",
            "TinyUFO",
            "foyer-memory",
            "belady"
        ]
    );
    let optimum = runs[6]["hit_ratio"].as_f64().unwrap();
    let strict = ["tux-cache", "foyer-memory"];
    for run in runs
        .iter()
        .filter(|run| strict.contains(&run["cache"].as_str().unwrap()))
    {
        assert!(run["hit_ratio"].as_f64().unwrap() <= optimum, "{run}");
    }
}

#[test]
fn a_table_a_record_and_plots() {
    let folder = folder();
    write(folder.path(), "t.u64", &u64_file(&keys()));
    let output = replay(folder.path(), &["--trace", "t.u64", "--capacity", "20,60"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    for part in [
        "2,000 requests",
        "hit %",
        "Belady %",
        "p99.9",
        "M op/s",
        "B/entry",
        "tux-cache",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.path().join("results/local"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let endings: Vec<bool> = files
        .iter()
        .map(|file| {
            file.extension()
                .is_some_and(|ending| ending == "svg" || ending == "json")
        })
        .collect();
    assert_eq!(endings, [true; 3], "{files:?}");
    let record = files
        .iter()
        .find(|file| file.extension().is_some_and(|ending| ending == "json"))
        .unwrap();
    let record: Value = serde_json::from_str(&std::fs::read_to_string(record).unwrap()).unwrap();
    for part in ["cpu", "cores", "kernel", "rustc", "commit", "load", "date"] {
        assert!(record["machine"][part] != Value::Null, "{part}: {record}");
    }
    assert!(
        record["runs"][0]["hit_latency"]["p50_ns"].as_f64().unwrap() > 0.0,
        "{record}"
    );
    assert!(
        record["runs"][0]["bytes_per_entry"].as_f64().unwrap() > 0.0,
        "the allocator counts: {record}"
    );
}

#[test]
fn the_bot_shard_plays_with_two_threads() {
    let folder = folder();
    let arguments = [
        "--duration",
        "300ms",
        "--threads",
        "2",
        "--capacity",
        "5000",
        "--ttl",
        "5m",
        "--json",
    ];
    let document = document(&replay(folder.path(), &arguments));
    assert_eq!(document["workload"], "bot-shard");
    assert_eq!(
        (&document["threads"], &document["seed"]),
        (&Value::from(2), &Value::from(1))
    );
    let run = &document["runs"][0];
    assert!(run["hit_ratio"].as_f64().unwrap() > 0.2, "{document}");
    assert!(run["max_len"].as_u64().unwrap() <= 5_000, "{document}");
    assert_eq!(
        run["requests"].as_u64().unwrap(),
        document["messages"].as_u64().unwrap() * 4
    );
}

/// Status 2, nothing on standard output, and one line that holds every part.
fn refused(folder: &Path, arguments: &[&str], parts: &[&str]) {
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

#[test]
fn bad_traces_are_refused_in_one_line() {
    let folder = folder();
    let (packed, keys) = (zst(&u64_file(&keys())), keys());
    let noise: Vec<u64> = (0..4_000_u64)
        .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .collect();
    let mut corrupt = zst(&u64_file(&noise));
    let middle = corrupt.len() / 2;
    corrupt[4..8].fill(0xff);
    corrupt[middle..middle + 100].fill(0xff);
    let mut corrupt_gzip = gzip(&u64_file(&noise));
    let end = corrupt_gzip.len();
    corrupt_gzip[end - 8] ^= 0xff;
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("empty.u64", vec![], &["byte 0", "empty", "expected 8-byte"]),
        (
            "empty.oracleGeneral",
            vec![],
            &["byte 0", "expected 24-byte"],
        ),
        ("empty.csv", vec![], &["byte 0", "empty"]),
        ("empty.txt", vec![], &["byte 0", "empty"]),
        (
            "empty.u64.zst",
            vec![],
            &["byte 0", "empty", "expected zstd"],
        ),
        ("nothing.u64.gz", gzip(b""), &["byte 0", "empty"]),
        (
            "cut.u64",
            u64_file(&keys)[..801].to_vec(),
            &["byte 800", "record 101", "truncated", "8-byte"],
        ),
        (
            "cut.oracleGeneral",
            oracle_general_file(&keys)[..50].to_vec(),
            &["byte 48", "record 3", "24-byte"],
        ),
        (
            "cut.u64.zst",
            packed[..packed.len() - 5].to_vec(),
            &["truncated zstd", "byte ", "expected a whole"],
        ),
        (
            "cut.u64.gz",
            gzip(&u64_file(&keys))[..60].to_vec(),
            &["truncated gzip", "byte "],
        ),
        (
            "corrupt.u64.zst",
            corrupt,
            &["zstd data", "byte ", "expected"],
        ),
        (
            "corrupt.u64.gz",
            corrupt_gzip,
            &["corrupt gzip", "byte 32000"],
        ),
        (
            "wrong.u64.zst",
            gzip(&u64_file(&keys)),
            &["byte 0", "content is gzip", "expected zstd"],
        ),
        (
            "wrong.u64.gz",
            packed.clone(),
            &["byte 0", "content is zstd", "expected gzip"],
        ),
        (
            "wrong.u64",
            packed,
            &["byte 0", "content is zstd", "expected uncompressed"],
        ),
        (
            "plain.u64.gz",
            u64_file(&keys),
            &["byte 0", "content is uncompressed", "expected gzip"],
        ),
        (
            "trace.bin",
            u64_file(&keys),
            &["byte 0", "`.bin`", ".oracleGeneral"],
        ),
        (
            "trace",
            u64_file(&keys),
            &["byte 0", "no known ending", ".oracleGeneral"],
        ),
        (
            "blank.txt",
            b"1\n\n2\n".to_vec(),
            &["line 2", "blank", "one key a line"],
        ),
        (
            "binary.txt",
            b"1\n\x00\xff\n".to_vec(),
            &["line 2", "not text"],
        ),
        (
            "ragged.csv",
            b"1,2\n3,4\n5\n".to_vec(),
            &["line 3", "1 columns", "expected 2"],
        ),
        (
            "header.csv",
            b"key,size\n".to_vec(),
            &["line 2", "nothing after the header"],
        ),
    ];
    for (name, content, parts) in cases {
        write(folder.path(), name, &content);
        refused(
            folder.path(),
            &["--trace", name, "--json"],
            &[parts, &[name]].concat(),
        );
    }
    refused(
        folder.path(),
        &["--trace", "missing.u64"],
        &["missing.u64", "byte 0", "no such file"],
    );
    std::fs::create_dir(folder.path().join("folder.u64")).unwrap();
    refused(
        folder.path(),
        &["--trace", "folder.u64"],
        &["folder.u64", "byte 0", "cannot be read"],
    );
    write(folder.path(), "t.csv", &csv_file(&keys));
    refused(
        folder.path(),
        &["--trace", "t.csv", "--column", "guild"],
        &["t.csv", "line 1", "`guild`", "time, user"],
    );
}

#[test]
fn bad_arguments_are_refused_in_one_line() {
    let folder = folder();
    write(folder.path(), "t.u64", &u64_file(&keys()));
    for (arguments, parts) in [
        (
            vec!["--trace", "t.u64", "--capacity", "0"],
            vec!["'0'", "1 to 100000000"],
        ),
        (
            vec!["--trace", "t.u64", "--capacity", "10,,20"],
            vec!["''", "1 to 100000000"],
        ),
        (
            vec!["--capacity", "18446744073709551615"],
            vec!["'18446744073709551615'", "1 to 100000000"],
        ),
        (vec!["--threads", "0"], vec!["'0'", "1 to 256"]),
        (vec!["--ttl", "soon"], vec!["'soon'", "1ms to 365days"]),
        (vec!["--duration", "0s"], vec!["'0s'", "100ms to 1day"]),
        (
            vec!["--trace", "t.u64", "--threads", "2"],
            vec!["--threads 2", "expected 1"],
        ),
        (
            vec!["--trace", "t.u64", "--column", "key"],
            vec!["t.u64", "--column", ".csv"],
        ),
        (vec!["--no-such-flag"], vec!["--no-such-flag"]),
    ] {
        refused(folder.path(), &arguments, &parts);
    }
}

#[test]
fn ratios_are_printed_and_recorded() {
    let folder = folder();
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_ratios"))
            .args(arguments)
            .current_dir(folder.path())
            .env_remove("CARGO_MANIFEST_DIR")
            .output()
            .expect("it runs")
    };
    let output = run(&["--only", "hit, ", "--sizes", "1000", "--rounds", "1"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    for part in [
        "hit, 1 k",
        "tux ÷ it",
        "hashbrown (unsync)",
        "hit ÷ faster of quick_cache, papaya",
        "record",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let file = std::fs::read_dir(folder.path().join("results/local"))
        .unwrap()
        .next()
        .expect("a record")
        .unwrap()
        .path();
    let record: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(record["cells"].as_array().unwrap().len(), 9, "{record}");
    assert_eq!(record["verdicts"].as_array().unwrap().len(), 2, "{record}");
    assert!(record["machine"]["cpu"] != Value::Null);
    assert_eq!(run(&["--only", "nothing"]).status.code(), Some(1));
    assert_eq!(run(&["--sizes", "5"]).status.code(), Some(2));
}

#[test]
fn a_folder_of_traces_gives_a_record_and_a_plot() {
    let folder = folder();
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_hit-ratio"))
            .args(arguments)
            .current_dir(folder.path())
            .env_remove("CARGO_MANIFEST_DIR")
            .output()
            .expect("it runs")
    };
    let refused = run(&["--traces", "."]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no trace there"));
    let keys: Vec<u64> = (0..20_000_u64).map(|n| n * n % 4_001).collect();
    write(folder.path(), "t.u64.zst", &zst(&u64_file(&keys)));
    let output = run(&["--traces", ".", "--keep"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    let path = |word: &str| {
        let line = text.lines().find(|line| line.starts_with(word));
        folder.path().join(line.expect(word)[word.len()..].trim())
    };
    let record: Value =
        serde_json::from_str(&std::fs::read_to_string(path("record")).unwrap()).unwrap();
    assert_eq!(
        record["cells"][0]["hit_ratio"].as_array().unwrap().len(),
        6,
        "{record}"
    );
    let plot = std::fs::read_to_string(path("plot")).unwrap();
    assert!(
        plot.contains("Belady") && plot.contains("mean of 1 traces"),
        "{plot}"
    );
}

#[test]
fn wrong_settings_of_the_other_programs_are_refused() {
    for (program, arguments) in [
        (env!("CARGO_BIN_EXE_latency"), ["--seconds", "0"]),
        (env!("CARGO_BIN_EXE_latency"), ["--reads", "5"]),
        (env!("CARGO_BIN_EXE_cost"), ["--sizes", "7"]),
        (env!("CARGO_BIN_EXE_cost"), ["--rounds", "none"]),
    ] {
        let output = Command::new(program)
            .args(arguments)
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(
            text.contains(arguments[1]) && text.contains(arguments[0]),
            "{text}"
        );
    }
}

#[cfg(feature = "valkey")]
mod valkey {
    use tux_cache_test_support::ValkeyServer;

    use super::*;

    #[test]
    fn the_bot_shard_plays_through_valkey_and_leaves_nothing() {
        let folder = folder();
        let server = ValkeyServer::start().expect("a server");
        let url = server.url();
        let arguments = [
            "--valkey",
            &url,
            "--duration",
            "300ms",
            "--threads",
            "2",
            "--json",
        ];
        let document = document(&replay(folder.path(), &arguments));
        assert_eq!(document["workload"], "bot-shard-valkey");
        assert!(document["hit_ratio"].as_f64().unwrap() > 0.1, "{document}");
        assert_eq!(
            document["lookups"].as_u64().unwrap(),
            document["messages"].as_u64().unwrap() * 4
        );
        let left = server.command(&["DBSIZE"]).expect("an answer");
        assert_eq!(format!("{left:?}"), "Integer(0)");
    }

    #[test]
    fn a_server_that_is_not_there_is_bad_input() {
        let folder = folder();
        refused(
            folder.path(),
            &["--valkey", "valkey://127.0.0.1:1/0"],
            &["--valkey", "127.0.0.1:1"],
        );
        refused(
            folder.path(),
            &["--valkey", "nowhere"],
            &["--valkey", "expected valkey://"],
        );
        refused(
            folder.path(),
            &["--valkey", "valkey://u:secret@127.0.0.1:1/0"],
            &["127.0.0.1:1"],
        );
        let output = replay(
            folder.path(),
            &["--valkey", "valkey://u:secret@127.0.0.1:1/0"],
        );
        assert!(!String::from_utf8_lossy(&output.stderr).contains("secret"));
    }
}
