//! What the transport's errors mean to us: the one place that maps them to kinds.

use redis::{RedisError, ServerErrorKind};

use super::settings::ValkeySettings;
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

/// Codes that the transport has no kind for.
fn by_text(error: &RedisError) -> ErrorKind {
    match error.code().unwrap_or_default() {
        "WRONGTYPE" => ErrorKind::WrongType,
        "OOM" => ErrorKind::OutOfMemory,
        "NOAUTH" | "WRONGPASS" | "NOPERM" => ErrorKind::Auth,
        "NOREPLICAS" | "MISCONF" => ErrorKind::ReadOnly,
        "BUSY" | "LOADING" | "CLUSTERDOWN" | "MASTERDOWN" => ErrorKind::Unavailable,
        _ => ErrorKind::Server,
    }
}

/// Our error for theirs, with the password taken out should a server have echoed it.
pub(super) fn translate(settings: &ValkeySettings, error: RedisError) -> Error {
    let kind = kind_of(&error);
    let text = error.to_string();
    let clean = settings.scrub(text.clone());
    let message = match kind {
        ErrorKind::Timeout => format!(
            "{settings} did not answer within {:?}",
            settings.response_timeout
        ),
        _ => format!("{settings}: {clean}"),
    };
    let ours = Error::new(kind, message);
    if clean == text {
        ours.with_source(error)
    } else {
        // The source would print the password again.
        ours
    }
}
