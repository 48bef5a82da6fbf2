//! What the transport's errors mean to us: the one place that maps them to kinds.

use redis::{RedisError, ServerErrorKind};

use super::settings::ValkeySettings;
use super::words;
use crate::error::{Error, ErrorKind};

/// The kind of a failed request.
pub(super) fn kind_of(error: &RedisError) -> ErrorKind {
    use redis::ErrorKind as Theirs;
    if error.is_timeout() {
        return ErrorKind::Timeout;
    }
    match error.kind() {
        Theirs::Server(kind) => match kind {
            ServerErrorKind::BusyLoading
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::TryAgain => ErrorKind::Unavailable,
            ServerErrorKind::ReadOnly => ErrorKind::ReadOnly,
            ServerErrorKind::NoPerm => ErrorKind::Auth,
            _ => by_text(error),
        },
        Theirs::Extension => by_text(error),
        Theirs::AuthenticationFailed => ErrorKind::Auth,
        Theirs::InvalidClientConfig => ErrorKind::Config,
        Theirs::Parse | Theirs::UnexpectedReturnType | Theirs::RESP3NotSupported => {
            ErrorKind::Protocol
        }
        Theirs::Io => ErrorKind::Unavailable,
        _ => ErrorKind::Server,
    }
}

/// The server takes no more clients now.
fn is_full(detail: &str) -> bool {
    detail.contains("max number of clients") || detail.contains("max clients")
}

/// Codes that the transport has no kind for.
fn by_text(error: &RedisError) -> ErrorKind {
    match error.code().unwrap_or_default() {
        "WRONGTYPE" => ErrorKind::WrongType,
        "OOM" => ErrorKind::OutOfMemory,
        "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" => ErrorKind::Auth,
        "NOREPLICAS" | "MISCONF" | "REDIRECT" => ErrorKind::ReadOnly,
        "BUSY" | "LOADING" | "CLUSTERDOWN" | "MASTERDOWN" | "NOMASTERLINK" => {
            ErrorKind::Unavailable
        }
        "ERR" if is_full(error.detail().unwrap_or_default()) => ErrorKind::Unavailable,
        _ => ErrorKind::Server,
    }
}

/// Whether another server has taken over from this one: the link to it is of no use any more.
pub(super) fn has_moved(error: &RedisError) -> bool {
    matches!(
        error.code(),
        Some("READONLY" | "MASTERDOWN" | "NOMASTERLINK" | "REDIRECT")
    )
}

/// Our error for a stream that ended.
pub(super) fn describe(settings: &ValkeySettings, error: std::io::Error) -> Error {
    Error::unavailable(format!("{settings}: {error}")).with_source(error)
}

/// Our error for theirs. What a server says is repeated without what it may have taken from the request, and
/// never handed on as a source.
pub(super) fn translate(settings: &ValkeySettings, error: RedisError) -> Error {
    let kind = kind_of(&error);
    if kind == ErrorKind::Timeout {
        return Error::timeout(format!(
            "{settings} did not answer within {:?}",
            settings.response_timeout
        ));
    }
    if error.is_io_error() {
        return Error::new(kind, format!("{settings}: {error}")).with_source(error);
    }
    match error.code() {
        Some(code) => {
            let said = words::of_server(settings, code, error.detail().unwrap_or_default());
            Error::new(kind, format!("{settings}: {said}"))
        }
        // The transport's own words, without the detail, which may hold what came.
        None => Error::new(kind, format!("{settings}: {}", error.category())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(line: &str) -> RedisError {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        value.extract_error().unwrap_err()
    }

    #[test]
    fn codes_have_their_kinds_and_some_end_the_link() {
        for (line, kind, moved) in [
            ("READONLY You can't write", ErrorKind::ReadOnly, true),
            (
                "MASTERDOWN Link with MASTER is down",
                ErrorKind::Unavailable,
                true,
            ),
            ("NOMASTERLINK Can't SYNC", ErrorKind::Unavailable, true),
            ("REDIRECT 127.0.0.1:7000", ErrorKind::ReadOnly, true),
            ("LOADING Valkey is loading", ErrorKind::Unavailable, false),
            ("BUSY Valkey is busy", ErrorKind::Unavailable, false),
            (
                "NOREPLICAS Not enough good replicas",
                ErrorKind::ReadOnly,
                false,
            ),
            (
                "MISCONF Errors writing to the AOF",
                ErrorKind::ReadOnly,
                false,
            ),
            ("NOPERM User u has no permissions", ErrorKind::Auth, false),
            (
                "WRONGTYPE Operation against a key",
                ErrorKind::WrongType,
                false,
            ),
            ("OOM command not allowed", ErrorKind::OutOfMemory, false),
            (
                "ERR max number of clients reached",
                ErrorKind::Unavailable,
                false,
            ),
            ("ERR unknown command 'X'", ErrorKind::Server, false),
        ] {
            let error = reply(line);
            assert_eq!(
                (kind_of(&error), has_moved(&error)),
                (kind, moved),
                "{line}"
            );
            let settings = ValkeySettings::from_url("valkey://h").unwrap();
            let said = translate(&settings, error).to_string();
            assert!(said.contains(line.split(' ').next().unwrap()), "{said}");
        }
    }
}
