//! A copy of the repository that has all mutants in it at once, and its test programs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Result;
use crate::list::{Genre, Mutant};
use crate::switch::{mutant_at, mutants_around, switched};

/// What each mutant must be noticed by, quickest first: the arguments that build it and the name of its program.
const TESTS: [(&[&str], &str); 5] = [
    (
        &["-p", "tux-cache", "--no-default-features", "--lib"],
        "tux_cache",
    ),
    (
        &[
            "-p",
            "tux-cache",
            "--no-default-features",
            "--test",
            "single_flight",
        ],
        "single_flight",
    ),
    (
        &[
            "-p",
            "tux-cache",
            "--no-default-features",
            "--test",
            "engine",
        ],
        "engine",
    ),
    (
        &[
            "-p",
            "tux-cache",
            "--no-default-features",
            "--test",
            "model",
        ],
        "model",
    ),
    (
        &["-p", "tux-cache-fuzz-runner", "--test", "corpus"],
        "corpus",
    ),
];

const SWITCH: &str = r#"//! Which mutant is on: that of `TUX_MUTANT`, or none.
#[inline]
pub(crate) fn on(mutant: u32) -> bool {
    static ON: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *ON.get_or_init(|| std::env::var("TUX_MUTANT").map_or(0, |text| text.parse().unwrap())) == mutant
}
"#;

/// A test program and the folder it runs in.
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) dir: PathBuf,
}

pub(crate) struct Tree {
    root: PathBuf,
    /// The sources as they were copied: the places of mutants are theirs, whoever edits the originals meanwhile.
    sources: BTreeMap<String, String>,
    target: PathBuf,
    cargo: fn() -> Command,
}

/// What became of the mutants when they were put in.
pub(crate) struct Built {
    pub(crate) programs: Vec<Program>,
    /// Those that the compiler refuses.
    pub(crate) unviable: BTreeSet<usize>,
    /// Those that no switch can be put to, as in constants: they are changed in the text, one by one.
    pub(crate) in_text: BTreeSet<usize>,
}

impl Tree {
    /// Copies every file that git knows or would know.
    pub(crate) fn copy(
        original: &Path,
        root: &Path,
        target: &Path,
        cargo: fn() -> Command,
    ) -> Result<Self> {
        let listed = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(original)
            .output()?;
        if !listed.status.success() {
            return Err("`git ls-files` failed: the mutants need a git checkout".into());
        }
        Self::of(
            String::from_utf8(listed.stdout)?.lines(),
            original,
            root,
            target,
            cargo,
        )
    }

    fn of<'f>(
        files: impl Iterator<Item = &'f str>,
        original: &Path,
        root: &Path,
        target: &Path,
        cargo: fn() -> Command,
    ) -> Result<Self> {
        let mut sources = BTreeMap::new();
        for file in files {
            let (from, to) = (original.join(file), root.join(file));
            // What is deleted and not yet committed is listed too.
            if !from.is_file() {
                continue;
            }
            let bytes = std::fs::read(&from)?;
            if std::fs::read(&to).ok().as_ref() != Some(&bytes) {
                std::fs::create_dir_all(to.parent().ok_or("a file in no folder")?)?;
                std::fs::write(&to, &bytes)?;
            }
            if file.starts_with("src/") {
                sources.insert(file.to_owned(), String::from_utf8(bytes)?);
            }
        }
        Ok(Self {
            root: root.to_owned(),
            sources,
            target: target.to_owned(),
            cargo,
        })
    }

    fn read(&self, file: &str) -> Result<&str> {
        let source = self.sources.get(file).map(String::as_str);
        source.ok_or_else(|| format!("{file}: no source of the repository").into())
    }

    /// Writes, if that changes anything: cargo looks at times.
    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.root.join(file);
        if std::fs::read_to_string(&path).ok().as_deref() != Some(text) {
            std::fs::write(path, text)?;
        }
        Ok(())
    }

    /// Builds the program with all mutants behind switches. The compiler says which ones it will not have. A constant is
    /// changed where `files` use it: its own and those of the modules inside that.
    pub(crate) fn with_switches(&self, mutants: &[Mutant], files: &[String]) -> Result<Built> {
        self.write("src/mutant_switch.rs", SWITCH)?;
        let lib = self.read("src/lib.rs")?;
        self.write("src/lib.rs", &format!("{lib}\nmod mutant_switch;\n"))?;
        let (mut unviable, mut in_text) = (BTreeSet::new(), BTreeSet::new());
        let mut by_file: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
        for mutant in mutants {
            by_file.entry(&mutant.file).or_default().push(mutant);
            let inside = match mutant.file.strip_suffix("mod.rs") {
                Some(folder) => folder.to_owned(),
                None => mutant.file.replace(".rs", "/"),
            };
            let users = files.iter().filter(|file| file.starts_with(&inside));
            for file in users.filter(|_| mutant.constant().is_some()) {
                by_file.entry(file).or_default().push(mutant);
            }
        }
        for _ in 0..40 {
            let mut texts = BTreeMap::new();
            let (mut with_site, mut without_site) = (BTreeSet::new(), BTreeSet::new());
            for (&file, of_file) in &by_file {
                let wanted: Vec<&Mutant> = of_file
                    .iter()
                    .copied()
                    .filter(|m| !unviable.contains(&m.id) && !in_text.contains(&m.id))
                    .collect();
                let with = switched(self.read(file)?, &wanted)?;
                let ids = wanted.iter().map(|mutant| mutant.id);
                with_site.extend(ids.filter(|id| !with.without.contains(id)));
                without_site.extend(with.without);
                self.write(file, &with.text)?;
                texts.insert(file, with.text);
            }
            in_text.extend(without_site.difference(&with_site));
            let messages = match self.build() {
                Ok(programs) => {
                    return Ok(Built {
                        programs,
                        unviable,
                        in_text,
                    });
                }
                Err(Refused(messages)) => messages,
            };
            let known = unviable.len() + in_text.len();
            for message in &messages {
                let code = message["code"]["code"].as_str().unwrap_or_default();
                let spans = message["spans"].as_array();
                let places: Vec<(&str, usize)> = spans
                    .into_iter()
                    .flatten()
                    .filter_map(|span| {
                        let text = texts.get(span["file_name"].as_str()?)?;
                        Some((&**text, usize::try_from(span["byte_start"].as_u64()?).ok()?))
                    })
                    .collect();
                let blamed: Vec<usize> = places
                    .iter()
                    .filter_map(|&(text, at)| mutant_at(text, at))
                    .collect();
                if blamed.is_empty() {
                    // As when a function's type follows from its first `return`, or a `match` has too few arms.
                    let around = places
                        .iter()
                        .flat_map(|&(text, at)| mutants_around(text, at));
                    let genre = |id: &usize| mutants.iter().find(|m| m.id == *id).map(|m| m.genre);
                    let wanted = match code {
                        "E0004" => Genre::MatchArm,
                        _ => Genre::FnValue,
                    };
                    in_text.extend(around.filter(|id| genre(id) == Some(wanted)));
                } else if matches!(code, "E0015" | "E0658" | "E0744") {
                    // A constant cannot ask for a switch.
                    in_text.extend(blamed);
                } else {
                    unviable.extend(blamed);
                }
            }
            println!(
                "{} errors; {} mutants do not compile, {} are for the text",
                messages.len(),
                unviable.len(),
                in_text.len()
            );
            if unviable.len() + in_text.len() == known {
                let all: Vec<&str> = messages
                    .iter()
                    .filter_map(|message| message["rendered"].as_str())
                    .collect();
                return Err(format!("no mutant to blame for:\n{}", all.join("\n")).into());
            }
        }
        Err("the mutants still do not compile after 40 rounds".into())
    }

    /// Puts one mutant into the text. Each program is built when it is asked for, since the first ones notice most; it ends
    /// at once when the mutant does not compile.
    pub(crate) fn with_text(&self, mutant: &Mutant) -> Result<impl Iterator<Item = Program>> {
        let mut text = self.read(&mutant.file)?.to_owned();
        let mut end = mutant.end;
        // A field that is left out takes its comma with it.
        if mutant.replacement.is_empty() && text[end..].starts_with(',') {
            end += 1;
        }
        text.replace_range(mutant.start..end, &mutant.replacement);
        self.write(&mutant.file, &text)?;
        Ok((0..TESTS.len()).map_while(|test| self.build_one(test).ok()))
    }

    /// Back to the text as it was.
    pub(crate) fn restore<'a>(&self, files: impl Iterator<Item = &'a str>) -> Result<()> {
        for file in files.chain(["src/lib.rs"]) {
            self.write(file, self.read(file)?)?;
        }
        Ok(())
    }

    fn build(&self) -> std::result::Result<Vec<Program>, Refused> {
        (0..TESTS.len()).map(|test| self.build_one(test)).collect()
    }

    fn build_one(&self, test: usize) -> std::result::Result<Program, Refused> {
        let (args, name) = TESTS[test];
        let mut command = (self.cargo)();
        command.args(["test", "--no-run", "--message-format=json", "--quiet"]);
        command.args(args).current_dir(&self.root);
        command.env("CARGO_TARGET_DIR", &self.target);
        // Built once and run a thousand times; without the debug information, with the debug assertions.
        command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
        command.env("CARGO_PROFILE_DEV_DEBUG", "false");
        command.env("CARGO_INCREMENTAL", "0");
        let output = command.output().map_err(|_| Refused(Vec::new()))?;
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let messages = lines
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let (mut program, mut errors) = (None, Vec::new());
        for message in messages {
            if let Some(path) = message["executable"].as_str()
                && message["profile"]["test"] == true
                && message["target"]["name"] == *name
            {
                let manifest = message["manifest_path"].as_str().unwrap_or_default();
                let dir = Path::new(manifest).parent().unwrap_or(&self.root);
                program = Some(Program {
                    name: name.to_owned(),
                    path: path.into(),
                    dir: dir.to_owned(),
                });
            }
            if message["message"]["level"] == "error" {
                errors.push(message["message"].clone());
            }
        }
        program
            .filter(|_| output.status.success())
            .ok_or(Refused(errors))
    }
}

/// What the compiler said.
struct Refused(Vec<Value>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_is_edited_meanwhile_is_read_as_it_was_copied() {
        let folder = std::env::temp_dir().join(format!("tux-cache-tree-{}", std::process::id()));
        let (original, root) = (folder.join("original"), folder.join("copy"));
        let source = original.join("src/lib.rs");
        std::fs::create_dir_all(original.join("src")).unwrap();
        std::fs::write(&source, "before").unwrap();
        let files = ["src/lib.rs", "src/gone.rs"];
        let tree = Tree::of(files.into_iter(), &original, &root, &folder, || {
            Command::new("cargo")
        })
        .unwrap();
        std::fs::write(&source, "after").unwrap();
        let copied = std::fs::read_to_string(root.join("src/lib.rs")).unwrap();
        let read = tree.read("src/lib.rs").map(str::to_owned).unwrap();
        let unknown = tree.read("src/gone.rs").unwrap_err().to_string();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!((&*copied, &*read), ("before", "before"));
        assert!(unknown.contains("src/gone.rs"), "{unknown}");
    }
}
