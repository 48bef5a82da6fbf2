//! `cargo xtask dependents`: what depending on tux-cache does to other crates of the same program, which must be nothing.
//!
//! A feature that we switch on is on for the whole program. So the dependency tree of every set of our features is looked
//! through for features that change what others get, and the crates of others answer the same with and without tux-cache
//! (`tests/dependents`, a workspace of its own).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::Result;
use crate::report::{Expect, Report};
use crate::workspace::{Workspace, cargo};

const FOLDER: &str = "tests/dependents";

/// The newest twilight, serenity, and rustls with a provider of the program's choice.
const SOME: &str = "twilight-0-18,serenity,rustls";
/// The crates that the engine alone may bring, our own not counted.
const ENGINE_BRINGS: usize = 11;
const ALL: &str = "twilight-0-16,twilight-0-17,twilight-0-18,serenity,rustls";

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// With every supported version of twilight-model, not the newest alone
    #[arg(long)]
    pub(crate) all: bool,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    let workspace = Workspace::load()?;
    report.check("features of shared crates", || {
        let sets = sets(&features(&workspace.root)?);
        for set in &sets {
            look_through(&workspace.root, set)?;
        }
        println!("{} sets of features", sets.len());
        Ok(())
    });
    report.check("what the default brings", || {
        let crates = crates(&tree(&workspace.root, None)?);
        println!("{}", crates.iter().cloned().collect::<Vec<_>>().join(", "));
        only_the_engine(&crates)
    });
    // The versions that the workspace has: cargo need not build them again, and nobody need keep a second list.
    let folder = workspace.root.join(FOLDER);
    fs::copy(workspace.root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let others = if args.all { ALL } else { SOME };
    tests(&workspace, others, "others' crates alone", report);
    let beside = format!("{others},tux-cache");
    tests(
        &workspace,
        &beside,
        "others' crates beside tux-cache",
        report,
    );
    Ok(())
}

fn tests(workspace: &Workspace, features: &str, name: &str, report: &mut Report) {
    let mut command = cargo();
    command.args(["test", "--no-fail-fast", "--features", features]);
    command.arg("--target-dir").arg(&workspace.target);
    command.current_dir(workspace.root.join(FOLDER));
    report.run(name, &mut command, Expect::Tests);
}

/// The library's own features, without `default`.
fn features(root: &Path) -> Result<Vec<String>> {
    let metadata = output(
        cargo()
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .current_dir(root),
    )?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let ours = packages.filter(|package| package["name"] == "tux-cache");
    let features: Vec<String> = ours
        .filter_map(|package| package["features"].as_object())
        .flat_map(|features| features.keys().cloned())
        .filter(|feature| feature != "default")
        .collect();
    if features.is_empty() {
        return Err("cargo metadata names no feature of tux-cache".into());
    }
    Ok(features)
}

/// The interfaces of others that numbers are handed to. They bring a crate each and meet none of the other features, so they are
/// looked at by themselves and beside everything: with each set of the others they would be eight times as many.
const EXPORTERS: [&str; 3] = ["metrics", "opentelemetry", "prometheus-client"];

/// Every set of features.
fn sets(features: &[String]) -> BTreeSet<String> {
    let (exporters, others): (Vec<_>, Vec<_>) = features
        .iter()
        .map(String::as_str)
        .partition(|feature| EXPORTERS.contains(feature));
    let all = features.join(",");
    let of_others = (0..1_usize << others.len()).map(|set| {
        let chosen = others.iter().enumerate();
        let chosen = chosen.filter(|(at, _)| set >> at & 1 == 1);
        let chosen: Vec<&str> = chosen.map(|(_, feature)| *feature).collect();
        chosen.join(",")
    });
    of_others.chain([exporters.join(","), all]).collect()
}

/// The library's tree: with a set of its features for every target, or as it is by default on this one. A package and its
/// features on each line.
fn tree(root: &Path, set: Option<&str>) -> Result<String> {
    let mut tree = cargo();
    tree.args(["tree", "--package", "tux-cache", "--edges", "normal,build"]);
    tree.args(["--prefix", "none", "--format", "{p}|{f}"]);
    if let Some(set) = set {
        tree.args([
            "--no-default-features",
            "--features",
            set,
            "--target",
            "all",
        ]);
    }
    let tree = output(tree.current_dir(root))?;
    if !tree.contains("tux-cache v") {
        return Err("cargo tree shows no tux-cache".into());
    }
    Ok(tree)
}

fn look_through(root: &Path, set: &str) -> Result<()> {
    let tree = tree(root, Some(set))?;
    match tree.lines().find_map(|line| changes_others(line, set)) {
        None => Ok(()),
        Some(found) => Err(format!("with the features `{set}`: {found}").into()),
    }
}

/// What is wrong with a package of the tree of a set of our features, and the package's own: `name vX|a,b`.
fn changes_others(line: &str, set: &str) -> Option<String> {
    let ring = set.split(',').any(|ours| ours == "tls-ring");
    let aws_lc = set.split(',').any(|ours| ours == "tls-aws-lc");
    let (package, features) = line.split_once('|')?;
    let name = package.split(' ').next()?;
    let features = features.trim_end_matches(" (*)").split(',');
    let mut wrong = features.filter(|feature| match name {
        // Every other one gives a text another meaning, or another order.
        "serde_json" => !matches!(*feature, "" | "default" | "std" | "alloc"),
        "log" | "tracing" => feature.contains("max_level") || *feature == "log-always",
        "ahash" => matches!(*feature, "no-rng" | "compile-time-rng"),
        // A second provider in a program takes rustls' default away: only who asks for one gets it.
        "rustls" | "tokio-rustls" => match *feature {
            "" | "std" => false,
            "ring" => !ring,
            "aws_lc_rs" | "aws-lc-rs" => !aws_lc,
            "tls12" => !(ring || aws_lc),
            _ => true,
        },
        _ => false,
    });
    let feature = wrong.next()?;
    Some(format!(
        "the feature `{feature}` of {name} changes what other crates get"
    ))
}

/// The names of the packages in a tree.
fn crates(tree: &str) -> BTreeSet<String> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let others = names.filter(|name| !name.is_empty() && *name != "tux-cache");
    others.map(str::to_owned).collect()
}

/// A map brings no runtime and no server's client to a program that asked for a map.
fn only_the_engine(crates: &BTreeSet<String>) -> Result<()> {
    if let Some(other) = ["tokio", "redis", "rustls", "serde", "serde_json"]
        .into_iter()
        .find(|&name| crates.contains(name))
    {
        return Err(format!("the engine alone brings {other}").into());
    }
    if crates.len() > ENGINE_BRINGS {
        let (found, limit) = (crates.len(), ENGINE_BRINGS);
        return Err(format!("the engine alone brings {found} crates, not {limit}").into());
    }
    Ok(())
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_that_changes_what_others_get_is_found() {
        for (line, wrong) in [
            ("serde_json v1.0.154|default,std", None),
            ("serde_json v1.0.154| (*)", None),
            ("serde_json v1.0.154|alloc,std (*)", None),
            (
                "serde_json v1.0.154|default,preserve_order,std",
                Some("preserve_order"),
            ),
            (
                "serde_json v1.0.154|arbitrary_precision (*)",
                Some("arbitrary_precision"),
            ),
            ("serde_json v1.0.154|raw_value", Some("raw_value")),
            ("tracing v0.1.41|release_max_level_off,std", Some("level")),
            ("tracing v0.1.41|std", None),
            ("tux-cache v0.1.0 (/a b)|backend,default,valkey", None),
            ("", None),
            ("rustls v0.23.46|std", None),
            ("rustls v0.23.46|ring,std", Some("ring")),
            ("rustls v0.23.46|aws-lc-rs,std (*)", Some("aws-lc-rs")),
            ("rustls v0.23.46|std,tls12", Some("tls12")),
            (
                "rustls v0.23.46|custom-provider,std",
                Some("custom-provider"),
            ),
            ("tokio-rustls v0.26.6|", None),
            ("tokio-rustls v0.26.6|ring,tls12", Some("ring")),
        ] {
            let found = changes_others(line, "backend,valkey");
            assert_eq!(found.is_some(), wrong.is_some(), "{line}");
            if let (Some(found), Some(wrong)) = (found, wrong) {
                assert!(found.contains(wrong), "{found}");
            }
        }
    }

    #[test]
    fn more_than_the_engine_is_found() {
        let line = |name: &str| format!("{name} v1.0.0|std\n");
        let few = "tux-cache v0.1.0 (/a)|\n".to_owned() + &line("ahash") + &line("ahash");
        assert_eq!(crates(&few), ["ahash".to_owned()].into());
        assert!(only_the_engine(&crates(&few)).is_ok());
        assert!(only_the_engine(&crates(&(few + &line("tokio")))).is_err());
        let many: String = (0..=ENGINE_BRINGS)
            .map(|n| line(&format!("c{n}")))
            .collect();
        assert!(only_the_engine(&crates(&many)).is_err());
    }

    #[test]
    fn a_provider_comes_with_the_feature_that_names_it_and_no_other() {
        for (set, features, wrong) in [
            ("tls-ring,valkey", "ring,std,tls12", false),
            ("tls-ring", "aws-lc-rs,aws_lc_rs,std,tls12", true),
            ("backend,tls-aws-lc", "aws-lc-rs,aws_lc_rs,std,tls12", false),
            ("tls-aws-lc", "ring,std,tls12", true),
            (
                "tls-aws-lc,tls-ring",
                "aws-lc-rs,aws_lc_rs,ring,std,tls12",
                false,
            ),
            ("tls-aws-lc,tls-ring", "fips", true),
            ("valkey", "std,tls12", true),
        ] {
            let line = format!("rustls v0.23.46|{features}");
            assert_eq!(changes_others(&line, set).is_some(), wrong, "{set}: {line}");
        }
    }

    #[test]
    fn every_set_is_looked_through() {
        let sets = sets(&["a".into(), "b".into(), "c".into()]);
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        assert_eq!(sets, ["", "a", "a,b", "a,b,c", "a,c", "b", "b,c", "c"]);
        let with_exporters = ["a", "b", "metrics", "opentelemetry"].map(str::to_owned);
        let sets: Vec<String> = super::sets(&with_exporters).into_iter().collect();
        let all = "a,b,metrics,opentelemetry";
        assert_eq!(sets, ["", "a", "a,b", all, "b", "metrics,opentelemetry"]);
    }
}
