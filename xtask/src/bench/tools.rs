//! What the instruction counts need besides cargo: valgrind and gungraun's runner, both without changing the system.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::report::{Expect, Report};
use crate::workspace::{Workspace, cargo, files};

/// gungraun's runner, of the version that the package asks for; built under the target folder if it is not there.
pub(super) fn runner(
    workspace: &Workspace,
    manifest: &Path,
    report: &mut Report,
) -> Result<PathBuf> {
    let version = gungraun_version(&fs::read_to_string(manifest)?)
        .ok_or_else(|| format!("{}: no line `gungraun = \"=VERSION\"`", manifest.display()))?;
    let tools = workspace.target.join("tools");
    let own = tools.join("bin/gungraun-runner");
    let is_right = || {
        let said = Command::new(&own).arg("--version").output();
        said.is_ok_and(|said| {
            String::from_utf8_lossy(&said.stdout)
                .split_whitespace()
                .any(|word| word == version)
        })
    };
    if is_right() {
        return Ok(own);
    }
    let mut install = cargo();
    install.args(["install", "gungraun-runner", "--version", &version]);
    install.args(["--locked", "--force", "--root"]).arg(&tools);
    // Its build folder must not be ours: other flags, other lock.
    install.arg("--target-dir").arg(tools.join("build"));
    report.run(
        "gungraun-runner is installed",
        &mut install,
        Expect::Success,
    );
    if is_right() {
        Ok(own)
    } else {
        Err(format!("gungraun-runner {version} could not be installed").into())
    }
}

fn gungraun_version(manifest: &str) -> Option<String> {
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix("gungraun = \"="))?;
    Some(line.split('"').next()?.to_owned())
}

/// The folder of a `valgrind` that runs; `None` if the one on the path does.
pub(super) fn valgrind(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let runs = |program: &Path| {
        let said = Command::new(program).arg("--version").output();
        said.is_ok_and(|said| said.status.success())
    };
    if runs(Path::new("valgrind")) {
        return Ok(None);
    }
    let home = workspace.target.join("valgrind");
    let bin = home.join("bin");
    if !runs(&bin.join("valgrind")) {
        unpack(&home).map_err(|error| {
            format!(
                "no valgrind, and Debian's could not be unpacked: {error}; install the package `valgrind`"
            )
        })?;
    }
    if runs(&bin.join("valgrind")) {
        Ok(Some(bin))
    } else {
        Err("Debian's valgrind does not run here; install the package `valgrind`".into())
    }
}

/// Fetches the Debian package with the user's own apt and unpacks it, with a wrapper that finds its parts.
fn unpack(home: &Path) -> Result<()> {
    println!("fetching valgrind into {}", home.display());
    let root = home.join("root");
    for dir in [&root, &home.join("bin")] {
        fs::create_dir_all(dir)?;
    }
    capture(
        Command::new("apt-get")
            .args(["download", "-qq", "valgrind"])
            .current_dir(home),
    )?;
    let package = files(home, "deb").pop().ok_or("apt left no package")?;
    capture(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&root))?;
    fs::remove_file(package)?;
    let wrapper = home.join("bin/valgrind");
    fs::write(
        &wrapper,
        "#!/bin/sh\nroot=$(dirname \"$(dirname \"$(readlink -f \"$0\")\")\")/root\n\
         export VALGRIND_LIB=\"$root/usr/libexec/valgrind\"\n\
         exec \"$root/usr/bin/valgrind\" \"$@\"\n",
    )?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn capture(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("`{program}` could not be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{program}` failed: {}", complaint.trim()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_manifest() {
        let manifest = "[dev-dependencies]\ngungraun = \"=0.20.0\"\n";
        assert_eq!(gungraun_version(manifest).as_deref(), Some("0.20.0"));
        assert_eq!(gungraun_version("gungraun = \"0.20\""), None);
    }
}
