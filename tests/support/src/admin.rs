//! A blocking RESP2 client over the server's private unix socket: enough for PING, CONFIG, CLIENT KILL and the like.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A reply of the server (RESP2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A status such as `OK`.
    Status(String),
    /// An error reply, with its code word.
    Error(String),
    /// An integer.
    Integer(i64),
    /// A bulk string; `None` is the null reply.
    Bulk(Option<Vec<u8>>),
    /// An array.
    Array(Vec<Reply>),
}

impl Reply {
    /// The text of a status or bulk reply, lossily decoded; `None` for anything else.
    pub fn text(&self) -> Option<String> {
        match self {
            Reply::Status(text) => Some(text.clone()),
            Reply::Bulk(Some(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }
}

/// One connection over the admin socket.
pub(crate) struct Admin {
    stream: BufReader<UnixStream>,
}

impl Admin {
    /// Connects and authenticates; every later wait is bounded by `timeout`.
    pub(crate) fn connect(
        socket: &Path,
        user: &str,
        password: &str,
        timeout: Duration,
    ) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        let mut admin = Self {
            stream: BufReader::new(stream),
        };
        match admin.call(&["AUTH", user, password])? {
            Reply::Status(_) => Ok(admin),
            other => Err(io::Error::other(format!(
                "AUTH of the harness user: {other:?}"
            ))),
        }
    }

    /// Sends one command and reads its reply.
    pub(crate) fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<Reply> {
        let mut request = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            let arg = arg.as_ref();
            request.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            request.extend_from_slice(arg);
            request.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&request)?;
        read_reply(&mut self.stream)
    }
}

fn read_reply(from: &mut impl BufRead) -> io::Result<Reply> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let bad = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("not a RESP2 reply: {line:?}"),
        )
    };
    let (kind, rest) = line.split_at_checked(1).ok_or_else(bad)?;
    let number = || rest.parse::<i64>().map_err(|_| bad());
    Ok(match kind {
        "+" => Reply::Status(rest.to_owned()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Integer(number()?),
        "$" => match usize::try_from(number()?) {
            Err(_) => Reply::Bulk(None),
            Ok(length) => {
                let mut bytes = vec![0; length + 2];
                from.read_exact(&mut bytes)?;
                bytes.truncate(length);
                Reply::Bulk(Some(bytes))
            }
        },
        "*" => {
            let length = number()?.max(0);
            Reply::Array(
                (0..length)
                    .map(|_| read_reply(from))
                    .collect::<io::Result<_>>()?,
            )
        }
        _ => return Err(bad()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_of_every_kind_are_read() {
        let mut wire = &b"*5\r\n+OK\r\n-ERR no\r\n:-7\r\n$3\r\na\r\n\r\n$-1\r\n"[..];
        let expected = Reply::Array(vec![
            Reply::Status("OK".into()),
            Reply::Error("ERR no".into()),
            Reply::Integer(-7),
            Reply::Bulk(Some(b"a\r\n".to_vec())),
            Reply::Bulk(None),
        ]);
        assert_eq!(read_reply(&mut wire).unwrap(), expected);
        assert!(wire.is_empty());
    }

    #[test]
    fn a_cut_or_foreign_reply_is_an_error() {
        assert!(read_reply(&mut &b""[..]).is_err());
        assert!(read_reply(&mut &b"$5\r\nab"[..]).is_err());
        assert!(read_reply(&mut &b"HTTP/1.1 200\r\n"[..]).is_err());
    }
}
