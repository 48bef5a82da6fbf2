//! A value and how long it has left, in one round trip.

use std::time::Duration;

use redis::{Cmd, Value as Reply};

use super::ValkeyBackend;
use super::reply::bytes;
use crate::backend::beside::TimeLeft;
use crate::backend::key::KeyRef;
use crate::backend::value::CacheValue;
use crate::error::{Error, ErrorKind, Result};

impl ValkeyBackend {
    /// `PTTL` and `GET` in one pipeline, in this order: of a value that was replaced in between the old one's end is said, which is
    /// not later than its own. A server that refuses `PTTL` does not say.
    pub(in crate::backend) async fn get_with_time_left<T: CacheValue>(
        &self,
        key: KeyRef<'_>,
    ) -> Result<Option<(T, TimeLeft)>> {
        let (core, key) = (self.core(), key.to_wire());
        let mut live = core.link.live()?;
        if core.retries.queue.owes(&key) {
            return Ok(None);
        }
        let mut pipeline = redis::pipe();
        for command in ["PTTL", "GET"] {
            let mut cmd = Cmd::new();
            cmd.arg(command).arg(&key);
            pipeline.add_command(cmd);
        }
        let mut replies = core.link.send_many(&mut live, &pipeline).await?.into_iter();
        let (Some(left), Some(text)) = (replies.next(), replies.next()) else {
            return Err(Error::new(
                ErrorKind::Protocol,
                "PTTL and GET were sent, and fewer replies came",
            ));
        };
        let Some(text) = bytes(text?)? else {
            return Ok(None);
        };
        let left = left.map_or(Ok(TimeLeft::Unknown), time_left)?;
        let value = self.read(&text);
        if value.is_none() {
            self.undecodable(&key, &text).await;
        }
        Ok(value.map(|value| (value, left)))
    }
}

/// Milliseconds; -1: no expiry; -2: no such key when it was asked for (T52: never as an unsigned number).
fn time_left(reply: Reply) -> Result<TimeLeft> {
    match reply {
        Reply::Int(-1) => Ok(TimeLeft::Forever),
        Reply::Int(left) => Ok(TimeLeft::For(Duration::from_millis(
            u64::try_from(left).unwrap_or(0),
        ))),
        _ => Err(Error::new(
            ErrorKind::Protocol,
            "PTTL was answered in an unknown form",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t52_no_time_left_is_read_as_an_unsigned_number() {
        let left = |reply| time_left(Reply::Int(reply)).unwrap();
        assert_eq!(left(-1), TimeLeft::Forever);
        assert_eq!(left(-2), TimeLeft::For(Duration::ZERO));
        assert_eq!(left(1_500), TimeLeft::For(Duration::from_millis(1_500)));
        assert!(time_left(Reply::Nil).is_err());
    }
}
