//! Small changes to the code, one at a time, each of which a quick test must notice.
//!
//! cargo-mutants says what to change (`.cargo/mutants.toml` says what not). Building the program anew for each change takes
//! ten times as long as testing it; so all of a file's changes are built at once, each behind a switch (`switch`), into
//! a copy of the repository (`tree`), and each is then tried (`trial`). What stands in constants has no switch and is changed
//! in the text, one by one. The results stand in `results.tsv` in the folder of the run.

mod list;
mod switch;
mod tree;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use self::list::Mutant;
use self::tree::Tree;
use self::trial::{Fate, Limits};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Where and how to change what.
#[derive(Debug)]
pub struct Run<'a> {
    /// The repository.
    pub root: &'a Path,
    /// The folder for the copy, its build and the results.
    pub folder: &'a Path,
    /// cargo-mutants.
    pub tool: &'a Path,
    /// Makes a call of cargo.
    pub cargo: fn() -> Command,
    /// The files to change, as paths from the root.
    pub files: &'a [String],
    /// Only what survived the last run.
    pub survivors: bool,
    /// The constant numbers of the files instead.
    pub constants: bool,
    /// How many mutants are tried at the same time.
    pub jobs: usize,
}

/// What became of the mutants of one file, in words; an error if one survived.
pub type Verdict = std::result::Result<String, String>;

impl Run<'_> {
    /// Tries all mutants and says what became of them, file by file.
    ///
    /// # Errors
    /// When there are none, or the tests fail without any.
    pub fn run(&self) -> Result<Vec<(String, Verdict)>> {
        std::fs::create_dir_all(self.folder)?;
        let records = self.folder.join("results.tsv");
        let mut mutants = if self.constants {
            list::constants(self.root, self.files)?
        } else {
            list::list(self.tool, self.root, self.files)?
        };
        if self.survivors {
            let survived = survivors(&std::fs::read_to_string(&records)?);
            mutants.retain(|mutant| survived.contains(&mutant.name));
        }
        if mutants.is_empty() {
            return Err("no mutants".into());
        }
        let (copy, build) = (self.folder.join("tree"), self.folder.join("build"));
        let tree = Tree::copy(self.root, &copy, &build, self.cargo)?;
        let mut trials = Trials {
            mutants: &mutants,
            started: Instant::now(),
            records,
            fates: BTreeMap::new(),
        };
        trials.with_switches(&tree, self.files, self.jobs)?;
        tree.restore(self.files.iter().map(String::as_str))?;
        Ok(trials.summary())
    }
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
    fn summary(&self) -> Vec<(String, Verdict)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_mutant_counts() {
        let text = "a\tsurvived\nb\tsurvived\nb\tcaught by lib\nc\thung in lib\n";
        assert_eq!(survivors(text), BTreeSet::from(["a".to_owned()]));
    }
}
