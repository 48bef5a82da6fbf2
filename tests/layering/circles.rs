//! No circles: of the files and folders that stand in one folder, none needs itself by way of the others.
//!
//! A *room* is a file or a folder, its neighbours are what stands beside it. An arrow goes from one room to another if any file
//! of the first names something that is defined in the second. A module and what is inside it are one room: they may need each other.
//! Names that a module passes on by `use` are followed to where they are defined.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{is_under, paths, sources};

/// Circles that there may be: a builder and what it builds, which names the builder to begin with.
const ALLOWED: &[&[&str]] = &[&["engine/api/builder", "engine/api/cache"]];

/// Folders below which there still are others. The list may only shrink.
const KNOWN: &[&str] = &[];

/// A module's place in the tree: `engine::table` is `["engine", "table"]`.
type Module = Vec<String>;

struct Tree {
    /// What each module that is a file names, in full.
    named: BTreeMap<Module, BTreeSet<String>>,
}

impl Tree {
    /// From files as paths below `src`, and their texts.
    fn new(files: &[(String, String)]) -> Self {
        let named = files.iter().map(|(file, text)| {
            let tokens = text.parse().expect("a source file that lexes");
            (module_of(file), paths(tokens))
        });
        Self {
            named: named.collect(),
        }
    }

    fn is_module(&self, module: &[String]) -> bool {
        self.named.contains_key(module)
    }

    /// The module in which what `path` names is defined, as far as it is one of ours.
    fn resolve(&self, path: &str, from: &[String], depth: usize) -> Option<Module> {
        let mut parts = path.split("::").peekable();
        let mut here = from.to_vec();
        match parts.peek().copied()? {
            "crate" => {
                here.clear();
                parts.next();
            }
            "self" => {
                parts.next();
            }
            "super" => {
                while parts.next_if_eq(&"super").is_some() {
                    here.pop();
                }
            }
            first => {
                let child = joined(&here, first);
                if !self.is_module(&child) {
                    return self.by_glob(path, from, depth);
                }
            }
        }
        while let Some(part) = parts.next() {
            let child = joined(&here, part);
            if self.is_module(&child) {
                here = child;
                continue;
            }
            // Defined here, or passed on.
            let rest: String = parts.map(|part| format!("::{part}")).collect();
            let end = format!("::{part}");
            let passed_on = self.named[&here]
                .iter()
                .filter(|path| path.ends_with(&end) && path.as_str() != format!("self{end}"))
                .filter(|_| depth > 0)
                .find_map(|path| self.resolve(&format!("{path}{rest}"), &here, depth - 1));
            return Some(passed_on.unwrap_or(here));
        }
        Some(here)
    }

    /// By a `use super::*` or the like.
    fn by_glob(&self, path: &str, from: &[String], depth: usize) -> Option<Module> {
        let globs = self.named[from]
            .iter()
            .filter_map(|path| path.strip_suffix("::*"));
        globs.filter(|_| depth > 0).find_map(|glob| {
            let module = self.resolve(glob, from, depth - 1)?;
            let found = self.resolve(&format!("self::{path}"), &module, depth - 1)?;
            (found != module).then_some(found)
        })
    }

    /// For each folder the arrows between what stands in it.
    fn arrows(&self) -> BTreeMap<Module, BTreeSet<(String, String)>> {
        let mut arrows: BTreeMap<Module, BTreeSet<(String, String)>> = BTreeMap::new();
        for (from, named) in &self.named {
            for path in named {
                let Some(to) = self.resolve(path, from, 4) else {
                    continue;
                };
                let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
                if let (Some(a), Some(b)) = (from.get(common), to.get(common)) {
                    let between = arrows.entry(from[..common].to_vec()).or_default();
                    between.insert((a.clone(), b.clone()));
                }
            }
        }
        arrows
    }

    /// The rooms of each circle, with the folder before each.
    fn circles(&self) -> BTreeSet<BTreeSet<String>> {
        let mut circles = BTreeSet::new();
        for (folder, arrows) in self.arrows() {
            let reach = reach(&arrows);
            let reaches = |a: &String, b: &String| reach.get(a).is_some_and(|to| to.contains(b));
            for room in reach.keys().filter(|room| reaches(room, room)) {
                let circle = reach
                    .keys()
                    .filter(|other| reaches(room, other) && reaches(other, room));
                let circle = circle.map(|room| joined(&folder, room).join("/"));
                circles.insert(circle.collect());
            }
        }
        circles
    }
}

fn joined(module: &[String], part: &str) -> Module {
    let mut module = module.to_vec();
    module.push(part.to_owned());
    module
}

/// What each room needs, by way of others too.
fn reach(arrows: &BTreeSet<(String, String)>) -> BTreeMap<String, BTreeSet<String>> {
    let mut reach: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, to) in arrows {
        reach.entry(from.clone()).or_default().insert(to.clone());
        reach.entry(to.clone()).or_default();
    }
    loop {
        let mut grown = reach.clone();
        for to in grown.values_mut() {
            let further = to.iter().flat_map(|room| &reach[room]);
            let further: BTreeSet<String> = further.cloned().collect();
            to.extend(further);
        }
        if grown == reach {
            return reach;
        }
        reach = grown;
    }
}

/// `engine/table/mod.rs` and `engine/table.rs` are the module `engine::table`; `lib.rs` is the root.
fn module_of(file: &str) -> Module {
    let path = Path::new(file).with_extension("");
    let mut module: Module = path
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] {
        module.pop();
    }
    module
}

#[test]
fn no_room_needs_itself() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<(String, String)> = sources(&src)
        .iter()
        .map(|file| {
            let relative = file.strip_prefix(&src).expect("a file under src");
            let text = std::fs::read_to_string(file).expect("a readable source file");
            (relative.display().to_string(), text)
        })
        .collect();
    let circles = Tree::new(&files).circles();
    let is_allowed = |circle: &BTreeSet<String>| {
        let mut allowed = ALLOWED.iter();
        allowed.any(|rooms| circle.iter().all(|room| rooms.contains(&room.as_str())))
    };
    let is_known = |circle: &BTreeSet<String>| {
        let below = |folder: &&str| circle.iter().all(|room| is_under(room, folder));
        KNOWN.iter().any(below)
    };
    let new: Vec<_> = circles
        .iter()
        .filter(|circle| !is_allowed(circle) && !is_known(circle))
        .collect();
    assert!(new.is_empty(), "circles: {new:#?}");
}

#[cfg(test)]
mod the_finder {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let files: Vec<_> = files
            .iter()
            .map(|&(file, text)| (file.to_owned(), text.to_owned()))
            .collect();
        let circles = Tree::new(&files).circles();
        circles
            .into_iter()
            .map(|circle| circle.into_iter().collect())
            .collect()
    }

    #[test]
    fn sees_a_circle_however_it_is_closed() {
        for (a, b) in [
            ("use super::b::B;", "use crate::e::a::A;"),
            ("fn f(b: super::b::B) {}", "use super::{a, c::C};"),
            ("use crate::e::{b::{self, B}};", "use super::a::*;"),
            // By names that the folder passes on.
            ("use super::B;", "use crate::A;"),
            ("use super::*; struct X(B);", "use super::a::A;"),
        ] {
            let files = [
                ("lib.rs", "pub use e::a::A;"),
                ("e/mod.rs", "mod a; mod b; mod c; pub use self::b::B;"),
                ("e/a.rs", a),
                ("e/b.rs", b),
                ("e/c.rs", "pub struct C;"),
            ];
            assert_eq!(circles(&files), [["e/a", "e/b"]], "{a} {b}");
        }
        let three = [
            ("a.rs", "use crate::b::deep::B;"),
            ("b/mod.rs", "mod deep;"),
            ("b/deep.rs", "use crate::c::C;"),
            ("c.rs", "use crate::a::A;"),
            ("d.rs", "use crate::a::A;"),
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ];
        assert_eq!(circles(&three), [["a", "b", "c"]]);
    }

    #[test]
    fn lets_a_module_and_what_is_inside_it_be_and_arrows_that_only_go_down() {
        for (a, inside, b) in [
            (
                "use self::inside::X; use super::b::B;",
                "use super::A;",
                "use std::fmt;",
            ),
            ("mod inside;", "use crate::e::b::B;", "fn a(a: u8) {}"),
            (
                "mod inside;",
                "use crate::e::b::B;",
                "#[cfg(test)] mod t { use super::super::a::A; }",
            ),
        ] {
            let files = [
                ("lib.rs", "mod e;"),
                ("e/mod.rs", "mod a; mod b; use a::A; use b::B;"),
                ("e/a/mod.rs", a),
                ("e/a/inside.rs", inside),
                ("e/b.rs", b),
            ];
            assert!(circles(&files).is_empty(), "{:?}", circles(&files));
        }
    }
}
