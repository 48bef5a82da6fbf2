//! What the server's replies say.

use redis::Value;

use crate::error::{Error, ErrorKind, Result};

/// A text, if there is one.
pub(super) fn bytes(reply: Value) -> Result<Option<Vec<u8>>> {
    match reply {
        Value::BulkString(bytes) => Ok(Some(bytes)),
        Value::SimpleString(text) => Ok(Some(text.into_bytes())),
        Value::Nil => Ok(None),
        _ => Err(Error::new(
            ErrorKind::Protocol,
            "a text was expected from the server",
        )),
    }
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
