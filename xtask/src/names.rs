//! No two types of the library have one name: a reader who looks a name up finds one answer.
//!
//! Twins are left out: what `loom-tests` takes instead of a type of the shim, or of a file beside it, has the same name on purpose.
//! So is code that only tests have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item};

use crate::Result;
use crate::workspace::files;

/// Names that are still doubled, to be renamed. The list may only shrink.
const KNOWN: &[&str] = &[];

/// Fails if a type's name is defined twice below `src` of the repository.
pub(crate) fn check(root: &Path) -> Result<()> {
    let src = root.join("src");
    let mut texts = Vec::new();
    for file in files(&src, "rs") {
        let relative = file.strip_prefix(&src)?.to_string_lossy().into_owned();
        texts.push((relative, std::fs::read_to_string(&file)?));
    }
    let defined = Defined::read(&texts)?;
    if defined.0.len() < 50 {
        return Err(format!("few types below {}", src.display()).into());
    }
    let doubled = defined.doubled();
    let new = doubled.iter().filter(|(name, _)| !KNOWN.contains(name));
    let new: Vec<String> = new
        .map(|(name, files)| format!("{name}: {}", files.join(", ")))
        .collect();
    println!("{} type names, {} doubled", defined.0.len(), doubled.len());
    if new.is_empty() {
        return Ok(());
    }
    Err(format!("type names that are defined twice:\n{}", new.join("\n")).into())
}

/// What the model checker's build has instead of another file, and what the counting build has.
fn is_twin(relative: &str) -> bool {
    relative.ends_with("_loom.rs")
        || relative.starts_with("sync/loom")
        || relative == "sync/watched.rs"
}

/// The files in which each name is defined.
#[derive(Default)]
struct Defined(BTreeMap<String, Vec<String>>);

impl Defined {
    fn read(texts: &[(String, String)]) -> Result<Self> {
        let (mut parsed, mut tests) = (Vec::new(), Vec::new());
        for (file, text) in texts {
            let it = syn::parse_file(text).map_err(|error| format!("src/{file}: {error}"))?;
            tests.extend(modules_for_tests(file, &it.items));
            parsed.push((file, it));
        }
        let mut defined = Self::default();
        for (file, it) in &parsed {
            let module = module_of(file);
            let is_test = tests.iter().any(|test| module.starts_with(test));
            if !is_twin(file) && !is_test {
                defined.items(file, &it.items);
            }
        }
        Ok(defined)
    }

    fn items(&mut self, file: &str, items: &[Item]) {
        for item in items {
            let (attributes, name) = match item {
                Item::Struct(it) => (&it.attrs, &it.ident),
                Item::Enum(it) => (&it.attrs, &it.ident),
                Item::Union(it) => (&it.attrs, &it.ident),
                Item::Trait(it) => (&it.attrs, &it.ident),
                Item::Type(it) => (&it.attrs, &it.ident),
                Item::Mod(it) => {
                    if let Some((_, inside)) = &it.content
                        && !is_for_tests(&it.attrs)
                    {
                        self.items(file, inside);
                    }
                    continue;
                }
                _ => continue,
            };
            if !is_for_tests(attributes) {
                let files = self.0.entry(name.to_string()).or_default();
                files.push(file.to_owned());
            }
        }
    }

    fn doubled(&self) -> Vec<(&str, &[String])> {
        let all = self.0.iter();
        let doubled = all.filter(|(_, files)| files.len() > 1);
        doubled.map(|(name, files)| (&**name, &**files)).collect()
    }
}

/// Where the module of a file stands: `a/b` for `a/b.rs` and `a/b/mod.rs`.
fn module_of(file: &str) -> PathBuf {
    let path = Path::new(file).with_extension("");
    match path.file_name().is_some_and(|name| name == "mod") {
        true => path.parent().unwrap_or(Path::new("")).to_owned(),
        false => path,
    }
}

/// The modules that are files of their own and that only tests have.
fn modules_for_tests(file: &str, items: &[Item]) -> Vec<PathBuf> {
    let here = Path::new(file).parent().unwrap_or(Path::new(""));
    let below = match Path::new(file).file_name() {
        Some(name) if name == "mod.rs" || name == "lib.rs" => here.to_owned(),
        _ => module_of(file),
    };
    let modules = items.iter().filter_map(|item| match item {
        Item::Mod(it) if it.content.is_none() && is_for_tests(&it.attrs) => Some(it),
        _ => None,
    });
    modules
        .map(|module| match path_of(&module.attrs) {
            Some(path) => module_of(&here.join(path).to_string_lossy()),
            None => below.join(module.ident.to_string()),
        })
        .collect()
}

/// The text of `#[path = "…"]`.
fn path_of(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| {
        let named = attribute.meta.require_name_value().ok()?;
        match &named.value {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) if named.path.is_ident("path") => Some(text.value()),
            _ => None,
        }
    })
}

/// `#[cfg(test)]` or `#[cfg(all(test, …))]`.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let text = match &attribute.meta {
            syn::Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string(),
            _ => return false,
        };
        let text = text.replace(' ', "");
        text == "test" || text.starts_with("all(test,")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubled(files: &[(&str, &str)]) -> Vec<String> {
        let texts: Vec<_> = files
            .iter()
            .map(|&(file, text)| (file.to_owned(), text.to_owned()))
            .collect();
        let defined = Defined::read(&texts).unwrap();
        let doubled = defined.doubled();
        doubled.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    #[test]
    fn a_doubled_name_is_found_in_whatever_form() {
        for (a, b) in [
            ("struct A;", "pub(crate) enum A {}"),
            ("trait A {}", "type A = u8;"),
            (
                "mod m { pub union A { a: u8 } }",
                "#[cfg(unix)] struct A(u8);",
            ),
        ] {
            assert_eq!(doubled(&[("a.rs", a), ("b/c.rs", b)]), ["A"], "{a} {b}");
        }
        assert_eq!(doubled(&[("a.rs", "struct A; mod m { struct A; }")]), ["A"]);
    }

    #[test]
    fn twins_tests_and_what_has_no_name_of_its_own_are_left_out() {
        for (file, text) in [
            ("sync/loom.rs", "struct A;"),
            ("sync/loom/atomic.rs", "struct A;"),
            ("load/registry_loom.rs", "struct A;"),
            ("b.rs", "#[cfg(test)] mod tests { struct A; }"),
            ("b.rs", "#[cfg(all(test, not(tux_loom)))] struct A;"),
            ("b.rs", "impl Iterator for B { type A = u8; }"),
            ("b.rs", "fn f() { struct A; }"),
            ("b.rs", "// struct A;"),
        ] {
            assert!(
                doubled(&[("a.rs", "struct A;"), (file, text)]).is_empty(),
                "{file}: {text}"
            );
        }
    }

    #[test]
    fn files_that_only_tests_have_are_left_out() {
        for (parent, module, file) in [
            ("x/mod.rs", "#[cfg(test)] mod tests;", "x/tests.rs"),
            ("x.rs", "#[cfg(test)] mod tests;", "x/tests/mod.rs"),
            (
                "lib.rs",
                "#[cfg(all(test, not(tux_loom)))] mod model;",
                "model/deep.rs",
            ),
            (
                "x.rs",
                "#[cfg(test)] #[path = \"x/y.rs\"] mod model;",
                "x/y.rs",
            ),
        ] {
            let text = format!("struct A; {module}");
            assert!(
                doubled(&[(parent, &text), (file, "struct A;")]).is_empty(),
                "{file}"
            );
            let text = text.replace("test", "unix");
            assert_eq!(
                doubled(&[(parent, &text), (file, "struct A;")]),
                ["A"],
                "{file}"
            );
        }
    }

    #[test]
    fn the_library_doubles_no_name() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        check(root).unwrap();
    }
}
