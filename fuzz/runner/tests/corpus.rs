//! Replays the committed corpora on stable, and checks that they are there and say something.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use tux_cache_fuzz_runner::TARGETS;

fn folders(of: &str, extension: &str) -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(of);
    let mut names: Vec<String> = std::fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(extension).map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn inputs(target: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../corpus")
        .join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let mut names: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort();
    assert_eq!(folders("fuzz_targets", ".rs"), names);
    assert_eq!(folders("corpus", ""), names);
}

#[test]
fn the_corpora_show_no_divergence() {
    for (name, target) in TARGETS {
        let inputs = inputs(name);
        assert!(
            inputs.len() >= 10,
            "{name}: {} inputs are no corpus",
            inputs.len()
        );
        for input in inputs {
            let data = std::fs::read(&input).unwrap();
            let result = catch_unwind(AssertUnwindSafe(|| target(&data)));
            assert!(result.is_ok(), "{name} diverges on {}", input.display());
        }
    }
}
