//! The mutants that cargo-mutants proposes for a file.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use syn::visit::Visit;

use crate::Result;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Genre {
    FnValue,
    BinaryOperator,
    UnaryOperator,
    MatchArm,
    MatchArmGuard,
    /// The number of a constant: where it is used, or else in its definition.
    Constant,
    /// What can only be changed in the text.
    Other,
}

/// One small change.
#[derive(Debug, Clone)]
pub(crate) struct Mutant {
    /// From 1 on; also the value of `TUX_MUTANT` that switches it on.
    pub(crate) id: usize,
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) genre: Genre,
    /// Bytes of the file that the replacement stands for.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) replacement: String,
}

/// All mutants of the files, by the tool and its `.cargo/mutants.toml`; none inside unit tests, which it would change too.
pub(crate) fn list(tool: &Path, root: &Path, files: &[String]) -> Result<Vec<Mutant>> {
    let mut command = Command::new(tool);
    // As `cargo` calls its subcommands.
    command.args(["mutants", "--list", "--json", "--package", "tux-cache"]);
    for file in files {
        command.args(["--file", file]);
    }
    let output = command.current_dir(root).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let listed: Value = serde_json::from_slice(&output.stdout)?;
    let mut mutants = Vec::new();
    for file in files {
        let source = std::fs::read_to_string(root.join(file))?;
        let tests = tests_of(&source)?;
        for entry in listed.as_array().into_iter().flatten() {
            if entry["file"] != **file {
                continue;
            }
            let mutant = parse(entry, &source, mutants.len() + 1)?;
            // A seeded fault is off, whatever stands beside it on its line.
            let line = source[..mutant.start].rfind('\n').map_or(0, |at| at + 1);
            let line = source[line..].lines().next().unwrap_or_default();
            let of_fault = line.contains("tux_fault") && mutant.genre != Genre::FnValue;
            if !of_fault && !tests.iter().any(|test| test.contains(&mutant.start)) {
                mutants.push(mutant);
            }
        }
    }
    Ok(mutants)
}

/// Two mutants for each constant number of a file, which cargo-mutants leaves alone: one more, and half.
pub(crate) fn constants(root: &Path, files: &[String]) -> Result<Vec<Mutant>> {
    let mut mutants = Vec::new();
    for file in files {
        let source = std::fs::read_to_string(root.join(file))?;
        let tests = tests_of(&source)?;
        let mut found = Constants(Vec::new());
        found.visit_file(&syn::parse_file(&source)?);
        for (name, value) in found.0 {
            if tests.iter().any(|test| test.contains(&value.start)) {
                continue;
            }
            let (line, _) = source[..value.start].rsplit_once('\n').unwrap_or_default();
            for (change, what) in [("+ 1", "one more"), ("/ 2", "half")] {
                mutants.push(Mutant {
                    id: mutants.len() + 1,
                    name: format!("{file}:{}: {name} is {what}", line.lines().count() + 1),
                    file: file.clone(),
                    genre: Genre::Constant,
                    start: value.start,
                    end: value.end,
                    replacement: format!("({}) {change}", &source[value.clone()]),
                });
            }
        }
    }
    Ok(mutants)
}

/// Names and values of the constants that are whole numbers, but those of the model checker's build.
struct Constants(Vec<(String, std::ops::Range<usize>)>);

impl Mutant {
    /// Of a constant's mutant: its name, and what is done to it.
    pub(crate) fn constant(&self) -> Option<(&str, &str)> {
        let (_, rest) = self.name.rsplit_once(": ")?;
        let (name, _) = rest.split_once(" is ")?;
        let (_, change) = self.replacement.rsplit_once(')')?;
        (self.genre == Genre::Constant).then_some((name, change))
    }
}

impl Constants {
    fn add(
        &mut self,
        attrs: &[syn::Attribute],
        name: &syn::Ident,
        ty: &syn::Type,
        value: &syn::Expr,
    ) {
        use syn::spanned::Spanned;
        let syn::Type::Path(ty) = ty else { return };
        let numbers = ["usize", "u8", "u16", "u32", "u64", "i32", "i64"];
        let of_checker = attrs.iter().any(|attr| match &attr.meta {
            syn::Meta::List(list) => list.tokens.to_string() == "tux_loom",
            _ => false,
        });
        if numbers.iter().any(|number| ty.path.is_ident(number)) && !of_checker {
            self.0.push((name.to_string(), value.span().byte_range()));
        }
    }
}

impl<'ast> Visit<'ast> for Constants {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.add(&item.attrs, &item.ident, &item.ty, &item.expr);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.add(&item.attrs, &item.ident, &item.ty, &item.expr);
    }
}

fn parse(entry: &Value, source: &str, id: usize) -> Result<Mutant> {
    let text = |key: &str| -> Result<String> {
        let found = entry[key].as_str();
        Ok(found
            .ok_or_else(|| format!("cargo-mutants names no {key}"))?
            .to_owned())
    };
    let place = |which: &str| -> Result<usize> {
        let number = |key: &str| entry["span"][which][key].as_u64();
        let both = number("line").zip(number("column"));
        let (line, column) = both.ok_or("cargo-mutants names no place")?;
        offset(source, usize::try_from(line)?, usize::try_from(column)?)
            .ok_or_else(|| "cargo-mutants names a place outside the file".into())
    };
    Ok(Mutant {
        id,
        name: text("name")?,
        file: text("file")?,
        genre: match &*text("genre")? {
            "FnValue" => Genre::FnValue,
            "BinaryOperator" => Genre::BinaryOperator,
            "UnaryOperator" => Genre::UnaryOperator,
            "MatchArm" => Genre::MatchArm,
            "MatchArmGuard" => Genre::MatchArmGuard,
            _ => Genre::Other,
        },
        start: place("start")?,
        end: place("end")?,
        replacement: text("replacement")?,
    })
}

/// The byte at a line and a column, both from 1 on.
fn offset(source: &str, line: usize, column: usize) -> Option<usize> {
    let mut start = 0;
    for _ in 1..line {
        start += source[start..].find('\n')? + 1;
    }
    let rest = &source[start..];
    let within = rest
        .char_indices()
        .map(|(at, _)| at)
        .chain([rest.len()])
        .nth(column.checked_sub(1)?)?;
    Some(start + within)
}

/// The ranges of `mod tests`.
fn tests_of(source: &str) -> Result<Vec<std::ops::Range<usize>>> {
    struct Tests(Vec<std::ops::Range<usize>>);
    impl<'ast> Visit<'ast> for Tests {
        fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
            use syn::spanned::Spanned;
            if module.ident == "tests" {
                self.0.push(module.span().byte_range());
            } else {
                syn::visit::visit_item_mod(self, module);
            }
        }
    }
    let mut tests = Tests(Vec::new());
    tests.visit_file(&syn::parse_file(source)?);
    Ok(tests.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters_from_one() {
        let source = "ab\n→cd\nef";
        assert_eq!(offset(source, 1, 1), Some(0));
        assert_eq!(offset(source, 2, 2), Some(3 + "→".len()));
        assert_eq!(offset(source, 3, 3), Some(source.len()));
        assert_eq!(offset(source, 4, 1), None);
    }

    #[test]
    fn constants_are_whole_numbers_outside_the_checkers_build() {
        let source = "const A: usize = 1 + 2;\n#[cfg(tux_loom)]\nconst B: u8 = 1;\nconst C: &str = \"\";\n\
                      impl D { const E: u32 = 7; }\nfn f() { const G: i64 = -1; }";
        let mut found = Constants(Vec::new());
        found.visit_file(&syn::parse_file(source).unwrap());
        let found: Vec<_> = found
            .0
            .iter()
            .map(|(name, at)| (&**name, &source[at.clone()]))
            .collect();
        assert_eq!(found, [("A", "1 + 2"), ("E", "7"), ("G", "-1")]);
    }

    #[test]
    fn tests_are_left_out() {
        let source = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }\n";
        let tests = tests_of(source).unwrap();
        assert!(tests[0].contains(&source.find("fn b").unwrap()));
        assert!(!tests[0].contains(&source.find("fn a").unwrap()));
    }
}
