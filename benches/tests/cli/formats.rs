//! Traces as they are published, and what is not clear enough to be played.

use std::process::{Command, Stdio};

use super::support::*;

fn lines(line: impl Fn(usize, u64) -> String) -> Vec<u8> {
    let line = |(index, key): (usize, &u64)| line(index, *key);
    keys()
        .iter()
        .enumerate()
        .map(line)
        .collect::<String>()
        .into_bytes()
}

/// Name, content, and what is to be said of it.
type File = (&'static str, Vec<u8>, &'static [&'static str]);

fn published() -> Vec<File> {
    let bom = |text: Vec<u8>| [b"\xef\xbb\xbf".to_vec(), text].concat();
    let headed = |head: &str, rows: Vec<u8>| [head.as_bytes().to_vec(), rows].concat();
    vec![
        ("t.oracleGeneral.bin", oracle_general_file(&keys()), &[]),
        (
            "t.oracleGeneral.sample10",
            oracle_general_file(&keys()),
            &[],
        ),
        ("t.lis", lines(|n, key| format!("{key} 1 0 {n}\n")), &[]),
        (
            "t.arc",
            lines(|n, key| format!("{key} 1 0 {n}\r\n")),
            &["--format", "arc"],
        ),
        (
            "t.trace",
            lines(|_, key| format!("l {key:#x} 4\n")),
            &["--format", "address"],
        ),
        ("t.tr", lines(|n, key| format!("{n} {key} 512\n")), &[]),
        (
            "t.log",
            lines(|n, key| format!("{n} {key} 512 1 2\n")),
            &["--format", "lrb"],
        ),
        (
            "t.trc",
            headed(
                "*\n",
                lines(|n, key| format!("{key}\n{}", ["", "*\n", "\n"][n % 3])),
            ),
            &[],
        ),
        (
            "t.csv",
            headed(
                "version,time,op,size,lbn\n",
                lines(|n, key| format!("1,{n},2,512,{key}\n")),
            ),
            &[],
        ),
        (
            "t.csv",
            headed(
                "#time;obj_id;size\r\n",
                lines(|n, key| format!("{n};{key};512\r\n")),
            ),
            &[],
        ),
        (
            "t.tsv",
            headed("ts\tkey\n", lines(|n, key| format!("{n}\t{key}\n"))),
            &[],
        ),
        (
            "t.csv",
            lines(|n, key| format!("{n},{key},512\n")),
            &["--column", "2"],
        ),
        ("t.csv", lines(|_, key| format!("{key},512\n")), &[]),
        (
            "t.csv",
            bom(headed(
                "obj_id,size\n",
                lines(|_, key| format!("{key},512\n")),
            )),
            &[],
        ),
        (
            "t.txt",
            headed(
                "time  id size\n",
                lines(|n, key| format!("{n}  {key} 512\n")),
            ),
            &[],
        ),
        (
            "t.txt",
            lines(|n, key| format!("{n} {key} 512\n")),
            &["--column", "2"],
        ),
        (
            "t.lis",
            lines(|n, key| format!("{key} 9 0 {n}\n")),
            &["--column", "1"],
        ),
        ("t.txt", bom(lines(|_, key| format!("{key}\r\n"))), &[]),
        (
            "t",
            lines(|_, key| format!("{key}\n")),
            &["--format", "text"],
        ),
        ("t.dat", u64_file(&keys()), &["--format", "u64"]),
        (
            "t.dat",
            oracle_general_file(&keys()),
            &["--format", "oracle-general"],
        ),
    ]
}

#[test]
fn every_published_format_is_read() {
    let folder = folder();
    // All at one capacity that holds everything: the hits are those of the keys, whatever the format.
    let expected = 1.0 - unique(&keys()) as f64 / 2_000.0;
    for (index, (name, mut content, more)) in published().into_iter().enumerate() {
        if index % 2 == 0 && content.ends_with(b"\n") {
            content.pop(); // a last line without its end
        }
        // Each alone, and one of the packings in turn.
        for ending in ["", [".zst", ".gz"][index % 2]] {
            let content = match ending {
                ".zst" => zst(&content),
                ".gz" => gzip(&content),
                _ => content.clone(),
            };
            let name = format!("{name}{ending}");
            write(folder.path(), &name, &content);
            let arguments = [
                &[
                    "--",
                    "--trace",
                    &name,
                    "--capacity",
                    "400",
                    "--json",
                    "--rounds",
                    "1",
                ],
                more,
            ]
            .concat();
            let document = document(&replay(folder.path(), &arguments));
            assert_eq!(document["trace"], "t", "{name}");
            assert_eq!(document["requests"], 2_000, "{name} {more:?}");
            assert_eq!(document["unique"], unique(&keys()), "{name} {more:?}");
            let found = document["runs"][0]["hit_ratio"].as_f64().unwrap();
            assert!(
                (found - expected).abs() < 1e-12,
                "{name} {more:?}: {document}"
            );
        }
    }
}

#[test]
fn several_fields_and_no_word_which_are_refused_with_the_formats() {
    let folder = folder();
    let all = [
        "u64",
        "oracleGeneral",
        "csv",
        "text",
        "lirs",
        "arc",
        "address",
        "lrb",
        "--column",
    ];
    let cases: [(&str, Vec<u8>, &[&str]); 8] = [
        (
            "arc.txt",
            lines(|n, key| format!("{key} 4 0 {n}\n")),
            &["line 1", "4 fields", "looks like arc"],
        ),
        (
            "gcc.trace",
            lines(|_, key| format!("l {key:#x} 4\n")),
            &["line 1", "3 fields", "looks like address"],
        ),
        (
            "lrb.txt",
            lines(|n, key| format!("{n} {key} 512\n")),
            &["line 1", "3 fields", "looks like lrb"],
        ),
        (
            "semi.txt",
            lines(|n, key| format!("{n};{key}\n")),
            &["line 1", "2 fields"],
        ),
        (
            "tab.keys",
            lines(|n, key| format!("{n}\t{key}\n")),
            &["line 1", "2 fields"],
        ),
        (
            "blanks.csv",
            lines(|n, key| format!("{key} {n}\n")),
            &["line 1", "2 fields"],
        ),
        (
            "time.csv",
            lines(|n, key| format!("{n},{key}\n")),
            &["line 1", "column 1 of 2 never falls"],
        ),
        (
            "titles.csv",
            csv_file(&keys()),
            &["line 1", "time, user, size"],
        ),
    ];
    for (name, content, parts) in cases {
        write(folder.path(), name, &content);
        refused(
            folder.path(),
            &["--trace", name, "--json"],
            &[parts, &all, &[name]].concat(),
        );
    }
    for (name, more, parts) in [
        ("arc.txt", ["--format", "lrb2"], ["'lrb2'", "address"]),
        (
            "arc.txt",
            ["--format", "lirs"],
            ["line 1", "one block number a line"],
        ),
        (
            "lrb.txt",
            ["--format", "arc"],
            ["line 1", "`start count ignored number`"],
        ),
        ("lrb.txt", ["--format", "u64"], ["byte ", "8-byte"]),
        ("time.csv", ["--column", "3"], ["line 1", "expected 1 to 2"]),
        ("time.csv", ["--column", "0"], ["'0'", "from 1 on"]),
    ] {
        refused(
            folder.path(),
            &[&["--trace", name], more.as_slice()].concat(),
            &parts,
        );
    }
}

#[test]
fn a_file_in_which_every_key_is_new_gets_a_remark() {
    let folder = folder();
    let text: String = (0..500).map(|n| format!("{n}\n")).collect();
    write(folder.path(), "t.txt", text.as_bytes());
    let output = replay(
        folder.path(),
        &["--trace", "t.txt", "--json", "--rounds", "1"],
    );
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.starts_with("remark: every key is new in t: 500 requests"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&document["unique"], &document["runs"][0]["hit_ratio"]),
        (&500.into(), &0.0.into())
    );
}

#[test]
fn a_separator_before_the_options_is_skipped() {
    let folder = folder();
    for arguments in [&["--", "--help"][..], &["--help"]] {
        let output = replay(folder.path(), arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("--format"),
            "{output:?}"
        );
    }
    refused(
        folder.path(),
        &["--", "--trace", "none.u64"],
        &["none.u64", "no such file"],
    );
}

#[test]
fn replays_of_one_second_keep_their_records_apart() {
    let folder = folder();
    write(folder.path(), "t.u64", &u64_file(&keys()));
    let start = || {
        program("replay", folder.path())
            .args(["--trace", "t.u64", "--capacity", "20,60", "--rounds", "1"])
            .stdout(Stdio::null())
            .spawn()
            .expect("the program runs")
    };
    let running = [start(), start(), start()];
    for mut replay in running {
        assert!(replay.wait().expect("it ends").success());
    }
    let files: Vec<String> = std::fs::read_dir(folder.path().join("results/local"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let of = |ending: &str| files.iter().filter(|name| name.ends_with(ending)).count();
    assert_eq!(
        (of(".json"), of("-hit-ratio.svg"), of("-latency.svg")),
        (3, 3, 3),
        "{files:?}"
    );
}

#[test]
fn a_table_is_shown_even_where_no_record_can_be_written() {
    let folder = folder();
    write(folder.path(), "t.u64", &u64_file(&keys()));
    write(folder.path(), "results", b"no folder");
    let output = replay(
        folder.path(),
        &["--trace", "t.u64", "--capacity", "20", "--rounds", "1"],
    );
    let (shown, said) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        shown.contains("2,000 requests") && shown.contains("tux-cache"),
        "{shown}"
    );
    assert!(
        said.starts_with("error: ") && said.contains("cannot be written"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[cfg(unix)]
#[test]
fn what_nobody_reads_is_no_panic() {
    let folder = folder();
    write(folder.path(), "t.u64", &u64_file(&keys()));
    let run = |line: &str| {
        let command = format!("\"$0\" replay {line}");
        let output = Command::new("sh")
            .args(["-c", &command, BINARY])
            .current_dir(folder.path())
            .env_remove("CARGO_MANIFEST_DIR")
            .output()
            .expect("sh");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("panicked"), "{line}: {said}");
        (output.status.code(), said)
    };
    assert_eq!(run("--help | true").0, Some(0));
    assert_eq!(run("--trace t.u64 --json --rounds 1 >&-").0, Some(0));
    assert_eq!(run("--trace none.u64 2>&-").0, Some(2));
    assert_eq!(run("--trace none.u64 2>/dev/full").0, Some(2));
    let (status, said) = run("--trace t.u64 --json --rounds 1 >/dev/full");
    assert!(
        status == Some(1) && said.contains("standard output cannot be written"),
        "{said}"
    );
    let (status, said) = run("--trace /dev/zero --format u64");
    assert!(
        status == Some(2) && said.contains("a device, not a file"),
        "{said}"
    );
    let (status, said) = run("--trace /dev/stdin --format u64 --json --rounds 1 < t.u64");
    assert_eq!(
        (status, said.as_str()),
        (Some(0), ""),
        "a pipe is a trace, too"
    );
}
