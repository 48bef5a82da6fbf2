//! How a test describes the server it wants.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::find::find_valkey;
use crate::server::{StartError, ValkeyServer};

/// Options of a [`ValkeyServer`]; everything has a default that suits a test: a free loopback port,
/// no persistence, a data folder of its own.
#[derive(Debug, Clone, Default)]
pub struct ValkeyServerBuilder {
    pub(crate) binary: Option<PathBuf>,
    pub(crate) port: Option<u16>,
    pub(crate) unix_only: bool,
    pub(crate) password: Option<String>,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) arguments: Vec<String>,
    lines: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) ca: PathBuf,
}

impl ValkeyServerBuilder {
    /// Uses this binary instead of looking for one.
    #[must_use]
    pub fn binary(mut self, binary: impl Into<PathBuf>) -> Self {
        self.binary = Some(binary.into());
        self
    }

    /// Listens on this port instead of a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Listens on a unix socket only; [`ValkeyServer::url`] is then a `unix://` URL.
    #[must_use]
    pub fn unix_socket(mut self) -> Self {
        self.unix_only = true;
        self
    }

    /// Requires this password of the default user; [`ValkeyServer::url`] carries it.
    #[must_use]
    pub fn requirepass(mut self, password: impl Into<String>) -> Self {
        let password = password.into();
        self.lines.push(format!("requirepass {}", quote(&password)));
        self.password = Some(password);
        self
    }

    /// Adds an ACL user: `acl("alice on >secret ~tux:* +@all")`.
    #[must_use]
    pub fn acl(mut self, rule: &str) -> Self {
        self.lines.push(format!("user {rule}"));
        self
    }

    /// Bounds the memory: `maxmemory("8mb", "noeviction")`.
    #[must_use]
    pub fn maxmemory(self, bytes: &str, policy: &str) -> Self {
        self.config("maxmemory", bytes)
            .config("maxmemory-policy", policy)
    }

    /// Makes it a (read-only) replica of a server on this machine.
    ///
    /// # Panics
    /// When the primary has no TCP port.
    #[must_use]
    pub fn replicaof(self, primary: &ValkeyServer) -> Self {
        let port = primary
            .port()
            .expect("a replica needs a primary with a TCP port");
        let mut builder = self;
        builder.lines.push(format!("replicaof 127.0.0.1 {port}"));
        match primary.password() {
            Some(password) => builder.config("primaryauth", password),
            None => builder,
        }
    }

    /// Serves TLS instead of plain TCP, with PEM files. Only servers built with TLS can (the 8.0 of
    /// `cargo xtask valkey --version 8.0` is; the 9.1 is not: put a [`TlsProxy`](crate::TlsProxy) before it).
    #[must_use]
    pub fn tls(
        mut self,
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
        ca: impl AsRef<Path>,
    ) -> Self {
        self.tls = Some(TlsFiles {
            certificate: certificate.as_ref().into(),
            key: key.as_ref().into(),
            ca: ca.as_ref().into(),
        });
        self
    }

    /// Gives a command another name; with an empty one it is gone.
    #[must_use]
    pub fn rename_command(mut self, command: &str, name: &str) -> Self {
        self.lines
            .push(format!("rename-command {command} {}", quote(name)));
        self
    }

    /// Runs it as a sentinel, which watches nothing.
    #[must_use]
    pub fn sentinel(mut self) -> Self {
        self.arguments.push("--sentinel".into());
        self
    }

    /// Sets any option of the server's configuration file.
    #[must_use]
    pub fn config(mut self, name: &str, value: &str) -> Self {
        self.lines.push(format!("{name} {}", quote(value)));
        self
    }

    /// Starts the server and waits until it answers PING.
    ///
    /// # Errors
    /// When no binary is found, or the server ends or does not answer within ten seconds; the error
    /// carries the end of its log.
    pub fn start(mut self) -> Result<ValkeyServer, StartError> {
        if self.binary.is_none() {
            self.binary = Some(find_valkey().map_err(StartError::NotFound)?);
        }
        ValkeyServer::start_with(self)
    }

    /// The configuration file for a data folder, a socket and a TCP port (0 = none).
    pub(crate) fn config_file(
        &self,
        dir: &Path,
        socket: &Path,
        port: u16,
        admin: (&str, &str),
    ) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            writeln!(text, "{name} {}", quote(value)).expect("writing to a String");
        };
        line("bind", "127.0.0.1");
        line("dir", &dir.display().to_string());
        line("unixsocket", &socket.display().to_string());
        line("unixsocketperm", "700");
        line("daemonize", "no");
        line("save", "");
        line("appendonly", "no");
        // A replica's first sync waits five seconds for company by default.
        line("repl-diskless-sync-delay", "0");
        line("enable-debug-command", "local");
        match &self.tls {
            None => line("port", &port.to_string()),
            Some(files) => {
                line("port", "0");
                line("tls-port", &port.to_string());
                line("tls-cert-file", &files.certificate.display().to_string());
                line("tls-key-file", &files.key.display().to_string());
                line("tls-ca-cert-file", &files.ca.display().to_string());
                line("tls-auth-clients", "no");
            }
        }
        let (user, password) = admin;
        writeln!(text, "user {user} on >{password} ~* &* +@all").expect("writing to a String");
        for line in &self.lines {
            writeln!(text, "{line}").expect("writing to a String");
        }
        text
    }
}

/// Quotes a value for the configuration file.
fn quote(value: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => {
                quoted.push('\\');
                quoted.push(byte as char);
            }
            b' '..=b'~' => quoted.push(byte as char),
            _ => write!(quoted, "\\x{byte:02x}").expect("writing to a String"),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_for_the_configuration_file() {
        assert_eq!(quote("a b\"c\\\n"), r#""a b\"c\\\x0a""#);
        assert_eq!(quote(""), r#""""#);
    }
}
