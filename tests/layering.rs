//! The arrows of the architecture, read off the sources: who may name whom.
//!
//! The sources are taken as Rust tokens, so comments and strings do not count, and neither does code
//! under `#[cfg(test)]`. The checker itself is tested on snippets that break each rule.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One rule: files under `within` must not name a path that starts with one of `never`.
struct Rule {
    within: &'static [&'static str],
    except: &'static [&'static str],
    never: &'static [&'static str],
    /// Longer paths that are fine all the same.
    but: &'static [&'static str],
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        within: &["engine", "lease", "single_flight", "time", "sync"],
        except: &[],
        never: &[
            "tokio",
            "redis",
            "serde",
            "serde_json",
            "tracing",
            "futures",
            "async_std",
        ],
        but: &[],
        why: "engine, lease, single_flight, time and sync know no runtime, no server and no format",
    },
    Rule {
        within: &["engine", "lease", "single_flight"],
        except: &[],
        never: &[
            "std::sync",
            "core::sync",
            "alloc::sync",
            "std::thread",
            "std::time::Instant",
            "std::time::SystemTime",
            "std::time::*",
            "loom",
            "parking_lot",
        ],
        // It asks about the calling thread alone; loom has no twin of it.
        but: &["std::thread::panicking"],
        why: "crate::sync is the only door to atomics, threads and locks, and the Ticker to time",
    },
    Rule {
        within: &["engine", "lease"],
        except: &[],
        never: &[
            "crate::sync::Mutex",
            "crate::sync::RwLock",
            "crate::sync::Condvar",
            "Mutex",
            "RwLock",
        ],
        but: &[],
        why: "I7: nothing in the engine and its leases waits for another thread",
    },
    Rule {
        within: &["single_flight"],
        except: &[],
        never: &["crate::engine", "crate::TtlCache"],
        but: &[],
        why: "single_flight knows a lease only as a trait",
    },
    Rule {
        within: &["lease"],
        except: &[],
        never: &["crate::engine", "crate::single_flight", "crate::TtlCache"],
        but: &[],
        why: "leases stand below the engine and the backends",
    },
    Rule {
        within: &["time", "sync"],
        except: &[],
        never: &["crate::engine", "crate::lease", "crate::single_flight"],
        but: &[],
        why: "time and sync stand below everything",
    },
    Rule {
        within: &["engine", "lease", "single_flight", "time", "sync"],
        except: &[],
        never: &[
            "crate::backend",
            "crate::typed",
            "crate::managers",
            "crate::service",
        ],
        but: &[],
        why: "arrows point down",
    },
    Rule {
        within: &["backend"],
        except: &[],
        never: &["crate::typed", "crate::managers", "crate::service"],
        but: &[],
        why: "arrows point down",
    },
    Rule {
        within: &["typed"],
        except: &[],
        never: &["crate::managers", "crate::service"],
        but: &[],
        why: "arrows point down",
    },
    Rule {
        within: &["managers"],
        except: &[],
        never: &["crate::service"],
        but: &[],
        why: "arrows point down",
    },
    Rule {
        within: &[""],
        except: &["backend/valkey", "service"],
        never: &["redis"],
        but: &[],
        why: "only the Valkey backend and the service speak to a server",
    },
];

#[test]
fn the_sources_keep_the_arrows() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&src);
    assert!(
        files.len() > 5,
        "looking in the wrong place: {}",
        src.display()
    );
    let mut broken = Vec::new();
    for file in files {
        let relative = file
            .strip_prefix(&src)
            .expect("a file under src")
            .display()
            .to_string();
        let text = std::fs::read_to_string(&file).expect("a readable source file");
        broken.extend(check(&relative, &text));
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// What one file breaks, one line each.
fn check(relative: &str, text: &str) -> Vec<String> {
    let tokens: TokenStream = text.parse().expect("a source file that lexes");
    let paths = paths(tokens);
    let mut broken = Vec::new();
    for rule in RULES {
        if !rule.within.iter().any(|layer| is_under(relative, layer))
            || rule.except.iter().any(|layer| is_under(relative, layer))
        {
            continue;
        }
        for path in &paths {
            let names = |wanted: &&str| starts_with(path, wanted);
            if rule.never.iter().any(&names) && !rule.but.iter().any(&names) {
                broken.push(format!("src/{relative} names `{path}`: {}", rule.why));
            }
        }
    }
    broken
}

/// `engine.rs` and everything below `engine/` are the layer `engine`; the empty layer is everything.
fn is_under(relative: &str, layer: &str) -> bool {
    let rest = relative.strip_prefix(layer);
    rest.is_some_and(|rest| layer.is_empty() || rest == ".rs" || rest.starts_with('/'))
}

/// Whole components: `std::sync` covers `std::sync::Arc`, not `std::synchronous`.
fn starts_with(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every path named in the tokens, `use` trees spread out; a lone identifier is a path too.
fn paths(tokens: TokenStream) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(&without_tests(tokens), "", &mut found);
    found
}

fn collect(tokens: &[TokenTree], prefix: &str, found: &mut BTreeSet<String>) {
    let mut at = 0;
    // What the next identifier, `*` or group continues.
    let mut path = prefix.to_owned();
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(ident) => path = joined(&path, &ident.to_string()),
            TokenTree::Punct(punct) if punct.as_char() == '*' && path.ends_with("::") => {
                path.push('*');
            }
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = without_tests(group.stream());
                let spreads = path.ends_with("::") && group.delimiter() == Delimiter::Brace;
                collect(&inner, if spreads { &path } else { "" }, found);
                path = prefix.to_owned();
                at += 1;
                continue;
            }
            _ => {
                path = prefix.to_owned();
                at += 1;
                continue;
            }
        }
        at += 1;
        if is_colons(tokens, at) {
            path.push_str("::");
            at += 2;
        } else {
            found.insert(std::mem::replace(&mut path, prefix.to_owned()));
        }
    }
}

fn joined(path: &str, ident: &str) -> String {
    if path.is_empty() || path.ends_with("::") {
        format!("{path}{ident}")
    } else {
        ident.to_owned()
    }
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    let colon =
        |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
    colon(at) && colon(at + 1)
}

/// Drops each item that stands under `#[cfg(test)]` or `#[cfg(all(test, …))]`.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if let Some(attribute) = attribute(&tokens, at)
            && is_cfg_test(attribute)
        {
            // Up to the item's body or its semicolon.
            at += 2;
            while at < tokens.len() {
                let ends = match &tokens[at] {
                    TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                    TokenTree::Punct(punct) => punct.as_char() == ';',
                    _ => false,
                };
                at += 1;
                if ends {
                    break;
                }
            }
            continue;
        }
        kept.push(tokens[at].clone());
        at += 1;
    }
    kept
}

fn attribute(tokens: &[TokenTree], at: usize) -> Option<&proc_macro2::Group> {
    match (&tokens[at], tokens.get(at + 1)) {
        (TokenTree::Punct(hash), Some(TokenTree::Group(group)))
            if hash.as_char() == '#' && group.delimiter() == Delimiter::Bracket =>
        {
            Some(group)
        }
        _ => None,
    }
}

/// `cfg(test)`, or `test` as a direct member of `all`: never `not(test)` or `any(test, …)`.
fn is_cfg_test(attribute: &proc_macro2::Group) -> bool {
    let text = attribute.stream().to_string().replace(' ', "");
    let Some(inner) = text
        .strip_prefix("cfg(")
        .and_then(|rest| rest.strip_suffix(')'))
    else {
        return false;
    };
    inner == "test" || inner.starts_with("all(test,") || inner.starts_with("all(test)")
}

/// All `.rs` files except test modules that are files of their own.
fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a readable folder").flatten() {
        let path = entry.path();
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        if stem == "tests" || stem.ends_with("_tests") {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[path = "layering/circles.rs"]
mod circles;
#[path = "layering/engine.rs"]
mod engine;
#[path = "layering/the_checker.rs"]
mod the_checker;
