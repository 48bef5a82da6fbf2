//! A link of a document names what is there; a path that "finding your way" names exists.

use super::{all_documents, read, root};
use std::path::Path;

/// The text without blocks of code.
fn prose(text: &str) -> String {
    let mut inside = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What stands in the brackets of each `[text](target)`.
fn targets(text: &str) -> Vec<&str> {
    let rest = text.split("](").skip(1);
    rest.filter_map(|rest| rest.split(')').next()).collect()
}

/// What stands between each two backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The name by which a heading can be linked to.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        _ if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

fn has_anchor(path: &Path, name: &str) -> bool {
    let text = prose(&read(path));
    let headings = text.lines().filter_map(|line| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len() && title.starts_with(' ')).then(|| anchor(title))
    });
    headings.into_iter().any(|heading| heading == name)
}

#[test]
fn every_link_names_what_is_there() {
    let mut seen = 0;
    for document in all_documents() {
        let text = prose(&read(&document));
        for target in targets(&text) {
            if target.contains("://") {
                continue;
            }
            let (file, name) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => document.clone(),
                file => document.parent().expect("a folder").join(file),
            };
            let place = format!("{}: ({target})", document.display());
            assert!(path.exists(), "{place} is not there");
            assert!(
                name.is_empty() || has_anchor(&path, name),
                "{place} has no such heading"
            );
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen} links");
}

#[test]
fn whoever_looks_for_the_way_finds_it() {
    let text = prose(&read(&root().join("CONTRIBUTING.md")));
    let paths: Vec<&str> = quoted(&text)
        .into_iter()
        .filter(|word| word.contains('/') && !word.contains(['=', ' ', '[']))
        .collect();
    for path in &paths {
        assert!(root().join(path).exists(), "{path} is not there");
    }
    assert!(paths.len() >= 15, "{paths:?}");
}

/// The finders themselves.
#[test]
fn the_finders_see_links_headings_and_paths() {
    let text = "a [b](c.md#d) ![e](f.svg)\n```\n[g](h)\n```\n`src/i.rs` and `j`";
    assert_eq!(targets(&prose(text)), ["c.md#d", "f.svg"]);
    assert_eq!(quoted(&prose(text)), ["src/i.rs", "j"]);
    assert_eq!(
        anchor(" Why 16-bit tags, and hints?"),
        "why-16-bit-tags-and-hints"
    );
}
