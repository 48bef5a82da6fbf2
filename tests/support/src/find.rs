//! Where a `valkey-server` may be: named by the user, on the path, or unpacked by `cargo xtask valkey`.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the server binary to use, before the path and before what `cargo xtask valkey` unpacked.
pub const ENV_SERVER: &str = "TUX_VALKEY_SERVER";

/// No usable server. The text says where it was looked for and what to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValkeyNotFound(String);

impl fmt::Display for ValkeyNotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ValkeyNotFound {}

/// Finds a server: `$TUX_VALKEY_SERVER`, else `valkey-server` on the path, else the newest one that
/// `cargo xtask valkey` unpacked.
///
/// # Errors
/// When there is none, or when the environment variable names no file.
pub fn find_valkey() -> Result<PathBuf, ValkeyNotFound> {
    find_in(
        std::env::var_os(ENV_SERVER),
        std::env::var_os("PATH"),
        &valkey_homes(),
        None,
    )
}

/// Finds a server of one version, such as `8.0` or `9.1`, in the same places.
///
/// # Errors
/// When none of the servers found has that version.
pub fn find_valkey_version(version: &str) -> Result<PathBuf, ValkeyNotFound> {
    find_in(
        std::env::var_os(ENV_SERVER),
        std::env::var_os("PATH"),
        &valkey_homes(),
        Some(version),
    )
}

/// The folders in which `cargo xtask valkey` may have put servers, each as `VERSION/valkey-server`:
/// `valkey/` beside the running binary's profile folder, under `$CARGO_TARGET_DIR`, and under the
/// workspace's own `target/`.
pub fn valkey_homes() -> Vec<PathBuf> {
    let mut homes: Vec<PathBuf> = Vec::new();
    let mut add = |target: PathBuf| {
        let home = target.join("valkey");
        if !homes.contains(&home) {
            homes.push(home);
        }
    };
    if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
        add(PathBuf::from(target));
    }
    if let Ok(exe) = std::env::current_exe() {
        // target/<profile>/deps/test-binary, or target/<profile>/binary.
        let profile = exe
            .ancestors()
            .find(|dir| dir.join(".fingerprint").is_dir());
        if let Some(target) = profile.and_then(Path::parent) {
            add(target.to_path_buf());
        }
    }
    add(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    homes
}

/// The version a server binary reports, such as `9.1.2`; `None` if it cannot be run.
pub fn valkey_version(binary: &Path) -> Option<String> {
    let output = Command::new(binary).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, rest) = text.split_once("v=")?;
    rest.split_whitespace().next().map(str::to_owned)
}

fn find_in(
    named: Option<OsString>,
    path: Option<OsString>,
    homes: &[PathBuf],
    version: Option<&str>,
) -> Result<PathBuf, ValkeyNotFound> {
    if let (Some(named), None) = (&named, version) {
        let file = PathBuf::from(named);
        return if file.is_file() {
            Ok(file)
        } else {
            Err(ValkeyNotFound(format!(
                "{ENV_SERVER}={} is no file; name a valkey-server binary or unset the variable",
                file.display()
            )))
        };
    }
    let mut found = Vec::new();
    found.extend(named.map(PathBuf::from));
    if let Some(path) = path {
        found.extend(std::env::split_paths(&path).map(|dir| dir.join("valkey-server")));
    }
    found.extend(homes.iter().flat_map(|home| unpacked(home)));
    found.retain(|file| file.is_file());
    let wanted = |file: &PathBuf| match version {
        None => true,
        Some(version) => valkey_version(file).is_some_and(|v| matches_version(&v, version)),
    };
    found.into_iter().find(wanted).ok_or_else(|| {
        let what = version.map_or_else(String::new, |v| format!(" {v}"));
        let flag = version.map_or_else(String::new, |v| format!(" --version {v}"));
        let homes: Vec<_> = homes.iter().map(|h| h.display().to_string()).collect();
        ValkeyNotFound(format!(
            "no valkey-server{what} found in ${ENV_SERVER}, on the path, or under {}; run `cargo xtask valkey{flag}`",
            homes.join(", ")
        ))
    })
}

/// The servers under one home, newest version first. (Hidden folders are downloads under way.)
fn unpacked(home: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(home).into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = entries
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|entry| entry.path())
        .collect();
    versions.sort();
    versions.reverse();
    versions
        .into_iter()
        .map(|dir| dir.join("valkey-server"))
        .collect()
}

fn matches_version(reported: &str, wanted: &str) -> bool {
    reported
        .strip_prefix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home_with(versions: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for version in versions {
            std::fs::create_dir(dir.path().join(version)).unwrap();
            let script = format!("#!/bin/sh\necho Valkey server v={version}.3 sha=0\n");
            let file = dir.path().join(version).join("valkey-server");
            std::fs::write(&file, script).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&file, mode).unwrap();
        }
        dir
    }

    #[test]
    fn the_named_server_wins_and_a_wrong_name_is_an_error() {
        let home = home_with(&["9.1"]);
        let named = home.path().join("9.1/valkey-server");
        let found = find_in(Some(named.clone().into()), None, &[], None);
        assert_eq!(found, Ok(named));

        let missing = find_in(
            Some("/nowhere/server".into()),
            None,
            &[home.path().into()],
            None,
        );
        let text = missing.unwrap_err().to_string();
        assert!(text.contains("TUX_VALKEY_SERVER=/nowhere/server"), "{text}");
    }

    #[test]
    fn the_newest_unpacked_server_is_the_default_and_a_version_can_be_asked_for() {
        let home = home_with(&["8.0", "9.1"]);
        let homes = [home.path().to_path_buf()];
        let newest = find_in(None, None, &homes, None).unwrap();
        assert_eq!(newest, home.path().join("9.1/valkey-server"));
        let old = find_in(None, None, &homes, Some("8.0")).unwrap();
        assert_eq!(old, home.path().join("8.0/valkey-server"));
    }

    #[test]
    fn the_path_comes_before_what_was_unpacked() {
        let (on_path, home) = (home_with(&["8.0"]), home_with(&["9.1"]));
        let path = on_path.path().join("8.0");
        let found = find_in(None, Some(path.clone().into()), &[home.path().into()], None);
        assert_eq!(found, Ok(path.join("valkey-server")));
    }

    #[test]
    fn nothing_found_says_what_to_run() {
        let text = find_in(None, None, &[], Some("8.0"))
            .unwrap_err()
            .to_string();
        assert!(text.contains("cargo xtask valkey --version 8.0"), "{text}");
    }

    #[test]
    fn a_version_matches_whole_components() {
        assert!(matches_version("9.1.2", "9.1"));
        assert!(matches_version("9.1", "9.1"));
        assert!(!matches_version("9.10.2", "9.1"));
    }
}
