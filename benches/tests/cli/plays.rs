//! Traces and the bot shard that are as they should be.

use std::path::PathBuf;

use serde_json::Value;

use super::support::*;

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
