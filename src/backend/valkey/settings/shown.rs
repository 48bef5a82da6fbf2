//! Settings as they are printed: host, port and database, never user or password.

use std::fmt;

use super::{ServerAddress, ValkeySettings};

impl fmt::Display for ValkeySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = |f: &mut fmt::Formatter<'_>, host: &str, port: u16| {
            if host.contains(':') {
                write!(f, "[{host}]:{port}/{}", self.db)
            } else {
                write!(f, "{host}:{port}/{}", self.db)
            }
        };
        match &self.address {
            ServerAddress::Tcp { host: name, port } => {
                f.write_str("valkey://")?;
                host(f, name, *port)
            }
            ServerAddress::Tls { host: name, port } => {
                f.write_str("valkeys://")?;
                host(f, name, *port)
            }
            ServerAddress::Unix(path) => {
                f.write_str("unix://")?;
                write!(f, "{}?db={}", path.display(), self.db)
            }
        }
    }
}

impl fmt::Debug for ValkeySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValkeySettings")
            .field("url", &format_args!("{self}"))
            .field("user", &self.user.as_ref().map(|_| "***"))
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("connect_timeout", &self.connect_timeout)
            .field("response_timeout", &self.response_timeout)
            .field("ping_interval", &self.ping_interval)
            .field("max_value_bytes", &self.max_value_bytes)
            .field("retry_limit", &self.retry_limit)
            .field("undecodable", &self.undecodable)
            .finish_non_exhaustive()
    }
}
