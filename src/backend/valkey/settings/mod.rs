//! Where the server is, and how long to wait for it.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::backend::value::json::wire::MAX_VALUE_BYTES;
use crate::error::{Error, Result};

mod shown;

/// What a read makes of a value that is not JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Undecodable {
    /// It is a string, as it stands (the guide's rule).
    #[default]
    AsText,
    /// It is a miss, counted, and removed from the server unless it has changed meanwhile.
    DeleteAndMiss,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum ServerAddress {
    Tcp { host: String, port: u16 },
    Tls { host: String, port: u16 },
    Unix(PathBuf),
}

/// The address of a Valkey server and the limits of talking to it. Of the address `Debug` and `Display` show host,
/// port (or socket file) and database, and nothing else.
#[derive(Clone)]
pub struct ValkeySettings {
    pub(super) address: ServerAddress,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) db: u32,
    pub(super) ca_pem: Option<Vec<u8>>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    pub(super) ping_interval: Duration,
    pub(super) connect_attempts: u32,
    pub(super) max_value_bytes: usize,
    pub(super) retry_limit: usize,
    pub(super) undecodable: Undecodable,
    /// Query parameters that mean nothing here; a Python bot may use the same URL.
    pub(super) ignored: Vec<String>,
}

const DEFAULT_PORT: u16 = 6379;

impl ValkeySettings {
    /// Reads an address: `valkey://[user[:password]@]host[:port][/db]`, also `redis://`; with TLS
    /// `valkeys://` and `rediss://`; a socket file as `unix:///path?db=0`. User and password are
    /// percent-decoded. `?db=`, `?username=`, `?password=` and `?ssl_ca_certs=FILE` are understood, other
    /// parameters are left alone (and named in a log line when connecting). TLS needs a provider of cryptography: one that
    /// the program has installed for rustls, or the feature `tls-ring` or `tls-aws-lc`; else connecting fails with `Config`.
    ///
    /// # Errors
    /// Kind `Config`; the text names what is wrong and repeats no part of the URL.
    pub fn from_url(text: &str) -> Result<Self> {
        let text = text.trim();
        let unix = ["unix://", "valkey+unix://", "redis+unix://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme));
        if let Some(rest) = unix {
            return Self::from_unix_url(rest);
        }
        let url = Url::parse(text).map_err(|error| {
            Error::config(format!(
                "the cache URL is malformed ({error}); expected valkey://[user:password@]host[:port][/db]"
            ))
        })?;
        let tls = match url.scheme() {
            "valkey" | "redis" => false,
            "valkeys" | "rediss" => true,
            // Not repeated: without "valkey://" before it, it is a user's name.
            _ => {
                return Err(Error::config(
                    "the cache URL has an unknown scheme; expected valkey, valkeys, redis, rediss or unix",
                ));
            }
        };
        if url.fragment().is_some() {
            return Err(Error::config(
                "the cache URL has a part after '#'; write '#' in a password as %23",
            ));
        }
        let host = match url.host() {
            Some(url::Host::Domain(host)) if !host.is_empty() => decode("host", host)?,
            Some(url::Host::Ipv4(ip)) => ip.to_string(),
            Some(url::Host::Ipv6(ip)) => ip.to_string(),
            _ => {
                return Err(Error::config(
                    "the cache URL names no host; expected valkey://[user:password@]host[:port][/db]",
                ));
            }
        };
        let port = match url.port() {
            Some(0) => {
                return Err(Error::config(
                    "the cache URL has port 0; expected 1 to 65535",
                ));
            }
            Some(port) => port,
            None => DEFAULT_PORT,
        };
        let address = if tls {
            ServerAddress::Tls { host, port }
        } else {
            ServerAddress::Tcp { host, port }
        };
        let mut settings = Self::at(address);
        settings.read_credentials(&url)?;
        settings.read_query(&url)?;
        let path = url.path().trim_matches('/');
        if !path.is_empty() {
            settings.db = read_db(path)?;
        }
        Ok(settings)
    }

    /// `[user[:password]@]/path[?db=0]`. Parsed with a host in the empty place: a URL with a user and no
    /// host is none to the parser, but it is what Python's client takes.
    fn from_unix_url(rest: &str) -> Result<Self> {
        let malformed =
            || Error::config("the cache URL names no socket; expected unix:///absolute/path?db=0");
        let at = rest.find('/').ok_or_else(malformed)?;
        let (authority, path) = rest.split_at(at);
        if !(authority.is_empty() || authority.ends_with('@')) {
            return Err(malformed());
        }
        let url =
            Url::parse(&format!("unix://{authority}socket{path}")).map_err(|_| malformed())?;
        let path = decode("socket path", url.path())?;
        if path.trim_matches('/').is_empty() {
            return Err(malformed());
        }
        let mut settings = Self::at(ServerAddress::Unix(path.into()));
        settings.read_credentials(&url)?;
        settings.read_query(&url)?;
        Ok(settings)
    }

    fn at(address: ServerAddress) -> Self {
        Self {
            address,
            user: None,
            password: None,
            db: 0,
            ca_pem: None,
            ca_file: None,
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(1),
            ping_interval: Duration::from_secs(2),
            connect_attempts: 4,
            max_value_bytes: MAX_VALUE_BYTES,
            retry_limit: 10_000,
            undecodable: Undecodable::AsText,
            ignored: Vec::new(),
        }
    }

    fn read_credentials(&mut self, url: &Url) -> Result<()> {
        if !url.username().is_empty() {
            self.user = Some(decode("user", url.username())?);
        }
        if let Some(password) = url.password() {
            self.password = Some(decode("password", password)?);
        }
        Ok(())
    }

    fn read_query(&mut self, url: &Url) -> Result<()> {
        for (name, value) in url.query_pairs() {
            match &*name {
                "db" => self.db = read_db(&value)?,
                "user" | "username" => self.user = Some(value.into_owned()),
                "pass" | "password" => self.password = Some(value.into_owned()),
                "ssl_ca_certs" => self.ca_file = Some(value.into_owned().into()),
                // As in `read_db`: this may be the rest of a password.
                _ if name.contains('@') || value.contains('@') => {
                    return Err(Error::config(
                        "the cache URL has an '@' after a '?'; write '?' in a password as %3F",
                    ));
                }
                known if KNOWN_ELSEWHERE.contains(&known) => self.ignored.push(name.into_owned()),
                // Not by its name: it may be a part of a password.
                _ => self.ignored.push("an unknown one".into()),
            }
        }
        Ok(())
    }

    /// Trusts these certificates (PEM) and no others for TLS. Not set: those of the system.
    #[must_use]
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_pem = Some(pem.into());
        self
    }

    /// How long one attempt to connect may take, from the name's resolution to the answered greeting.
    /// Default 2 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a request waits for its reply. Default 1 s.
    #[must_use]
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    /// How often a connection is checked with PING. Default 2 s.
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval.max(Duration::from_millis(10));
        self
    }

    /// How often `connect` tries before it gives up. Default 4, over a second. (An established
    /// backend reconnects for ever.)
    #[must_use]
    pub fn connect_attempts(mut self, attempts: u32) -> Self {
        self.connect_attempts = attempts.max(1);
        self
    }

    /// The longest JSON text that is written or read, in bytes. Default 1 MiB. A longer one is refused with kind
    /// `TooLarge`; where another process has written one, it is not decoded, counts as
    /// [`undecodable`](crate::backend::BackendStats::undecodable) and reads as a miss.
    #[must_use]
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.max_value_bytes = bytes;
        self
    }

    /// How many failed invalidations wait for a retry. Default 10,000.
    #[must_use]
    pub fn retry_limit(mut self, keys: usize) -> Self {
        self.retry_limit = keys;
        self
    }

    /// What a read makes of a value that is not JSON.
    #[must_use]
    pub fn undecodable(mut self, rule: Undecodable) -> Self {
        self.undecodable = rule;
        self
    }
}

fn decode(what: &str, text: &str) -> Result<String> {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| Error::config(format!("the {what} in the cache URL is not UTF-8")))
}

/// The text is not repeated: it may be the rest of a password.
fn read_db(text: &str) -> Result<u32> {
    text.parse().map_err(|_| {
        // An '@' this late: a '/' or '?' of the password was not encoded.
        Error::config(if text.contains('@') {
            "the cache URL has an '@' after a '/' or '?'; write '/' in a password as %2F, '?' as %3F"
        } else {
            "the cache URL names no database number after the host; expected a number such as 0"
        })
    })
}

/// Parameters of Python's client, which a URL shared with it may have.
const KNOWN_ELSEWHERE: [&str; 18] = [
    "client_name",
    "decode_responses",
    "encoding",
    "encoding_errors",
    "health_check_interval",
    "max_connections",
    "protocol",
    "retry_on_error",
    "retry_on_timeout",
    "single_connection_client",
    "socket_connect_timeout",
    "socket_keepalive",
    "socket_read_size",
    "socket_timeout",
    "ssl_cert_reqs",
    "ssl_check_hostname",
    "timeout",
    "virtual",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn every_scheme_is_read() {
        for (url, shown) in [
            ("valkey://localhost", "valkey://localhost:6379/0"),
            ("redis://localhost:7000/3", "valkey://localhost:7000/3"),
            ("valkey://:secret@10.0.0.1/", "valkey://10.0.0.1:6379/0"),
            ("rediss://u:secret@h:1?db=2", "valkeys://h:1/2"),
            ("valkeys://h", "valkeys://h:6379/0"),
            ("valkey://[::1]:7000/1", "valkey://[::1]:7000/1"),
            (
                "unix:///run/valkey.sock?db=4&password=secret",
                "unix:///run/valkey.sock?db=4",
            ),
            ("unix://u:secret@/run/v.sock", "unix:///run/v.sock?db=0"),
            ("valkey://secret@h", "valkey://h:6379/0"),
            ("valkey://h?secret", "valkey://h:6379/0"),
            ("valkey://h?secret=secret&secret2", "valkey://h:6379/0"),
            ("valkey://h?username=secret", "valkey://h:6379/0"),
        ] {
            let settings = ValkeySettings::from_url(url).unwrap_or_else(|e| panic!("{url}: {e}"));
            assert_eq!(settings.to_string(), shown, "{url}");
            let logged = format!("{settings:?} {:?}", settings.ignored);
            assert!(!logged.contains("secret"), "{url}: {logged}");
        }
    }

    #[test]
    fn credentials_are_percent_decoded() {
        let settings = ValkeySettings::from_url("valkey://a%40b:p%23%2Fw@h").unwrap();
        assert_eq!(settings.user.as_deref(), Some("a@b"));
        assert_eq!(settings.password.as_deref(), Some("p#/w"));
    }

    #[test]
    fn a_malformed_url_says_what_is_wrong_and_keeps_the_password() {
        for url in [
            "",
            "localhost:6379",
            "secret",
            "http://u:secret@h",
            "valkey://",
            "valkey://u:secret@",
            "valkey://u:secret@h:port",
            "valkey://u:secret@h:99999",
            "valkey://u:secret@h:0",
            "valkey://u:secret@h/zero",
            "valkey://u:secret@h/-1",
            "valkey://u:secret@h/99999999999",
            "valkey://u:%ffsecret@h",
            "valkey://u:x#secret@h",
            "valkey://u:12/secret@h/0",
            "valkey://u:12?secret@h/0",
            "valkey://u:12?x=secret@h/0",
            "secret:x@h",
            "secret://h",
            "valkey://h/secret",
            "valkey://h/0/secret",
            "valkey://h?db=secret",
            "valkey://h:1/secret#x",
            "valkey://h#secret",
            "unix://",
            "unix://u:secret@host/run/v.sock",
        ] {
            let error = ValkeySettings::from_url(url).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
            assert!(
                !format!("{error} {error:?}").contains("secret"),
                "{url}: {error}"
            );
        }
    }

    #[test]
    fn a_python_url_with_its_own_parameters_is_accepted() {
        let settings =
            ValkeySettings::from_url("valkey://h?socket_timeout=5&decode_responses=True&db=1")
                .unwrap();
        assert_eq!(settings.db, 1);
        assert_eq!(settings.ignored, ["socket_timeout", "decode_responses"]);
    }
}
