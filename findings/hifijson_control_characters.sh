#!/usr/bin/env bash
# hifijson 0.5.0 (crates.io), writing strings.
# The control characters U+0014 to U+001F are written as they stand: the bound is 20, where 0x20 was meant. The text is no
# JSON, and the crate's own lexer refuses it.
# Seen:
#   U+0013 "\u0013" is read: true
#   U+0014 "\u{14}" is read: false
#   U+001F "\u{1f}" is read: false
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
hifijson = "=0.5.0"
[workspace]
TOML
cat >"$folder/src/main.rs" <<'RUST'
use hifijson::{str::LexAlloc, token::Lex, SliceLexer};

fn main() {
    for c in ['\u{13}', '\u{14}', '\u{1f}'] {
        let text = hifijson::str::Display::new(c.to_string()).to_string();
        let read = SliceLexer::new(text.as_bytes()).discarded().str_string().is_ok();
        let shown: String = text.chars().map(|c| if c < ' ' { c.escape_debug().to_string() } else { c.to_string() }).collect();
        println!("U+{:04X} {shown} is read: {read}", u32::from(c));
    }
}
RUST
found=$(cargo run --quiet --manifest-path "$folder/Cargo.toml" --target-dir "$folder/target")
echo "$found"
[ "$found" = 'U+0013 "\u0013" is read: true
U+0014 "\u{14}" is read: false
U+001F "\u{1f}" is read: false' ]
