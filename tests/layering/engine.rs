//! The floors of the engine: which of its rooms may name which.
//!
//! A room is a folder of `src/engine`, or a file beside them. Each names rooms of the floors below only, so there is no circle among
//! them: that the table is in order is checked as well.

use std::collections::BTreeSet;
use std::path::Path;

use super::{paths, sources};

/// The rooms from the ground up, and what each may name.
const ROOMS: &[(&str, &[&str])] = &[
    ("arch", &[]),
    ("entry", &["arch"]),
    ("table", &["arch", "entry"]),
    ("capacity", &["entry", "table"]),
    ("expiry", &["arch", "table"]),
    ("policy", &["arch", "entry", "table"]),
    ("reclaim", &["entry", "capacity"]),
    ("threads", &["entry", "capacity", "policy", "reclaim"]),
    (
        "index",
        &[
            "entry", "table", "capacity", "expiry", "policy", "reclaim", "threads",
        ],
    ),
    ("api", &["entry", "table", "reclaim", "threads", "index"]),
];

#[test]
fn the_rooms_of_the_engine_keep_their_floors() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut broken = Vec::new();
    let mut rooms = BTreeSet::new();
    for file in sources(&src.join("engine")) {
        let relative = file.strip_prefix(&src).expect("a file under src");
        let relative = relative.display().to_string();
        let text = std::fs::read_to_string(&file).expect("a readable source file");
        rooms.extend(room_of(&relative));
        broken.extend(check(&relative, &text));
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
    let listed = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(rooms, listed, "the rooms, and those that have a floor");
}

#[test]
fn floors_are_floors() {
    for (at, (room, below)) in ROOMS.iter().enumerate() {
        for other in *below {
            assert!(
                ROOMS[..at].iter().any(|(lower, _)| lower == other),
                "{room} may name {other}, which does not stand below it"
            );
        }
    }
}

/// The room that a file belongs to; `engine/mod.rs` to none.
fn room_of(relative: &str) -> Option<String> {
    let below = relative.strip_prefix("engine/")?;
    let room = below.split('/').next()?.trim_end_matches(".rs");
    (room != "mod").then(|| room.to_owned())
}

/// What of the engine a path names, seen from a file: `Some(name)` behind `engine::`.
fn named(relative: &str, path: &str) -> Option<String> {
    let of_engine = |rest: &str| rest.split("::").next().map(ToOwned::to_owned);
    if let Some(rest) = path.strip_prefix("crate::engine::") {
        return of_engine(rest);
    }
    let rest = path.trim_start_matches("super::");
    let up = (path.len() - rest.len()) / "super::".len();
    let module = relative.trim_end_matches(".rs").trim_end_matches("/mod");
    let depth = module.split('/').count();
    (up > 0 && up + 1 == depth)
        .then(|| of_engine(rest))
        .flatten()
}

/// What one file breaks, one line each.
fn check(relative: &str, text: &str) -> Vec<String> {
    let Some(room) = room_of(relative) else {
        return Vec::new();
    };
    let allowed = ROOMS
        .iter()
        .find(|(name, _)| *name == room)
        .map_or(&[][..], |(_, below)| below);
    let tokens = text.parse().expect("a source file that lexes");
    let paths = paths(tokens);
    let names = paths
        .iter()
        .filter_map(|path| Some((path, named(relative, path)?)));
    names
        .filter(|(_, name)| *name != room && !allowed.contains(&name.as_str()))
        .map(|(path, _)| format!("src/{relative} names `{path}`: not below `{room}`"))
        .collect()
}

#[test]
fn sees_what_stands_above_or_is_passed_on() {
    let breaks = |file: &str, text: &str| assert_eq!(check(file, text).len(), 1, "{file}: {text}");
    let keeps = |file: &str, text: &str| assert!(check(file, text).is_empty(), "{file}: {text}");
    breaks("engine/table/mod.rs", "use crate::engine::policy::Policy;");
    breaks("engine/table/word.rs", "use super::super::policy::Policy;");
    breaks("engine/entry/mod.rs", "use super::table::Slot;");
    breaks(
        "engine/capacity.rs",
        "fn f() { super::index::bounded::f() }",
    );
    breaks(
        "engine/api/cache.rs",
        "use crate::engine::{Stats, index::Index};",
    );
    breaks("engine/new/mod.rs", "use crate::engine::arch::holds;");
    keeps(
        "engine/table/word.rs",
        "use super::bucket::Bucket; use crate::engine::entry::Entry;",
    );
    keeps(
        "engine/table/word.rs",
        "#[cfg(test)] mod tests { use crate::engine::policy::Policy; }",
    );
    keeps(
        "engine/index/bounded/set.rs",
        "use super::super::unbounded::Unbounded; use super::*;",
    );
    keeps("engine/mod.rs", "pub use self::api::TtlCache;");
    keeps("engine/api/cache.rs", "use crate::engine::index::Index;");
}
