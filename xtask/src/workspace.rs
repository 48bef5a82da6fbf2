//! What is in the workspace, asked of cargo at run time, so that nothing is listed twice.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Result;

/// All of the library's features, as a flag of a command over the workspace, but for the cryptography: with none of that a program
/// brings its own, and the two kinds have a step each.
pub(crate) const FEATURES: &str =
    "--features=tux-cache/valkey,tux-cache/twilight-model,tux-cache/serenity,tux-cache/snapshot";

/// The packages of the workspace and where cargo builds.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One package and the targets that matter here.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) benches: Vec<String>,
}

impl Workspace {
    /// Asks `cargo metadata`.
    pub(crate) fn load() -> Result<Self> {
        let output = cargo()
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        Self::parse(&serde_json::from_slice(&output.stdout)?)
    }

    fn parse(metadata: &Value) -> Result<Self> {
        let text = |value: &Value, key: &str| -> Result<String> {
            let found = value[key].as_str().map(str::to_owned);
            Ok(found.ok_or_else(|| format!("cargo metadata names no {key}"))?)
        };
        let mut packages = Vec::new();
        for package in metadata["packages"].as_array().into_iter().flatten() {
            let targets = package["targets"].as_array().into_iter().flatten();
            let benches = targets.filter(|target| target["kind"][0] == "bench");
            packages.push(Package {
                name: text(package, "name")?,
                benches: benches
                    .map(|bench| text(bench, "name"))
                    .collect::<Result<_>>()?,
            });
        }
        Ok(Self {
            root: text(metadata, "workspace_root")?.into(),
            target: text(metadata, "target_directory")?.into(),
            packages,
        })
    }

    pub(crate) fn has_package(&self, name: &str) -> bool {
        self.packages.iter().any(|package| package.name == name)
    }
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Set by `cargo run` for this package; a child cargo must not take them for its own.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// Cargo of another toolchain; `None` when rustup or the toolchain is not there.
pub(crate) fn cargo_of(toolchain: &str) -> Option<Command> {
    let which = Command::new("rustup")
        .args(["which", "--toolchain", toolchain, "cargo"])
        .output();
    let found = which.is_ok_and(|output| output.status.success());
    found.then(|| {
        let mut command = Command::new("rustup");
        command.args(["run", toolchain, "cargo"]);
        // The running cargo points its children at its own toolchain.
        for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
            command.env_remove(name);
        }
        command
    })
}

/// The triple of this machine.
pub(crate) fn host() -> crate::Result<String> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let about = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("`rustc -vV` names no host")?.to_owned())
}

/// All files with this extension below a folder, build folders left out.
pub(crate) fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if entry.file_name() != "target" {
                found.extend(files(&path, extension));
            }
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benches_are_found_by_kind() {
        let metadata = serde_json::json!({
            "workspace_root": "/w", "target_directory": "/w/target",
            "packages": [{"name": "p", "targets": [
                {"kind": ["lib"], "name": "p"}, {"kind": ["bench"], "name": "hit"},
            ]}],
        });
        let workspace = Workspace::parse(&metadata).unwrap();
        assert_eq!(workspace.packages[0].benches, ["hit"]);
        assert!(workspace.has_package("p") && !workspace.has_package("q"));
        assert!(Workspace::parse(&serde_json::json!({})).is_err());
    }
}
