//! What removals ask and what is answered.

use redis::{Cmd, Value};

use crate::error::{Error, ErrorKind, Result};

/// UNLINK of one key or several.
pub(super) fn unlink<K: AsRef<[u8]>>(keys: &[K]) -> Cmd {
    let mut cmd = Cmd::new();
    cmd.arg("UNLINK");
    for key in keys {
        cmd.arg(key.as_ref());
    }
    cmd
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

/// The next cursor and the keys.
pub(super) fn scan_reply(reply: Value) -> Result<(Vec<u8>, Vec<Vec<u8>>)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t34_glob_characters_are_taken_literally() {
        assert_eq!(glob(r"tux:a*[b]?\-^"), r"tux:a\*\[b\]\?\\\-\^*");
    }
}
