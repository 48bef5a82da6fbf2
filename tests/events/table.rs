//! The table of the guide against the sources of the crates that the events come from.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

type Names = BTreeSet<String>;

/// Looks through `expected` crates among the dependencies of a manifest: each variant of their `Event` must be on the page.
pub(crate) fn check(root: &Path, manifest: &Path, features: &[&str], expected: usize) {
    let page = read(&root.join("docs/guide/10_events.md"));
    let mut seen = Vec::new();
    for package in packages(manifest, features) {
        let name = package["name"].as_str().expect("a name");
        let (column, source) = match name {
            "twilight-model" => (1, "src/gateway/event/mod.rs"),
            "serenity" => (2, "src/model/event.rs"),
            _ => continue,
        };
        let library = name.trim_end_matches("-model");
        let folder = Path::new(package["manifest_path"].as_str().expect("a path"));
        let folder = folder.parent().expect("a folder");
        let events = variants(&read(&folder.join(source)));
        let version = package["version"].as_str().expect("a version");
        let removing = compare(&page, column, library, &events, version);
        // The code acts on those that the table says it acts on.
        let code = read(&root.join(format!("src/managers/events/{library}.rs")));
        assert_eq!(acted_on(&code), removing, "{library}");
        if library == "serenity" {
            let events = full_events(&read(&folder.join("src/client/event_handler.rs")));
            compare(&page, 3, "serenity's full events", &events, version);
        }
        seen.push(format!("{name} {version}"));
    }
    assert_eq!(seen.len(), expected, "{seen:?}");
}

/// Every one of these events is in the column of the table or in the list of those that remove nothing; the former are returned.
fn compare(page: &str, column: usize, of: &str, events: &Names, version: &str) -> Names {
    assert!(events.len() > 50, "{of}: {events:?}");
    let (removing, idle) = (removing(page, column), idle(page, of));
    let named: Names = removing.union(&idle).cloned().collect();
    let missing: Vec<_> = events.difference(&named).collect();
    assert!(
        missing.is_empty(),
        "docs/guide/10_events.md does not say what these of {of} {version} remove: {missing:?}"
    );
    assert!(removing.is_disjoint(&idle), "{of}: named twice");
    assert!(
        removing.is_subset(events),
        "{of} {version} has not all of {removing:?}"
    );
    removing
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn packages(manifest: &Path, features: &[&str]) -> Vec<Value> {
    let rustc = output(Command::new("rustc").arg("-vV"));
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "metadata",
        "--format-version",
        "1",
        "--offline",
        "--filter-platform",
    ]);
    cargo.arg(host.expect("a host")).args(features);
    cargo.arg("--manifest-path").arg(manifest);
    let metadata: Value = serde_json::from_str(&output(&mut cargo)).expect("JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

/// The names of the variants of `pub enum Event`.
fn variants(source: &str) -> Names {
    let (_, body) = source.split_once("pub enum Event {").expect("the enum");
    let lines = body.lines().take_while(|line| *line != "}");
    let names = lines.filter_map(|line| line.strip_prefix("    "));
    names
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(|line| {
            line.split(|c: char| !c.is_alphanumeric())
                .next()
                .expect("a word")
        })
        .map(str::to_owned)
        .collect()
}

/// The names of the variants of `FullEvent`, which a macro makes of `Name { … } => async fn …`.
fn full_events(source: &str) -> Names {
    let lines = source
        .lines()
        .filter(|line| line.contains("} => async fn ") && !line.contains('$'));
    lines
        .map(|line| {
            line.trim_start()
                .split(' ')
                .next()
                .expect("a word")
                .to_owned()
        })
        .collect()
}

fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// The events in a column of the table.
fn removing(page: &str, column: usize) -> Names {
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.split('|').nth(column + 1));
    cells.flat_map(quoted).collect()
}

/// The events that remove nothing.
fn idle(page: &str, library: &str) -> Names {
    let start = match library {
        "twilight" | "serenity" => format!("Of {library}'s: "),
        _ => format!("Of {library}: "),
    };
    let lines = page
        .split("\n\n")
        .filter_map(|part| part.strip_prefix(start.as_str()));
    lines.flat_map(quoted).collect()
}

/// The variants that `change` names.
fn acted_on(code: &str) -> Names {
    let (_, body) = code.split_once("fn change").expect("the function");
    let body = body.split("fn has_role").next().expect("its body");
    let names = body.split("Self::").skip(1);
    names
        .map(|rest| rest.split('(').next().expect("a word").to_owned())
        .collect()
}

#[test]
fn what_is_missing_is_found() {
    let source =
        "pub enum Event {\n    /// A.\n    #[x]\n    Known(u8),\n    Other,\n    New(Box<X>),\n}\n";
    let page = "| a | twilight | serenity |\n|---|---|---|\n| b | `Known` | `Else` |\n\nOf twilight's: `Other`,\n`Gone`.\n\nOf serenity's: `B`.";
    let named: Names = removing(page, 1)
        .union(&idle(page, "twilight"))
        .cloned()
        .collect();
    let events = variants(source);
    let missing: Vec<_> = events.difference(&named).collect();
    assert_eq!(missing, ["New"]);
    assert_eq!(
        acted_on("fn change() { Self::A(x) => b, Self::C(y) if z } fn has_role() { Self::D(e) }"),
        ["A", "C"].map(str::to_owned).into()
    );
}
