//! The Python package that the interop tests talk through, in an environment of its own under `target/`.

use std::process::Command;

use crate::Result;
use crate::workspace::Workspace;

/// Makes `target/python` with the package `valkey`, unless some Python has it already. Without Python there is nothing to
/// do: the tests then say what they did not run.
pub(crate) fn ensure() -> Result<()> {
    let home = Workspace::load()?.target.join("python");
    let own = home.join("bin/python3");
    let has = |python: &std::path::Path| {
        let done = Command::new(python).args(["-c", "import valkey"]).output();
        done.is_ok_and(|done| done.status.success())
    };
    if has(&own) || has("python3".as_ref()) || std::env::var_os("TUX_PYTHON").is_some() {
        return Ok(());
    }
    if Command::new("python3").arg("--version").output().is_err() {
        println!("no python3: the interop tests with Python are not run");
        return Ok(());
    }
    let mut venv = Command::new("python3");
    run(venv.args(["-m", "venv"]).arg(&home))?;
    run(Command::new(&own).args(["-m", "pip", "install", "--quiet", "valkey"]))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?} failed with {status}").into())
    }
}
