//! Instructions per operation under callgrind, held against a committed baseline.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::tools;
use crate::Result;
use crate::report::{Expect, Report};
use crate::workspace::{Workspace, cargo, cargo_of, files};

const PACKAGE: &str = "tux-cache-instructions";
const FOLDER: &str = "benches/instructions";
/// Calls of one count, as the package says.
const OPERATIONS: f64 = 4_096.0;
/// More than this share above the baseline fails.
const GROWTH: f64 = 0.02;
const REBASE: &str = "cargo xtask bench --write-baseline";

/// Instructions per operation, by the name of the operation.
type Counts = BTreeMap<String, f64>;

/// Counts, and holds the counts against the baseline or makes them the new one.
pub(super) fn run(write: bool, report: &mut Report) -> Result<()> {
    let workspace = Workspace::load()?;
    let baseline = workspace.root.join(FOLDER).join("baseline.json");
    let rustc = rustc()?;
    if write {
        let Some(counts) = count(&workspace, cargo(), report)? else {
            return Ok(()); // The failed step says why.
        };
        let names = counts
            .iter()
            .map(|(name, &count)| (name.clone(), json!(round(count))));
        let document = json!({
            "what": "instructions per operation under callgrind",
            "rustc": rustc,
            "instructions": names.collect::<serde_json::Map<_, _>>(),
        });
        fs::write(
            &baseline,
            format!("{}\n", serde_json::to_string_pretty(&document)?),
        )?;
        print!("{}", table(&counts, &Counts::new()));
        println!("baseline  {}", baseline.display());
        return Ok(());
    }
    let (before, by) = read(&baseline)?;
    // Counts of different compilers say nothing about the code.
    let cargo = if by == rustc {
        Some(cargo())
    } else {
        cargo_of(&by)
    };
    let cargo = cargo.ok_or_else(|| {
        format!(
            "the baseline was counted with rustc {by}, this is {rustc}: \
             `rustup toolchain install {by} --profile minimal`, or `{REBASE}`"
        )
    })?;
    let Some(counts) = count(&workspace, cargo, report)? else {
        return Ok(()); // The failed step says why.
    };
    print!("{}", table(&counts, &before));
    keep(&workspace, &counts, &before, &by)?;
    let complaints = compare(&counts, &before);
    let complained = |name: &str| complaints.iter().any(|line| line.starts_with(name));
    for name in counts.keys() {
        if !complained(&format!("{name}: ")) {
            report.count(true);
        }
    }
    for complaint in &complaints {
        report.problem(complaint);
    }
    Ok(())
}

/// Leaves the counts in `results/local`, for a workflow to keep.
fn keep(workspace: &Workspace, counts: &Counts, baseline: &Counts, rustc: &str) -> Result<()> {
    let folder = workspace.root.join("results/local");
    fs::create_dir_all(&folder)?;
    let document = json!({
        "what": "instructions per operation under callgrind",
        "rustc": rustc,
        "instructions": counts,
        "baseline": baseline,
    });
    let path = folder.join("instructions.json");
    fs::write(&path, serde_json::to_string_pretty(&document)?)?;
    println!("record  {}", path.display());
    Ok(())
}

/// Counts anew; `None` if the benches did not run to their end.
fn count(
    workspace: &Workspace,
    mut command: Command,
    report: &mut Report,
) -> Result<Option<Counts>> {
    let manifest = workspace.root.join(FOLDER).join("Cargo.toml");
    let runner = tools::runner(workspace, &manifest, report)?;
    let valgrind = tools::valgrind(workspace)?;
    let home = workspace.target.join("gungraun");
    // What an earlier run left would be reported as the newest count of a bench that is gone.
    if home.is_dir() {
        fs::remove_dir_all(&home)?;
    }
    command.args(["bench", "-p", PACKAGE, "--bench", "gate_instructions", "--"]);
    command.args([
        "--save-summary=json",
        "--callgrind-metrics=ir",
        "--callgrind-args=--cache-sim=no",
        "--home",
    ]);
    command.arg(&home).env("GUNGRAUN_RUNNER", runner);
    if let Some(folder) = valgrind {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders)?);
    }
    let outcome = report.run("instruction counts", &mut command, Expect::Success);
    if !outcome.success {
        return Ok(None);
    }
    let counts: Counts = files(&home, "json")
        .iter()
        .filter(|path| path.file_name().is_some_and(|name| name == "summary.json"))
        .map(|path| one(&serde_json::from_slice(&fs::read(path)?)?))
        .collect::<Result<_>>()?;
    if counts.is_empty() {
        return Err(format!("gungraun left no summary under {}", home.display()).into());
    }
    Ok(Some(counts))
}

/// Name and instructions per operation of one summary: the sum over its threads.
fn one(summary: &Value) -> Result<(String, f64)> {
    let text = |key: &str| summary[key].as_str().unwrap_or_default().to_owned();
    let name = format!("{} {}", text("function_name"), text("id")).replace('_', " ");
    let parts = summary["profiles"][0]["data"]["parts"].as_array();
    let sum: Option<u64> = parts
        .into_iter()
        .flatten()
        .map(|part| part["metrics"]["Ir"]["values"]["new"].as_u64())
        .sum();
    match sum {
        Some(sum) if sum > 0 => Ok((name, sum as f64 / OPERATIONS)),
        _ => Err(format!("{name}: the summary holds no instruction count").into()),
    }
}

/// The baseline's counts and the compiler they were made with.
fn read(path: &Path) -> Result<(Counts, String)> {
    let wrong = |what: &str| format!("{}: {what}; write it with `{REBASE}`", path.display());
    let text = fs::read(path).map_err(|error| wrong(&error.to_string()))?;
    let document: Value =
        serde_json::from_slice(&text).map_err(|error| wrong(&error.to_string()))?;
    let counts = document["instructions"]
        .as_object()
        .ok_or_else(|| wrong("no `instructions`"))?
        .iter()
        .map(|(name, count)| {
            let count = count.as_f64().filter(|count| *count > 0.0);
            let wrong = || wrong(&format!("`{name}` is not a number above 0"));
            Ok((name.clone(), count.ok_or_else(wrong)?))
        })
        .collect::<Result<_>>()?;
    Ok((
        counts,
        document["rustc"].as_str().unwrap_or("unknown").to_owned(),
    ))
}

/// What is wrong with the counts, a line each.
fn compare(counts: &Counts, baseline: &Counts) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, &now) in counts {
        match baseline.get(name) {
            None => complaints.push(format!(
                "{name}: not in the baseline; add it with `{REBASE}`"
            )),
            Some(&before) if now > before * (1.0 + GROWTH) => complaints.push(format!(
                "{name}: {now:.1} instructions instead of {before:.1}, {:+.1} % (limit {:+} %); \
                 if that is meant, `{REBASE}` and commit the file",
                change(now, before),
                GROWTH * 100.0
            )),
            Some(_) => {}
        }
    }
    for name in baseline.keys().filter(|name| !counts.contains_key(*name)) {
        complaints.push(format!(
            "{name}: in the baseline, but was not counted; if it is gone, `{REBASE}`"
        ));
    }
    complaints
}

fn change(now: f64, before: f64) -> f64 {
    (now / before - 1.0) * 100.0
}

fn round(count: f64) -> f64 {
    (count * 10.0).round() / 10.0
}

fn table(counts: &Counts, baseline: &Counts) -> String {
    let row = |(name, &now): (&String, &f64)| match baseline.get(name) {
        Some(&before) => format!(
            "{name:<28} {now:>9.1} {before:>9.1} {:>+7.1} %\n",
            change(now, before)
        ),
        None => format!("{name:<28} {now:>9.1}\n"),
    };
    let head = format!(
        "\n{:<28} {:>9} {:>9}\n",
        "instructions per operation", "now", "baseline"
    );
    head + &counts.iter().map(row).collect::<String>()
}

fn rustc() -> Result<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().nth(1);
    Ok(version
        .ok_or("`rustc --version` names no version")?
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, f64)]) -> Counts {
        of.iter().map(|&(name, n)| (name.to_owned(), n)).collect()
    }

    #[test]
    fn only_growth_above_the_limit_fails() {
        let baseline = counts(&[("hit", 100.0), ("miss", 100.0), ("set", 100.0)]);
        let now = counts(&[("hit", 101.9), ("miss", 102.1), ("set", 50.0)]);
        let complaints = compare(&now, &baseline);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].starts_with("miss: 102.1 instructions instead of 100.0, +2.1 %"));
    }

    #[test]
    fn what_is_on_one_side_only_fails() {
        let complaints = compare(&counts(&[("new", 1.0)]), &counts(&[("gone", 1.0)]));
        assert!(complaints[0].starts_with("new: not in the baseline"));
        assert!(complaints[1].starts_with("gone: in the baseline"));
        assert_eq!(complaints.len(), 2);
    }

    #[test]
    fn a_summary_is_summed_over_threads_and_must_hold_a_count() {
        let part = |n: u64| json!({"metrics": {"Ir": {"values": {"new": n}}}});
        let summary = |parts: Value| json!({"function_name": "get_many", "id": "x", "profiles": [{"data": {"parts": parts}}]});
        let (name, count) = one(&summary(json!([part(4_096 * 3), part(4_096)]))).unwrap();
        assert_eq!((name.as_str(), count), ("get many x", 4.0));
        assert!(one(&summary(json!([]))).is_err());
        assert!(one(&json!({})).is_err());
    }

    #[test]
    fn a_broken_baseline_is_named() {
        let file = std::env::temp_dir().join(format!("tux-baseline-{}.json", std::process::id()));
        let said = |text: &str| {
            fs::write(&file, text).unwrap();
            read(&file).map(|read| read.0).map_err(|e| e.to_string())
        };
        assert_eq!(
            said(r#"{"instructions": {"hit": 2.5}}"#),
            Ok(counts(&[("hit", 2.5)]))
        );
        for text in ["", "{}", r#"{"instructions": {"hit": "x"}}"#] {
            let error = said(text).unwrap_err();
            assert!(error.contains("--write-baseline"), "{error}");
        }
        fs::remove_file(&file).unwrap();
    }
}
