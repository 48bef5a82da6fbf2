//! The server's address as the environment gives it: a URL, or its parts as the Python bot reads them.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::Ipv6Addr;

use crate::backend::ValkeySettings;
use crate::error::{Error, Result};

/// The environment variable with the server's URL.
pub const URL_VARIABLE: &str = "VALKEY_URL";

const HOST: &str = "VALKEY_HOST";
const PORT: &str = "VALKEY_PORT";
const DB: &str = "VALKEY_DB";
const PASSWORD: &str = "VALKEY_PASSWORD";

/// What is said when none is given.
pub(super) const HOW: &str =
    "set $VALKEY_URL to valkey://[user:password@]host[:port][/db], or $VALKEY_HOST to a host";

/// The server that the environment names, if it names one: `$VALKEY_URL`, else `$VALKEY_HOST` with `$VALKEY_PORT`
/// (6379), `$VALKEY_DB` (0) and `$VALKEY_PASSWORD`. What is empty counts as unset.
///
/// # Errors
/// Kind `Config`; the text names the variable, and never holds its value.
pub(super) fn settings() -> Result<Option<ValkeySettings>> {
    let url = url(|name| std::env::var_os(name))?;
    url.map(|url| ValkeySettings::from_url(&url)).transpose()
}

fn url(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<String>> {
    let whole = |name: &str| match variable(name).map(OsString::into_string) {
        None => Ok(String::new()),
        Some(Ok(text)) => Ok(text),
        Some(Err(_)) => Err(Error::config(format!("${name} is not UTF-8"))),
    };
    let trimmed = |name: &str| whole(name).map(|text| text.trim().to_owned());
    let url = trimmed(URL_VARIABLE)?;
    if !url.is_empty() {
        return Ok(Some(url));
    }
    let host = trimmed(HOST)?;
    if host.is_empty() {
        return Ok(None);
    }
    let host = match host.trim_matches(['[', ']']).parse::<Ipv6Addr>() {
        Ok(ip) => format!("[{ip}]"),
        Err(_) if url::Host::parse(&host).is_ok() => host,
        Err(_) => {
            return Err(Error::config(format!(
                "${HOST} is not the name or the address of a host alone; the port goes into ${PORT}, a whole address into \
                 ${URL_VARIABLE}"
            )));
        }
    };
    let port = match trimmed(PORT)?.as_str() {
        "" => 6379,
        port => match port.parse::<u16>() {
            Ok(port) if port != 0 => port,
            _ => {
                return Err(Error::config(format!(
                    "${PORT} is not a port; expected 1 to 65535"
                )));
            }
        },
    };
    let db = match trimmed(DB)?.as_str() {
        "" => 0,
        db => db.parse::<u32>().map_err(|_| {
            Error::config(format!("${DB} is not the number of a database, such as 0"))
        })?,
    };
    let mut password = String::new();
    for byte in whole(PASSWORD)?.bytes() {
        // Writing to a `String` cannot fail.
        let _ = write!(password, "%{byte:02X}");
    }
    let login = if password.is_empty() {
        password
    } else {
        format!(":{password}@")
    };
    Ok(Some(format!("valkey://{login}{host}:{port}/{db}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn given(variables: &[(&str, &str)]) -> Result<Option<ValkeySettings>> {
        let url = url(|name| {
            let found = variables.iter().find(|(given, _)| *given == name);
            found.map(|(_, value)| value.into())
        })?;
        url.map(|url| ValkeySettings::from_url(&url)).transpose()
    }

    /// As `Display` shows them: the address and the database.
    fn shown(variables: &[(&str, &str)]) -> String {
        given(variables).unwrap().unwrap().to_string()
    }

    #[test]
    fn the_parts_make_an_address_and_the_url_comes_before_them() {
        assert!(given(&[]).unwrap().is_none());
        assert!(given(&[(URL_VARIABLE, " "), (HOST, "")]).unwrap().is_none());
        // Without a host there is no server, whatever else is set: as in Python.
        assert!(
            given(&[(PORT, "1"), (DB, "2"), (PASSWORD, "x")])
                .unwrap()
                .is_none()
        );
        let url = |url: &str| ValkeySettings::from_url(url).unwrap().to_string();
        assert_eq!(shown(&[(HOST, "h")]), url("valkey://h:6379/0"));
        let all = [(HOST, " h "), (PORT, "7"), (DB, "3"), (PASSWORD, "p")];
        assert_eq!(shown(&all), url("valkey://:p@h:7/3"));
        let both = [(HOST, "h"), (URL_VARIABLE, "valkey://other:9/1")];
        assert_eq!(shown(&both), url("valkey://other:9/1"));
        for ip in ["::1", "[::1]"] {
            assert_eq!(shown(&[(HOST, ip)]), url("valkey://[::1]:6379/0"));
        }
        assert_eq!(shown(&[(HOST, "127.0.0.1")]), url("valkey://127.0.0.1"));
    }

    #[test]
    fn a_password_may_hold_anything() {
        for password in ["p@ss:w/rd?#%25 é", " x ", "%", "a"] {
            let url = url(|name| match name {
                HOST => Some("h".into()),
                PASSWORD => Some(password.into()),
                _ => None,
            });
            let url = url.unwrap().unwrap();
            let encoded = url.strip_prefix("valkey://:").unwrap();
            let encoded = encoded.strip_suffix("@h:6379/0").unwrap();
            let bytes = encoded.split('%').skip(1);
            let bytes = bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap());
            assert_eq!(String::from_utf8(bytes.collect()).unwrap(), password);
            let shown = ValkeySettings::from_url(&url).unwrap();
            assert_eq!(shown.to_string(), "valkey://h:6379/0");
        }
        assert_eq!(shown(&[(HOST, "h"), (PASSWORD, "")]), "valkey://h:6379/0");
    }

    #[test]
    fn what_cannot_work_names_the_variable_and_not_its_value() {
        for (name, value) in [
            (HOST, "SECRET@h"),
            (HOST, "h:6379"),
            (HOST, "valkey://SECRET"),
            (HOST, "SECRET h"),
            (PORT, "SECRET"),
            (PORT, "0"),
            (PORT, "65536"),
            (DB, "SECRET"),
            (DB, "-1"),
        ] {
            let given = match name {
                HOST => given(&[(name, value)]),
                _ => given(&[(HOST, "h"), (name, value)]),
            };
            let error = given.expect_err(value);
            assert_eq!(error.kind(), ErrorKind::Config);
            let text = format!("{error} {error:?}");
            assert!(
                text.contains(&format!("${name}")) && !text.contains("SECRET"),
                "{text}"
            );
        }
    }
}
