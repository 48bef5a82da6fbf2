//! HELLO: the login, and what the server says it is.

use redis::{Cmd, Value};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::error::{describe, translate};
use super::settings::ValkeySettings;
use super::stream::Stream;
use crate::error::{Error, ErrorKind, Result};

/// How long a server that refuses to be written to is listened to.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// What the server says of itself; a proxy may leave out anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Greeting {
    mode: Option<String>,
    role: Option<String>,
}

impl Greeting {
    fn read(reply: Value) -> Self {
        let mut greeting = Self::default();
        let pairs: Vec<(Value, Value)> = match reply {
            Value::Map(pairs) => pairs,
            Value::Array(items) => {
                let mut items = items.into_iter();
                std::iter::from_fn(|| Some((items.next()?, items.next()?))).collect()
            }
            _ => Vec::new(),
        };
        for (name, value) in pairs {
            match text(name).as_deref() {
                Some("mode") => greeting.mode = text(value),
                Some("role") => greeting.role = text(value),
                _ => {}
            }
        }
        greeting
    }

    /// Whether it takes no writes because it follows another server.
    pub(super) fn is_replica(&self) -> bool {
        matches!(self.role.as_deref(), Some("replica" | "slave"))
    }

    /// # Errors
    /// `Config` for a server that takes none of our requests, or only some of them.
    fn check(&self, settings: &ValkeySettings) -> Result<()> {
        match self.mode.as_deref() {
            Some("sentinel") => Err(Error::config(format!(
                "{settings} is a sentinel, which keeps no values; give the address of the server itself"
            ))),
            Some("cluster") => Err(Error::config(format!(
                "{settings} is a node of a cluster, which this library does not support yet; give a server that runs alone (cluster-enabled no)"
            ))),
            _ => Ok(()),
        }
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

/// Logs in, looks at what the server is, and chooses the database.
pub(super) async fn greet(
    settings: &ValkeySettings,
    stream: &mut Box<dyn Stream>,
) -> Result<Greeting> {
    let mut hello = redis::cmd("HELLO");
    hello.arg(3);
    if settings.user.is_some() || settings.password.is_some() {
        hello.arg("AUTH");
        hello.arg(settings.user.as_deref().unwrap_or("default"));
        hello.arg(settings.password.as_deref().unwrap_or_default());
    }
    let greeting = Greeting::read(ask(settings, stream, &hello).await?);
    greeting.check(settings)?;
    if settings.db != 0 {
        ask(settings, stream, redis::cmd("SELECT").arg(settings.db)).await?;
    }
    Ok(greeting)
}

async fn ask(settings: &ValkeySettings, stream: &mut Box<dyn Stream>, cmd: &Cmd) -> Result<Value> {
    let sent = match stream.write_all(&cmd.get_packed_command()).await {
        Ok(()) => stream.flush().await,
        Err(error) => Err(error),
    };
    // A server that refuses a connection says why and closes it: what it said is still there.
    let answer = async {
        let mut first = [0];
        stream.read_exact(&mut first).await?;
        answer(settings, first[0], stream).await
    };
    let result = match &sent {
        Ok(()) => answer.await,
        Err(_) => tokio::time::timeout(LAST_WORDS, answer)
            .await
            .unwrap_or_else(|_| Err(Silence::Ended(std::io::ErrorKind::BrokenPipe.into()))),
    };
    match (result, sent) {
        (Ok(reply), _) => reply
            .extract_error()
            .map_err(|error| translate(settings, error)),
        (Err(Silence::Foreign(error)), _) => Err(error),
        (Err(Silence::Ended(error)), _) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(Error::unavailable(format!(
                "{settings}: the server closed the connection without an answer"
            )))
        }
        (Err(Silence::Ended(_)), Err(error)) | (Err(Silence::Ended(error)), Ok(())) => {
            Err(describe(settings, error))
        }
    }
}

/// Why there is no answer.
enum Silence {
    Ended(std::io::Error),
    /// What came is in another protocol.
    Foreign(Error),
}

impl From<std::io::Error> for Silence {
    fn from(error: std::io::Error) -> Self {
        Self::Ended(error)
    }
}

async fn answer(
    settings: &ValkeySettings,
    first: u8,
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Value, Silence> {
    const RESP: &[u8] = b"+-:$*%~_,#!=(>|";
    let foreign =
        |what: &str| Silence::Foreign(Error::new(ErrorKind::Config, format!("{settings}: {what}")));
    match first {
        // An alert, or a handshake, of TLS.
        0x15 | 0x16 => {
            return Err(foreign(
                "the server speaks TLS there; write valkeys:// or rediss://",
            ));
        }
        first if !RESP.contains(&first) => {
            return Err(foreign(
                "what answers there does not speak the protocol of Valkey",
            ));
        }
        _ => {}
    }
    let first = [first];
    let mut whole = first.chain(stream);
    redis::parse_redis_value_async(&mut Default::default(), &mut whole)
        .await
        .map_err(|error| {
            if error.is_io_error() {
                Silence::Ended(std::io::ErrorKind::UnexpectedEof.into())
            } else {
                Silence::Foreign(Error::new(
                    ErrorKind::Protocol,
                    format!("{settings}: the server's answer to the greeting is malformed"),
                ))
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn mode_and_role_are_read_from_maps_and_lists_and_may_be_left_out() {
        let fields = [
            (bulk("server"), bulk("valkey")),
            (bulk("proto"), Value::Int(3)),
            (bulk("mode"), bulk("cluster")),
            (bulk("role"), bulk("replica")),
        ];
        let greeting = Greeting::read(Value::Map(fields.to_vec()));
        assert!(greeting.is_replica());
        let list = fields.into_iter().flat_map(|(a, b)| [a, b]).collect();
        assert_eq!(Greeting::read(Value::Array(list)), greeting);
        let settings = ValkeySettings::from_url("valkey://h").unwrap();
        let error = greeting.check(&settings).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let silent = Greeting::read(Value::Okay);
        assert!(!silent.is_replica() && silent.check(&settings).is_ok());
    }
}
