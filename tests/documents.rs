//! What the documents show is compiled and run; what they and rustdoc say can be understood by who has only them.

#[path = "documents/links.rs"]
mod links;
#[path = "documents/numbers.rs"]
mod numbers;

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below `folder` that end so.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What a user reads: the front page, the changes, the comparisons and the guide.
fn documents() -> Vec<PathBuf> {
    let mut documents = files(&root().join("docs/guide"), ".md");
    documents.extend(
        ["README.md", "CHANGELOG.md", "COMPARE.md", "BENCHMARKS.md"].map(|name| root().join(name)),
    );
    documents
}

/// All documents of the project.
fn all_documents() -> Vec<PathBuf> {
    let mut all = Vec::new();
    for folder in ["docs", "results", "findings"] {
        all.extend(files(&root().join(folder), ".md"));
    }
    let top = fs::read_dir(root()).expect("the root");
    let top = top.map(|entry| entry.expect("an entry").path());
    all.extend(top.filter(|path| path.extension().is_some_and(|end| end == "md")));
    all.retain(|path| !path.starts_with(root().join("results/local")));
    all
}

/// What stands behind the three backquotes of each block.
fn languages(text: &str) -> Vec<&str> {
    let fences = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("```"));
    fences.step_by(2).collect()
}

/// Each block of Rust in a document is a documentation test that runs: the document is a page of `src/guide`, and nothing
/// keeps the block from being run.
#[test]
fn every_block_of_rust_is_compiled_and_run() {
    let guide = read(&root().join("src/guide/mod.rs"));
    let mut seen = 0;
    for document in all_documents() {
        let name = document.strip_prefix(root()).expect("below the root");
        let name = name.to_str().expect("a plain name");
        for language in languages(&read(&document)) {
            let mut words = language.split(',').map(str::trim);
            if words.next() != Some("rust") {
                continue;
            }
            assert_eq!(
                words.next(),
                None,
                "{name}: a block of {language:?} does not run"
            );
            let page = format!("include_str!(\"../../{name}\")");
            assert!(guide.contains(&page), "{name}: nothing compiles its Rust");
            seen += 1;
        }
    }
    assert!(seen >= 10, "{seen} blocks");
}

/// A code of the design, such as an invariant or a trap: a letter and a number that say nothing to a user.
fn code(text: &str) -> Option<&str> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with(['T', 'I', 'L', 'G', 'N']))
        .find(|word| (2..=3).contains(&word.len()) && word[1..].bytes().all(|b| b.is_ascii_digit()))
}

#[test]
fn no_document_names_a_code_of_the_design() {
    for document in documents() {
        for (at, line) in read(&document).lines().enumerate() {
            let found = code(line);
            assert_eq!(found, None, "{}:{}: {line}", document.display(), at + 1);
        }
    }
}

/// Documentation that rustdoc shows: of what is `pub`, of variants, of what a public trait or an implementation has.
fn shown(tokens: TokenStream, all: bool, found: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut docs = Vec::new();
    // Whether what comes next is public, and whether all that stands in its braces is.
    let (mut public, mut inside) = (all, false);
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                // `#[doc = "…"]`; an inner `#![doc = "…"]` belongs to the file.
                if let Some(TokenTree::Group(group)) = tokens.get(at + 1)
                    && group.delimiter() == Delimiter::Bracket
                {
                    docs.extend(doc(group.stream()));
                    at += 1;
                }
            }
            TokenTree::Ident(ident) if *ident == "pub" => {
                let restricted = matches!(
                    tokens.get(at + 1),
                    Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis
                );
                public = !restricted;
            }
            TokenTree::Ident(ident) if *ident == "enum" || *ident == "trait" => inside = public,
            // Of a trait, for whatever type: rustdoc shows it where the type is public.
            TokenTree::Ident(ident) if *ident == "for" => inside = true,
            TokenTree::Ident(_) | TokenTree::Literal(_) => {}
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                if public {
                    found.append(&mut docs);
                }
                docs.clear();
                shown(group.stream(), inside, found);
                (public, inside) = (all, false);
            }
            TokenTree::Punct(punct) if matches!(punct.as_char(), ';' | ',') => {
                if public {
                    found.append(&mut docs);
                }
                docs.clear();
                public = all;
                if punct.as_char() == ';' {
                    inside = false;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if public {
        found.append(&mut docs);
    }
}

/// The text of `doc = "…"`.
fn doc(attribute: TokenStream) -> Option<String> {
    let mut tokens = attribute.into_iter();
    match (tokens.next(), tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(name)), _, Some(TokenTree::Literal(text))) if name == "doc" => {
            Some(text.to_string())
        }
        _ => None,
    }
}

#[test]
fn rustdoc_names_no_code_of_the_design() {
    let (mut seen, mut named) = (0, Vec::new());
    for path in files(&root().join("src"), ".rs") {
        let text = read(&path);
        let tokens: TokenStream = text.parse().expect("Rust");
        let mut found = Vec::new();
        shown(tokens, false, &mut found);
        // The pages of the public modules begin with these.
        let public = [
            "lib.rs",
            "error.rs",
            "time/mod.rs",
            "backend/mod.rs",
            "managers/mod.rs",
            "service/mod.rs",
        ];
        if public
            .iter()
            .any(|name| path == root().join("src").join(name))
        {
            let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
            found.extend(lines.map(str::to_owned));
        }
        seen += found.len();
        let wrong = found.iter().filter(|text| code(text).is_some());
        named.extend(wrong.map(|text| format!("{}: {text}", path.display())));
    }
    assert!(named.is_empty(), "{named:#?}");
    assert!(seen > 1_000, "{seen} lines of documentation");
}

/// The finder itself: what it must see, and what it must leave alone.
#[test]
fn the_finder_sees_what_rustdoc_shows() {
    let source = r#"
        /// seen 1
        pub fn a() {}
        /// hidden
        pub(crate) fn b() {}
        /// hidden
        fn c() {}
        /// seen 2
        #[derive(Clone)]
        pub enum D { /** seen 3 */ E, /// seen 4
            F(u8) }
        /// hidden
        enum G { /// hidden
            H }
        /// seen 5
        pub struct I { /// hidden
            j: u8, /// seen 6
            pub k: u8 }
        impl I { /// seen 7
            pub const fn l(&self) -> Option<u8> { None } /// hidden
            fn m(&self) {} }
        impl Clone for I { /// seen 8
            fn clone(&self) -> Self { todo } }
        /// seen 9
        pub trait N { /// seen 10
            fn o(); }
        /// seen 11
        pub const P: u8 = 1;
    "#;
    let mut found = Vec::new();
    shown(source.parse().unwrap(), false, &mut found);
    assert_eq!(found.len(), 11, "{found:?}");
    assert!(found.iter().all(|text| text.contains("seen")), "{found:?}");
    assert_eq!(code("an error (T36)."), Some("T36"));
    assert_eq!(code("(I8)"), Some("I8"));
    for fine in [
        "2026-01-02T03:04:05",
        "IO",
        "T",
        "I1234",
        "TTL",
        "I/O",
        "LN9X",
    ] {
        assert_eq!(code(fine), None, "{fine}");
    }
    let text = "```rust,no_run\na\n  b\n```\n```sh\nc\n```\n";
    assert_eq!(languages(text), ["rust,no_run", "sh"]);
}
