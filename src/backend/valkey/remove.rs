//! Removals: by key, by prefix, by comparison.

use redis::{Cmd, Value};

use super::link::{Core, Live};
use super::retry::{Condition, Job, Target};
use super::script;
use crate::error::{Error, ErrorKind, Result};

/// Keys per SCAN step and per UNLINK: small enough not to hold the server up.
const BATCH: usize = 1_000;

/// UNLINK of one key or several; how many were there.
pub(super) async fn unlink<K: AsRef<[u8]>>(
    core: &Core,
    live: &mut Live,
    keys: &[K],
) -> Result<usize> {
    if keys.is_empty() {
        return Ok(0);
    }
    let mut cmd = Cmd::new();
    cmd.arg("UNLINK");
    for key in keys {
        cmd.arg(key.as_ref());
    }
    integer(core.send(live, &cmd).await?)
}

/// Removes every key that starts with `prefix`: SCAN until the cursor is 0 again, UNLINK in batches
/// (T34). Keys written meanwhile may stay, as with any scan.
pub(super) async fn by_prefix(core: &Core, live: &mut Live, prefix: &str) -> Result<usize> {
    let pattern = glob(prefix);
    let mut cursor = b"0".to_vec();
    let mut removed = 0;
    loop {
        let mut cmd = Cmd::new();
        cmd.arg("SCAN")
            .arg(&cursor)
            .arg("MATCH")
            .arg(&pattern)
            .arg("COUNT")
            .arg(BATCH);
        let (next, keys) = scan_reply(core.send(live, &cmd).await?)?;
        for batch in keys.chunks(BATCH) {
            removed += unlink(core, live, batch).await?;
        }
        if next == b"0" {
            return Ok(removed);
        }
        cursor = next;
    }
}

/// A pattern that matches exactly the texts that start with `prefix`.
pub(super) fn glob(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 8);
    for c in prefix.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '^' | '-' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('*');
    pattern
}

fn scan_reply(reply: Value) -> Result<(Vec<u8>, Vec<Vec<u8>>)> {
    let unexpected = || Error::new(ErrorKind::Protocol, "SCAN was answered in an unknown form");
    let Value::Array(parts) = reply else {
        return Err(unexpected());
    };
    let [cursor, keys] = <[Value; 2]>::try_from(parts).map_err(|_| unexpected())?;
    let Value::Array(keys) = keys else {
        return Err(unexpected());
    };
    let bytes = |value| match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) => Ok(text.into_bytes()),
        _ => Err(unexpected()),
    };
    let keys = keys.into_iter().map(bytes).collect::<Result<_>>()?;
    Ok((bytes(cursor)?, keys))
}

/// A count in a reply.
pub(super) fn integer(reply: Value) -> Result<usize> {
    match reply {
        Value::Int(count) => usize::try_from(count)
            .map_err(|_| Error::new(ErrorKind::Protocol, "the server sent a negative count")),
        _ => Err(Error::new(
            ErrorKind::Protocol,
            "a count was expected from the server",
        )),
    }
}

/// Carries out waiting invalidations; on an error some of them may be done, and doing them again does
/// no harm.
pub(super) async fn carry_out(core: &Core, live: &mut Live, jobs: &[Job]) -> Result<()> {
    let plain: Vec<&str> = jobs
        .iter()
        .filter_map(|job| match job {
            (Target::Key(key), Condition::Always) => Some(key.as_str()),
            _ => None,
        })
        .collect();
    unlink(core, live, &plain).await?;
    for job in jobs {
        match job {
            (Target::Key(key), Condition::Holds(text)) => {
                script::compare_and_delete(core, live, key, text).await?;
            }
            (Target::Prefix(prefix), _) => {
                by_prefix(core, live, prefix).await?;
            }
            (Target::Key(_), Condition::Always) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t34_glob_characters_are_taken_literally() {
        assert_eq!(glob(r"tux:a*[b]?\-^"), r"tux:a\*\[b\]\?\\\-\^*");
    }
}
