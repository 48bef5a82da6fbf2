//! Settings as they are printed: as an address, never with the password.

use std::fmt;

use super::{Address, ValkeySettings};

impl fmt::Display for ValkeySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = |f: &mut fmt::Formatter<'_>| match &self.user {
            Some(user) => write!(f, "{user}@"),
            None => Ok(()),
        };
        let host = |f: &mut fmt::Formatter<'_>, host: &str, port: u16| {
            if host.contains(':') {
                write!(f, "[{host}]:{port}/{}", self.db)
            } else {
                write!(f, "{host}:{port}/{}", self.db)
            }
        };
        match &self.address {
            Address::Tcp { host: name, port } => {
                f.write_str("valkey://")?;
                user(f)?;
                host(f, name, *port)
            }
            Address::Tls { host: name, port } => {
                f.write_str("valkeys://")?;
                user(f)?;
                host(f, name, *port)
            }
            Address::Unix(path) => {
                f.write_str("unix://")?;
                user(f)?;
                write!(f, "{}?db={}", path.display(), self.db)
            }
        }
    }
}

impl fmt::Debug for ValkeySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValkeySettings")
            .field("url", &format_args!("{self}"))
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
