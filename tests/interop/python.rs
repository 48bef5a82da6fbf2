//! The same vectors against the PyPI package `valkey` and Python's `json`.
//!
//! Needs Python with that package: `$TUX_PYTHON`, else a virtual environment that `cargo xtask test`
//! makes, else `python3`. Without it these tests say what was not run; with `TUX_PYTHON` set, or in CI,
//! they fail instead.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use tux_cache_test_support::ValkeyServer;
use tux_cache_test_support::json;

use crate::rows::{connect, vectors};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/python_side.py");

fn has_package(python: &PathBuf) -> bool {
    Command::new(python)
        .args(["-c", "import valkey, json"])
        .output()
        .is_ok_and(|done| done.status.success())
}

/// A Python with the package, or `None` after saying what is not run.
fn python(test: &str) -> Option<PathBuf> {
    if let Some(python) = std::env::var_os("TUX_PYTHON").map(PathBuf::from) {
        assert!(
            has_package(&python),
            "$TUX_PYTHON={} cannot import the package valkey: pip install valkey",
            python.display()
        );
        return Some(python);
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target")),
        PathBuf::from,
    );
    let found = [target.join("python/bin/python3"), "python3".into()]
        .into_iter()
        .find(has_package);
    if found.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "no Python with the package valkey: python3 -m venv target/python && target/python/bin/pip install valkey"
        );
        // Past the harness, which would swallow it.
        let _ = writeln!(
            std::io::stderr(),
            "NOT RUN: interop::python::{test}: no Python with the package valkey was found"
        );
    }
    found
}

fn run(python: &PathBuf, server: &ValkeyServer, mode: &str) -> String {
    let addr = server.addr();
    let done = Command::new(python)
        .arg(PROGRAM)
        .args([mode, &addr.ip().to_string(), &addr.port().to_string()])
        .output()
        .expect("Python starts");
    assert!(
        done.status.success(),
        "python_side.py {mode}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_reads_what_rust_writes() {
    let Some(python) = python("python_reads_what_rust_writes") else {
        return;
    };
    let server = ValkeyServer::start().expect("a Valkey server");
    let b = connect(&server).await;
    for v in vectors() {
        b.set(&v.key, v.value, v.ttl).await.unwrap();
    }
    assert!(run(&python, &server, "check").contains("rows"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rust_reads_what_python_writes() {
    let Some(python) = python("rust_reads_what_python_writes") else {
        return;
    };
    let server = ValkeyServer::start().expect("a Valkey server");
    let b = connect(&server).await;
    run(&python, &server, "write");
    for v in vectors() {
        assert_eq!(b.get(&v.key).await.unwrap(), Some(v.value), "{}", v.row);
    }
    run(&python, &server, "strange");
    for (key, text) in [
        ("strange:nan", "NaN"),
        ("strange:inf", "[Infinity, -Infinity]"),
        ("strange:nested nan", "{\"a\": NaN}"),
        ("strange:lone surrogate", "\"\\ud800\""),
    ] {
        assert_eq!(b.get(key).await.unwrap(), Some(json!(text)), "{key}");
    }
    assert!(b.get("strange:deep").await.unwrap().unwrap().is_string());
}

/// The committed vectors are what the program prints.
#[test]
fn the_vectors_are_those_of_python() {
    let Some(python) = python("the_vectors_are_those_of_python") else {
        return;
    };
    let done = Command::new(python)
        .args([PROGRAM, "vectors"])
        .output()
        .expect("Python starts");
    let printed = String::from_utf8(done.stdout).expect("ASCII");
    assert_eq!(
        printed.trim(),
        include_str!("vectors.json").trim(),
        "regenerate: python3 tests/interop/python_side.py vectors > tests/interop/vectors.json"
    );
}
