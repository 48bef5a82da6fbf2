//! Dated JSON records with a card of the machine they were made on.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use serde::Serialize;

use crate::plot::Plot;

/// What a figure depends on besides the code.
#[derive(Debug, Clone, Serialize)]
pub struct MachineCard {
    /// The processor's own name.
    pub cpu: String,
    /// Cores this process may use.
    pub cores: usize,
    /// Operating system and kernel.
    pub kernel: String,
    /// The compiler on the path.
    pub rustc: String,
    /// The commit of the work tree, `+` behind it when the tree has changes.
    pub commit: String,
    /// Load averages over 1, 5 and 15 minutes when the card was made.
    pub load: String,
    /// UTC, RFC 3339.
    pub date: String,
}

impl MachineCard {
    /// This machine, now. What cannot be found out is `unknown`.
    pub fn take() -> Self {
        let unknown = || "unknown".to_owned();
        let read = |path| fs::read_to_string(path).map(|text| text.trim().to_owned());
        let cpu = read("/proc/cpuinfo").ok().and_then(|text| {
            let line = text
                .lines()
                .find(|line| line.starts_with("model name") || line.starts_with("Model"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        let load =
            read("/proc/loadavg").map(|text| text.split(' ').take(3).collect::<Vec<_>>().join(" "));
        let kernel = read("/proc/sys/kernel/osrelease");
        let dirty = output("git", &["status", "--porcelain", "--untracked-files=no"])
            .is_some_and(|text| !text.is_empty());
        let commit = output("git", &["rev-parse", "--short=12", "HEAD"]);
        Self {
            cpu: cpu.unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: format!(
                "{} {}",
                std::env::consts::OS,
                kernel.unwrap_or_else(|_| unknown())
            ),
            rustc: output("rustc", &["--version"]).unwrap_or_else(unknown),
            commit: commit.map_or_else(
                unknown,
                |commit| if dirty { format!("{commit}+") } else { commit },
            ),
            load: load.unwrap_or_else(|_| unknown()),
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        }
    }

    /// The processor and its cores as part of a file name: `amd-epyc-2-cores`.
    pub fn name(&self) -> String {
        let words = self
            .cpu
            .to_lowercase()
            .replace("(r)", "")
            .replace("(tm)", "");
        let fit = |letter: char| letter.is_ascii_alphanumeric() || letter == '.';
        let words: Vec<&str> = words
            .split(|letter| !fit(letter))
            .filter(|word| !matches!(*word, "" | "processor" | "cpu"))
            .collect();
        format!("{}-{}-cores", words.join("-"), self.cores)
    }

    /// `2026-11-22T160000Z`: the date as part of a file name, in order of time.
    pub fn stamp(&self) -> String {
        self.date.replace(':', "")
    }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The workspace when cargo runs the program, else the current folder.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .and_then(|package| Path::new(&package).parent().map(Path::to_path_buf))
        .unwrap_or_else(|| PathBuf::from("."))
}

/// `results/MACHINE`: the records of this machine that are committed.
pub fn machine_folder(card: &MachineCard) -> PathBuf {
    root().join("results").join(card.name())
}

/// Where the files of one run go, and how their names begin.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
    stem: String,
}

impl Place {
    /// `results/MACHINE/DATE-what…` for what is to be kept, which takes the place of what was kept that day; else
    /// `results/local/DATE-AND-TIME-what…`, with `-2`, `-3` … behind where another run of the same second has that
    /// name. The folder is made, the name taken.
    ///
    /// # Errors
    /// A text that names the folder.
    pub fn new(card: &MachineCard, what: &str, keep: bool) -> Result<Self, String> {
        let folder = if keep {
            machine_folder(card)
        } else {
            root().join("results").join("local")
        };
        let failed = |error: io::Error| format!("{} cannot be written: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        let stem = if keep {
            let date = card.date.get(..10).unwrap_or(&card.date);
            format!("{date}-{what}")
        } else {
            free(&folder, &format!("{}-{what}", card.stamp())).map_err(failed)?
        };
        Ok(Self { folder, stem })
    }

    /// Writes the record and says where it is, in one line.
    ///
    /// # Errors
    /// A text that names the file.
    pub fn record(&self, record: &impl Serialize) -> Result<String, String> {
        let path = self.folder.join(format!("{}.json", self.stem));
        write(&path, record).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(format!("record  {}\n", path.display()))
    }

    /// Writes a plot of this name (behind the record's; empty for none) and says where it is, in one line.
    ///
    /// # Errors
    /// A text that names the file.
    pub fn plot(&self, name: &str, plot: &Plot) -> Result<String, String> {
        let dash = if name.is_empty() { "" } else { "-" };
        let path = self.folder.join(format!("{}{dash}{name}.svg", self.stem));
        plot.write(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(format!("plot    {}\n", path.display()))
    }
}

/// The first of `stem`, `stem-2`, `stem-3` … that is no record's name, and from now on is this one's.
fn free(folder: &Path, stem: &str) -> io::Result<String> {
    let mut name = stem.to_owned();
    let mut number = 1;
    loop {
        match fs::File::create_new(folder.join(format!("{name}.json"))) {
            Ok(_) => return Ok(name),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                number += 1;
                name = format!("{stem}-{number}");
            }
            Err(error) => return Err(error),
        }
    }
}

/// Writes a record as indented JSON.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, record: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(record)?;
    text.push('\n');
    fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_is_filled() {
        let card = MachineCard::take();
        assert!(card.cores >= 1);
        assert!(card.rustc.starts_with("rustc "), "{}", card.rustc);
        assert!(
            !card.stamp().contains(':') && card.stamp().ends_with('Z'),
            "{}",
            card.stamp()
        );
        assert!(!card.cpu.is_empty() && !card.kernel.is_empty());
        let epyc = MachineCard {
            cpu: "AMD EPYC(TM) 7R13 Processor".to_owned(),
            cores: 2,
            ..card
        };
        assert_eq!(epyc.name(), "amd-epyc-7r13-2-cores");
    }

    #[test]
    fn no_two_runs_have_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..3).map(|_| free(folder.path(), "t").unwrap()).collect();
        assert_eq!(names, ["t", "t-2", "t-3"]);
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let folder = folder.path().to_owned();
                std::thread::spawn(move || free(&folder, "u").unwrap())
            })
            .collect();
        let mut names: Vec<String> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 8);
        assert!(free(&folder.path().join("none"), "t").is_err());
    }
}
