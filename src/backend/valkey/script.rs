//! Compare-and-act in one server step (T35). The scripts compare whole texts and never look into JSON:
//! the server's own JSON loses large integers and empty lists (T39).

use std::sync::LazyLock;

use redis::{Cmd, Script, Value};

use super::connection::{Live, ValkeyLink};
use super::reply::integer;
use crate::error::Result;

static COMPARE_AND_DELETE: LazyLock<Code> = LazyLock::new(|| {
    Code::new(
        "local v = redis.pcall('GET', KEYS[1])
if type(v) == 'table' and v.err then return v end
if v == ARGV[1] then return redis.call('UNLINK', KEYS[1]) end
return 0",
    )
});

/// ARGV: whether a text is expected, the text, the new text, seconds (empty: no expiry, 0: delete).
static COMPARE_AND_SET: LazyLock<Code> = LazyLock::new(|| {
    Code::new(
        "local v = redis.pcall('GET', KEYS[1])
if type(v) == 'table' and v.err then return v end
if ARGV[1] == '1' then
  if v ~= ARGV[2] then return 0 end
elseif v then
  return 0
end
if ARGV[4] == '0' then
  redis.call('UNLINK', KEYS[1])
elseif ARGV[4] == '' then
  redis.call('SET', KEYS[1], ARGV[3])
else
  redis.call('SETEX', KEYS[1], ARGV[4], ARGV[3])
end
return 1",
    )
});

struct Code {
    text: &'static str,
    hash: String,
}

impl Code {
    fn new(text: &'static str) -> Self {
        Self {
            text,
            hash: Script::new(text).get_hash().to_owned(),
        }
    }

    /// By hash; with its text if the server does not know it, in which case it has done nothing yet.
    async fn run(
        &self,
        link: &ValkeyLink,
        live: &mut Live,
        key: &str,
        args: &[&[u8]],
    ) -> Result<Value> {
        let command = |name: &str, code: &str| {
            let mut cmd = Cmd::new();
            cmd.arg(name).arg(code).arg(1).arg(key);
            for arg in args {
                cmd.arg(*arg);
            }
            cmd
        };
        match link
            .send_script(live, &command("EVALSHA", &self.hash))
            .await?
        {
            Some(reply) => Ok(reply),
            None => link.send(live, &command("EVAL", self.text)).await,
        }
    }
}

/// Removes `key` if it holds `text`; `true` if it went.
pub(super) async fn compare_and_delete(
    link: &ValkeyLink,
    live: &mut Live,
    key: &str,
    text: &[u8],
) -> Result<bool> {
    let reply = COMPARE_AND_DELETE.run(link, live, key, &[text]).await?;
    Ok(integer(reply)? == 1)
}

/// Has the server learn the script of [`compare_and_delete_command`].
pub(super) fn load_compare_and_delete() -> Cmd {
    let mut cmd = Cmd::new();
    cmd.arg("SCRIPT").arg("LOAD").arg(COMPARE_AND_DELETE.text);
    cmd
}

/// [`compare_and_delete`] by its hash alone.
pub(super) fn compare_and_delete_command(key: &str, text: &[u8]) -> Cmd {
    let mut cmd = Cmd::new();
    cmd.arg("EVALSHA").arg(&COMPARE_AND_DELETE.hash).arg(1);
    cmd.arg(key).arg(text);
    cmd
}

/// Writes `new` if `key` holds `old` (`None`: nothing); `true` if written.
pub(super) async fn compare_and_set(
    link: &ValkeyLink,
    live: &mut Live,
    key: &str,
    old: Option<&[u8]>,
    new: &[u8],
    seconds: &str,
) -> Result<bool> {
    let expected: &[u8] = if old.is_some() { b"1" } else { b"0" };
    let args = [expected, old.unwrap_or_default(), new, seconds.as_bytes()];
    let reply = COMPARE_AND_SET.run(link, live, key, &args).await?;
    Ok(integer(reply)? == 1)
}
