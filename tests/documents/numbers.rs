//! Figures stand in tables: in running text they stop the reader.

use super::{read, root};

/// The documents that are read from top to bottom.
const CHECKED: &[&str] = &[
    "README.md",
    "DESIGN.md",
    "BENCHMARKS.md",
    "results/README.md",
];
/// Numbers per hundred words.
const LIMIT: f64 = 2.0;

/// What a version stands behind: `Rust 1.88`, `Valkey 8.0 and 9.1`.
const VERSIONED: &[&str] = &[
    "rust",
    "version",
    "edition",
    "valkey",
    "valkey-server",
    "quick_cache",
    "moka",
    "papaya",
    "foyer",
    "foyer-memory",
    "hashbrown",
    "twilight",
    "twilight-model",
    "serenity",
    "rustls",
    "ahash",
    "seize",
    "tokio",
    "redis",
    "serde_json",
    "cargo-mutants",
    "python",
    "debian",
    "pydantic",
];

/// The words of the running text: no code, no tables, no addresses.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut in_block = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if !in_block && !line.starts_with('|') {
            let line = without(&without(line, '`', '`'), '(', ')');
            words.extend(line.split_whitespace().map(str::to_owned));
        }
    }
    words.retain(|word| word.contains(char::is_alphanumeric));
    words
}

/// Without what stands between such marks; of parentheses only the addresses of links.
fn without(line: &str, open: char, close: char) -> String {
    let mut kept = String::new();
    let mut rest = line;
    while let Some(begin) = rest.find(open) {
        let is_link = open != '(' || rest[..begin].ends_with(']');
        let inside = &rest[begin + open.len_utf8()..];
        match inside.find(close) {
            Some(end) if is_link => {
                // Code counts as the one word it is.
                kept.push_str(&rest[..begin]);
                kept.push_str(if open == '`' { "code" } else { "" });
                rest = &inside[end + close.len_utf8()..];
            }
            _ => {
                kept.push_str(&rest[..begin + open.len_utf8()]);
                rest = inside;
            }
        }
    }
    kept + rest
}

/// The numbers among the words, without versions.
fn numbers(words: &[String]) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_versioned = false;
    for word in words {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let is_number = bare.starts_with(|c: char| c.is_ascii_digit());
        let is_version = is_number
            && (is_versioned || bare.split('.').filter(|part| !part.is_empty()).count() > 2);
        if is_number && !is_version {
            found.push(bare);
        }
        // `8.0 and 9.1`, `0.16, 0.17.1, 0.18`.
        is_versioned = VERSIONED.contains(&&*bare.to_lowercase())
            || is_versioned && (is_version || matches!(bare, "and" | "or" | "to"));
    }
    found
}

#[test]
fn figures_stand_in_tables() {
    let mut crowded = Vec::new();
    for name in CHECKED {
        let words = words(&read(&root().join(name)));
        let numbers = numbers(&words);
        #[expect(clippy::cast_precision_loss, reason = "some thousand words")]
        let share = 100.0 * numbers.len() as f64 / words.len() as f64;
        assert!(words.len() > 100, "{name}: {} words", words.len());
        println!(
            "{name}: {} words, {share:.1} numbers a hundred",
            words.len()
        );
        if share > LIMIT {
            crowded.push(format!("{name}: {share:.1}, limit {LIMIT}: {numbers:?}"));
        }
    }
    assert!(
        crowded.is_empty(),
        "numbers per hundred words: {crowded:#?}"
    );
}

/// The counter itself.
#[test]
fn numbers_are_told_from_names_versions_and_code() {
    let text = "A hit takes 4.4 ns (61 at a million), u64 or x86-64.\n\n| 1 | 2 |\n|---|---|\n```\n3 4 5\n```\nSince 2026-11-30 `6 of 7`, \
        see [record 8](results/2026-11-30-ratios.json#9), **10 %**, 1,000 and S3-FIFO.";
    let words = words(text);
    assert_eq!(
        numbers(&words),
        ["4.4", "61", "2026-11-30", "8", "10", "1,000"]
    );
    assert_eq!(words.len(), 22, "{words:?}");
    let text = "Rust 1.88 or 1.91, Valkey 8.0 and 9.1, version 2; twilight-model 0.16, 0.17.1 and 0.18; 1.2.3. But 7 of Rust.";
    let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    assert_eq!(numbers(&words), ["7"]);
}
