//! The one error type of the crate: a kind to decide by, a text to read, a source to follow.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as a caller may want to decide by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The shared tier cannot be reached: nothing is known about the key. Never a miss.
    Unavailable,
    /// A request was sent and not answered in time; a write may or may not have happened.
    Timeout,
    /// User, password or access rules refuse the connection or the command.
    Auth,
    /// The peer does not speak the protocol, or answered something unexpected.
    Protocol,
    /// A value cannot be written as, or read from, its wire form.
    Codec,
    /// The key holds something that is not a plain value (a list, a hash, …).
    WrongType,
    /// The server accepts no writes (a replica, or not enough replicas).
    ReadOnly,
    /// The server, or a limit of ours, has no room for the value.
    OutOfMemory,
    /// A setting, an address or an argument cannot work.
    Config,
    /// The caller's own loader failed; its error is the [`source`](StdError::source).
    Loader,
    /// The key cannot be used (too long).
    InvalidKey,
    /// The value is over the size or nesting limit.
    TooLarge,
    /// The service was closed.
    Closed,
    /// The server refused the request for a reason of its own.
    Server,
    /// A file cannot be read or written; the [`source`](StdError::source) is the [`std::io::Error`].
    File,
}

/// Whether trying the same request again can help, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryClass {
    /// The same request would fail again: change it, the settings or the server first.
    Never,
    /// The request was not carried out; it may pass once the server has room or takes writes again.
    Later,
    /// It may pass once the server is back, but it may already have been carried out: repeat it only if
    /// that is harmless.
    IfIdempotent,
}

impl ErrorKind {
    /// The one place that says whether a failed request may be tried again.
    #[must_use]
    pub const fn retry_class(self) -> RetryClass {
        match self {
            Self::ReadOnly | Self::OutOfMemory => RetryClass::Later,
            // A request may have been on its way when the connection broke.
            Self::Unavailable | Self::Timeout => RetryClass::IfIdempotent,
            Self::Auth
            | Self::Protocol
            | Self::Codec
            | Self::WrongType
            | Self::Config
            | Self::Loader
            | Self::InvalidKey
            | Self::TooLarge
            | Self::Closed
            | Self::Server
            | Self::File => RetryClass::Never,
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Timeout => "timed out",
            Self::Auth => "access refused",
            Self::Protocol => "protocol error",
            Self::Codec => "codec error",
            Self::WrongType => "wrong type",
            Self::ReadOnly => "read-only",
            Self::OutOfMemory => "out of memory",
            Self::Config => "bad configuration",
            Self::Loader => "loader failed",
            Self::InvalidKey => "invalid key",
            Self::TooLarge => "too large",
            Self::Closed => "closed",
            Self::Server => "refused by the server",
            Self::File => "file error",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

type Source = Arc<dyn StdError + Send + Sync + 'static>;

/// An error of this crate. Cheap to clone (one counter), so that everyone who waited for the same
/// load can have it.
///
/// No text of it ever holds a password.
#[derive(Clone)]
pub struct Error(Arc<Details>);

struct Details {
    kind: ErrorKind,
    message: Cow<'static, str>,
    source: Option<Source>,
}

impl Error {
    /// An error of `kind`; `message` names the value at fault and what would be right.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Details {
            kind,
            message: message.into(),
            source: None,
        }))
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source<E>(self, source: E) -> Self
    where
        E: StdError + Send + Sync + 'static,
    {
        Self(Arc::new(Details {
            kind: self.0.kind,
            message: self.0.message.clone(),
            source: Some(Arc::new(source)),
        }))
    }

    /// Kind [`Config`](ErrorKind::Config).
    pub fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// Kind [`Unavailable`](ErrorKind::Unavailable).
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// Kind [`Timeout`](ErrorKind::Timeout).
    pub fn timeout(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Timeout, message)
    }

    /// Kind [`Codec`](ErrorKind::Codec).
    pub fn codec(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Codec, message)
    }

    /// Kind [`Loader`](ErrorKind::Loader) with the loader's error as source.
    pub fn loader<E>(source: E) -> Self
    where
        E: StdError + Send + Sync + 'static,
    {
        Self::new(ErrorKind::Loader, "the loader returned an error").with_source(source)
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether trying again can help; the same as `self.kind().retry_class()`.
    #[must_use]
    pub fn retry_class(&self) -> RetryClass {
        self.0.kind.retry_class()
    }

    /// Whether the shared tier could not be asked at all ([`Unavailable`](ErrorKind::Unavailable),
    /// [`Timeout`](ErrorKind::Timeout) or [`Closed`](ErrorKind::Closed)): the key is neither present
    /// nor absent.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Closed
        )
    }

    /// The text without kind and source.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind, self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind)
            .field("message", &self.0.message);
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|s| s as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_chain_survives_a_clone() {
        let io = std::io::Error::other("disk on fire");
        let error = Error::loader(io).clone();
        assert_eq!(error.kind(), ErrorKind::Loader);
        assert_eq!(error.retry_class(), RetryClass::Never);
        assert_eq!(error.source().unwrap().to_string(), "disk on fire");
    }

    #[test]
    fn a_timeout_is_unavailable_but_not_blindly_retried() {
        let error = Error::timeout("no reply within 1s");
        assert!(error.is_unavailable());
        assert_eq!(error.retry_class(), RetryClass::IfIdempotent);
        assert_eq!(error.to_string(), "timed out: no reply within 1s");
    }
}
