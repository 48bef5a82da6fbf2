//! Ourselves as the server sees us: what it takes to have it close a connection that we have given up.

use redis::{Cmd, Value};

/// A connection as the server knows it: its number there, and its address, because a restarted server
/// counts from one again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    id: String,
    address: String,
}

impl Peer {
    /// Reads the reply of CLIENT INFO.
    pub(super) fn read(reply: Value) -> Option<Self> {
        let text = match reply {
            Value::VerbatimString { text, .. } => text,
            Value::SimpleString(text) => text,
            Value::BulkString(bytes) => String::from_utf8(bytes).ok()?,
            _ => return None,
        };
        let field = |name: &str| {
            text.split_ascii_whitespace()
                .find_map(|field| field.strip_prefix(name))
                .map(str::to_owned)
        };
        Some(Self {
            id: field("id=")?,
            address: field("addr=")?,
        })
    }

    pub(super) fn kill_command(&self) -> Cmd {
        let mut cmd = redis::cmd("CLIENT");
        cmd.arg("KILL").arg("ID").arg(&self.id);
        cmd.arg("ADDR").arg(&self.address);
        cmd
    }
}
