//! The programs beside `replay`.

use serde_json::Value;

use super::support::*;

#[test]
fn ratios_are_printed_and_recorded() {
    let folder = folder();
    let run = |arguments: &[&str]| run("ratios", folder.path(), arguments);
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
    assert_eq!(record["cells"].as_array().unwrap().len(), 11, "{record}");
    assert_eq!(record["verdicts"].as_array().unwrap().len(), 2, "{record}");
    assert!(record["machine"]["cpu"] != Value::Null);
    assert_eq!(run(&["--only", "nothing"]).status.code(), Some(1));
    assert_eq!(run(&["--sizes", "5"]).status.code(), Some(2));
}

#[test]
fn a_folder_of_traces_gives_a_record_and_a_plot() {
    let folder = folder();
    let run = |arguments: &[&str]| run("hit-ratio", folder.path(), arguments);
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
    let folder = folder();
    for (program, arguments) in [
        ("latency", ["--seconds", "0"]),
        ("latency", ["--reads", "5"]),
        ("cost", ["--sizes", "7"]),
        ("cost", ["--rounds", "none"]),
        ("memory", ["--churn", "0s"]),
        ("memory", ["--stall", "long"]),
    ] {
        let output = run(program, folder.path(), &arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(
            text.contains(arguments[1]) && text.contains(arguments[0]),
            "{text}"
        );
    }
}
