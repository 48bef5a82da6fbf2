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

/// Not only the committed inputs: random ones, the same at each run. `TUX_RANDOM_INPUTS` sets how many a target gets.
#[test]
fn random_operations_show_no_divergence() {
    let inputs = std::env::var("TUX_RANDOM_INPUTS").map_or(300, |n| {
        n.parse::<u64>()
            .expect("TUX_RANDOM_INPUTS must be a number")
    });
    for name in ["ops", "ops_mt", "unbounded"] {
        let target = TARGETS.iter().find(|(known, _)| *known == name).unwrap().1;
        let start = std::time::Instant::now();
        for seed in 1..=inputs {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let input: Vec<u8> = (0..400)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state.to_be_bytes()[0]
                })
                .collect();
            let result = catch_unwind(AssertUnwindSafe(|| target(&input)));
            assert!(result.is_ok(), "{name} diverges on random input {seed}");
        }
        println!("{name}: {inputs} inputs in {:?}", start.elapsed());
    }
}

/// The committed trace files, changed in a few places each: a file of random bytes is refused at its first one.
fn changed_traces(count: u64) {
    let target = TARGETS
        .iter()
        .find(|(name, _)| *name == "traces")
        .unwrap()
        .1;
    let files: Vec<Vec<u8>> = inputs("traces")
        .iter()
        .map(|input| std::fs::read(input).unwrap())
        .collect();
    const LIKELY: &[u8] = b"0123456789xlsf ,;\t\r\n*\"-.\xef\xbb\xbf\x00\xff";
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    for round in 0..count {
        let mut file = files[random(files.len())].clone();
        for _ in 0..1 + random(4) {
            let at = random(file.len() + 1);
            match random(5) {
                0 => file.insert(at, LIKELY[random(LIKELY.len())]),
                1 => drop(file.drain(at..(at + random(9)).min(file.len()))),
                2 if at < file.len() => file[at] = LIKELY[random(LIKELY.len())],
                3 => {
                    let piece = file[at..(at + random(20)).min(file.len())].to_vec();
                    let to = random(file.len() + 1);
                    file.splice(to..to, piece);
                }
                // Another kind, packing or column.
                _ if file.len() > 1 => {
                    let which = random(2);
                    file[which] = random(256) as u8;
                }
                _ => {}
            }
        }
        let result = catch_unwind(AssertUnwindSafe(|| target(&file)));
        assert!(
            result.is_ok(),
            "traces diverges in round {round} on {file:?}"
        );
    }
}

#[test]
fn changed_trace_files_show_no_divergence() {
    changed_traces(2_000);
}

#[test]
#[ignore = "long: cargo xtask long"]
fn long_changed_trace_files_show_no_divergence() {
    changed_traces(1_000_000);
}
