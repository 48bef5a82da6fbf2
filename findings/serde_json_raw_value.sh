#!/usr/bin/env bash
# serde_json 1.0.154 (crates.io), the feature `raw_value`.
# It is on for the whole program as soon as one crate asks for it, and changes what every `Value` is read from: an object with
# the name "$serde_json::private::RawValue" first becomes whatever JSON its text holds.
# Seen:
#   without: {"$serde_json::private::RawValue":"[1,2]"}
#   with raw_value: [1,2]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat >"$folder/Cargo.toml" <<'TOML'
[package]
name = "show"
version = "0.0.0"
edition = "2021"
[dependencies]
serde_json = "=1.0.154"
[features]
raw = ["serde_json/raw_value"]
[workspace]
TOML
cat >"$folder/src/main.rs" <<'RUST'
fn main() {
    let text = r#"{"$serde_json::private::RawValue":"[1,2]"}"#;
    println!("{}", serde_json::from_str::<serde_json::Value>(text).unwrap());
}
RUST
show() {
    cargo run --quiet --manifest-path "$folder/Cargo.toml" --target-dir "$folder/target" "$@"
}
found=$(echo "without: $(show)"; echo "with raw_value: $(show --features raw)")
echo "$found"
[ "$found" = 'without: {"$serde_json::private::RawValue":"[1,2]"}
with raw_value: [1,2]' ]
