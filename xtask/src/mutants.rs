//! `cargo xtask mutants`: small changes to the code, one at a time, each of which a quick test must notice.
//!
//! cargo-mutants says what to change (`.cargo/mutants.toml` says what not). Building the program anew for each change takes
//! ten times as long as testing it; so all of a file's changes are built at once, each behind a switch (`switch.rs`), into
//! a copy of the repository. What stands in constants has no switch and is changed in the text, one by one.
//! The results stand in `mutants/results.tsv` below the build folder.

mod list;
mod switch;
mod tree;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use self::list::Mutant;
use self::tree::Tree;
use self::trial::{Fate, Limits};
use crate::Result;
use crate::report::{Expect, Report};
use crate::workspace::{Workspace, cargo, files};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The files to change, as paths from the root of the repository; all of `engine` and `single_flight` take some hours
    #[arg(default_values = ["src/engine/table/mod.rs"])]
    files: Vec<String>,
    /// Only what survived the last run, as `results.tsv` has it
    #[arg(long)]
    survivors: bool,
    /// The constant numbers of these files instead: each once one larger and once halved, built anew each time
    #[arg(long)]
    constants: bool,
    /// How many mutants are tried at the same time
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    let workspace = Workspace::load()?;
    let known = files(&workspace.root.join("src"), "rs");
    for file in &args.files {
        if !known.contains(&workspace.root.join(file)) {
            let text = format!("no source file {file}; give one such as src/engine/table/mod.rs");
            return Err(text.into());
        }
    }
    let Some(tool) = tool(&workspace, report) else {
        return Err("cargo-mutants is not installed and could not be installed".into());
    };
    let dir = workspace.target.join("mutants");
    std::fs::create_dir_all(&dir)?;
    let records = dir.join("results.tsv");
    let mut mutants = if args.constants {
        list::constants(&workspace.root, &args.files)?
    } else {
        list::list(&tool, &workspace.root, &args.files)?
    };
    if args.survivors {
        let survived = survivors(&std::fs::read_to_string(&records)?);
        mutants.retain(|mutant| survived.contains(&mutant.name));
    }
    if mutants.is_empty() {
        return Err("no mutants".into());
    }
    let tree = Tree::copy(&workspace.root, &dir.join("tree"), &dir.join("build"))?;
    let mut trials = Trials {
        mutants: &mutants,
        started: Instant::now(),
        records,
        fates: BTreeMap::new(),
    };
    trials.with_switches(&tree, &args.files, args.jobs)?;
    tree.restore(args.files.iter().map(String::as_str))?;
    for (file, line) in trials.summary() {
        let text = line.clone().unwrap_or_else(|text| text);
        report.check(&format!("mutants of {file}"), || Ok(line?));
        println!("{text}");
        report.note(format!("{file}: {text}"));
    }
    Ok(())
}

/// The names in the lines of a record that end with `survived`; the last line of a mutant counts.
fn survivors(text: &str) -> BTreeSet<String> {
    let mut survived = BTreeSet::new();
    for line in text.lines() {
        let Some((name, fate)) = line.split_once('\t') else {
            continue;
        };
        if fate == "survived" {
            survived.insert(name.to_owned());
        } else {
            survived.remove(name);
        }
    }
    survived
}

struct Trials<'a> {
    mutants: &'a [Mutant],
    started: Instant,
    records: PathBuf,
    fates: BTreeMap<usize, Fate>,
}

impl Trials<'_> {
    fn with_switches(&mut self, tree: &Tree, files: &[String], jobs: usize) -> Result<()> {
        let built = tree.with_switches(self.mutants, files)?;
        println!(
            "{} mutants; built after {:.0?}",
            self.mutants.len(),
            self.started.elapsed()
        );
        let wide = Limits {
            processor_seconds: 120,
            wall: Duration::from_secs(240),
        };
        let before = Instant::now();
        let unchanged = trial::run(&built.programs, 0, wide)?;
        if unchanged != Fate::Survived {
            return Err(format!("the tests fail without a mutant: {unchanged}").into());
        }
        // No program alone takes longer than all together.
        let base = before.elapsed();
        let limits = Limits {
            processor_seconds: base.as_secs() * 2 + 3,
            // A sleeper is noticed long before (`ASLEEP`).
            wall: Duration::from_secs(300),
        };
        println!("without a mutant the tests take {base:.1?}; a hang is {limits:?}");
        for &id in &built.unviable {
            self.note(id, Fate::Unviable)?;
        }
        let left: Vec<usize> = self
            .mutants
            .iter()
            .map(|mutant| mutant.id)
            .filter(|id| !built.unviable.contains(id) && !built.in_text.contains(id))
            .collect();
        let (next, me) = (AtomicUsize::new(0), Mutex::new(&mut *self));
        std::thread::scope(|scope| {
            let work = || -> std::result::Result<(), String> {
                while let Some(&id) = left.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let fate =
                        trial::run(&built.programs, id, limits).map_err(|e| e.to_string())?;
                    let mut me = me.lock().map_err(|_| "another job failed")?;
                    me.note(id, fate).map_err(|e| e.to_string())?;
                }
                Ok(())
            };
            let jobs: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
            jobs.into_iter()
                .try_for_each(|job| job.join().map_err(|_| "a job panicked")?)
        })?;
        tree.restore(files.iter().map(String::as_str))?;
        for &id in &built.in_text {
            let mutant = &self.mutants[self.position(id)];
            let mut programs = tree.with_text(mutant)?.peekable();
            let fate = match programs.peek() {
                Some(_) => trial::run(programs, 0, limits)?,
                None => Fate::Unviable,
            };
            tree.restore([&*mutant.file].into_iter())?;
            self.note(id, fate)?;
        }
        Ok(())
    }

    fn position(&self, id: usize) -> usize {
        self.mutants
            .iter()
            .position(|mutant| mutant.id == id)
            .expect("numbers come from this list")
    }

    fn note(&mut self, id: usize, fate: Fate) -> Result<()> {
        let name = &self.mutants[self.position(id)].name;
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.records)?;
        writeln!(file, "{name}\t{fate}")?;
        if matches!(fate, Fate::Survived | Fate::Hung(_)) {
            println!(
                "{:>5.0?} {}/{} {name}: {fate}",
                self.started.elapsed(),
                self.fates.len(),
                self.mutants.len()
            );
        }
        self.fates.insert(id, fate);
        Ok(())
    }

    /// A line for each file: a survivor is a failure.
    fn summary(&self) -> Vec<(String, std::result::Result<String, String>)> {
        let mut counts: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
        for mutant in self.mutants {
            let of_file = counts.entry(&mutant.file).or_default();
            let kind = match self.fates.get(&mutant.id) {
                Some(Fate::Caught(_)) => 0,
                Some(Fate::Hung(_)) => 1,
                Some(Fate::Unviable) => 2,
                Some(Fate::Survived) | None => 3,
            };
            of_file[kind] += 1;
        }
        let line = |(file, [caught, hung, unviable, survived]): (&str, [usize; 4])| {
            let all = caught + hung + unviable + survived;
            let text = format!(
                "{all} mutants, {caught} caught, {hung} hung, {unviable} unviable, {survived} survived"
            );
            (
                file.to_owned(),
                if survived == 0 { Ok(text) } else { Err(text) },
            )
        };
        counts.into_iter().map(line).collect()
    }
}

/// The installed cargo-mutants, or one built under the target folder.
fn tool(workspace: &Workspace, report: &mut Report) -> Option<PathBuf> {
    let tools = workspace.target.join("tools");
    let own = tools.join("bin/cargo-mutants");
    let on_path = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path)
            .map(|dir| dir.join("cargo-mutants"))
            .find(|f| f.is_file())
    });
    if let Some(found) = on_path.or_else(|| own.is_file().then(|| own.clone())) {
        return Some(found);
    }
    let mut install = cargo();
    install
        .args(["install", "cargo-mutants", "--locked", "--root"])
        .arg(&tools);
    // Its build folder must not be ours: other flags, other lock.
    install.arg("--target-dir").arg(tools.join("build"));
    report.run("cargo-mutants is installed", &mut install, Expect::Success);
    own.is_file().then_some(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_mutant_counts() {
        let text = "a\tsurvived\nb\tsurvived\nb\tcaught by lib\nc\thung in lib\n";
        assert_eq!(survivors(text), BTreeSet::from(["a".to_owned()]));
    }
}
