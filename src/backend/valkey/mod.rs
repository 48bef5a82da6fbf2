//! The Valkey backend: shared state between processes and across restarts.
//!
//! Keys are `tux:…`, values JSON texts, TTLs whole seconds (see `WIRE.md` of the project). One
//! multiplexed connection serves all tasks; the [supervisor] keeps it alive.

mod connect;
mod connection;
mod core;
mod error;
mod greeting;
mod numbers;
mod peer;
mod publish;
mod removals;
mod remove;
mod reply;
mod retry;
mod round_trip;
mod script;
mod settings;
mod store;
mod stream;
mod supervisor;
mod time_left;
mod tls;
mod words;

use std::sync::Arc;
use std::time::Duration;

use self::core::Core;
use reply::integer;
use retry::{Condition, Target};
pub use settings::{Undecodable, ValkeySettings};

use super::CacheBackend;
use super::key::{WIRE_PREFIX, text as key_text};
use super::stats::BackendStats;
use super::value::Json;
use crate::error::Result;

/// Values in a Valkey (or Redis) server, shared with other processes. Clones share one connection.
///
/// While the server is away every call fails within the response timeout, at once when the loss is
/// known; the backend reconnects by itself. An error is never a miss. A removal that fails, or that the
/// server refuses, is repeated until it gets through; so is the removal of a key whose write failed, for what
/// the server holds under it is outdated ([`BackendStats`]). Until then this process reads such a key as
/// missing and publishes no load of it.
#[derive(Clone)]
pub struct ValkeyBackend {
    core: Arc<Core>,
}

impl ValkeyBackend {
    /// Connects, with a few attempts; on success the connection is kept alive from then on.
    ///
    /// # Errors
    /// `Config` for settings that cannot work: also for a sentinel or a node of a cluster, which are not supported yet,
    /// and for TLS where the server speaks none or the other way round. `Auth` for a refused login or a certificate
    /// that is not trusted, `Unavailable` or `Timeout` when the server could not be reached. The text says what
    /// the server said, or what is most likely wrong.
    ///
    /// # Panics
    /// Outside a tokio runtime with time and I/O enabled.
    pub async fn connect(settings: ValkeySettings) -> Result<Self> {
        let backend = Self::new(settings)?;
        backend.core().supervisor.connect_first().await?;
        backend.core().supervisor.start();
        Ok(backend)
    }

    /// A backend that connects in the background, for as long as it takes. Until then every call fails
    /// with `Unavailable`.
    ///
    /// # Errors
    /// `Config` for settings that cannot work.
    pub fn connect_in_background(settings: ValkeySettings) -> Result<Self> {
        let backend = Self::new(settings)?;
        backend.core().supervisor.start();
        Ok(backend)
    }

    fn new(settings: ValkeySettings) -> Result<Self> {
        if !settings.ignored.is_empty() {
            tracing::warn!(
                parameters = ?settings.ignored,
                "parameters of the cache URL that mean nothing here are ignored"
            );
        }
        Ok(Self {
            core: Arc::new(Core::new(settings)?),
        })
    }

    fn core(&self) -> &Core {
        &self.core
    }

    /// Whether both are handles on one store.
    pub(in crate::backend) fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.core(), other.core())
    }

    /// Whether there is a connection that has not been found dead. O(1).
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.core().link.is_up()
    }

    /// Waits until there is a connection, or the backend is closed. Cancel safe.
    pub async fn connected(&self) {
        self.core().supervisor.start();
        self.core().link.until_up().await;
    }

    /// Runs `work` once there has been a connection.
    pub(super) fn on_first_connection(&self, work: impl FnOnce() + Send + 'static) {
        self.core().link.on_first_up(work);
    }

    /// Asks the server.
    ///
    /// # Errors
    /// As [`CacheBackend::get`].
    pub async fn ping(&self) -> Result<()> {
        self.core()
            .link
            .request(&redis::cmd("PING"))
            .await
            .map(drop)
    }

    /// Carries out what waits in the retry queue, at most for `deadline`, and closes the connection.
    /// Calls after it fail with kind `Closed`. Closing twice is fine.
    pub async fn close(&self, deadline: Duration) {
        let core = self.core();
        let settled = async {
            core.retries.queue.make_due();
            while core.retries.queue.len() > 0 && !core.link.is_closed() {
                match core.link.live() {
                    Ok(mut live) => core.retries.drain(&mut live).await,
                    Err(_) if core.link.has_been_up() => core.link.until_up().await,
                    Err(_) => return,
                }
                if core.retries.queue.len() > 0 {
                    // The server refuses, or the supervisor is at it: let time pass.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        };
        // (Without a runtime and a timer nothing can be carried out.)
        if super::runtime::with_timer().is_ok() {
            let _ = tokio::time::timeout(deadline, settled).await;
        }
        let lost = core.retries.queue.len();
        if lost > 0 {
            tracing::error!(server = %core.link.settings, lost, "closed with invalidations not carried out");
        }
        core.link.close();
    }

    /// The backend's counters.
    #[must_use]
    pub fn stats(&self) -> BackendStats {
        BackendStats {
            retries_pending: self.core().retries.queue.len() as u64,
            ..self.core().link.counters.snapshot()
        }
    }

    pub(super) fn count_undecodable(&self) {
        self.core().link.counters.undecodable();
    }

    /// Queues the removal of a key without trying it now: something of this process shadowed it.
    pub(crate) fn remove_later(&self, wire_key: String) {
        if self.core().link.is_closed() {
            return;
        }
        self.core()
            .retries
            .retry_later((Target::Key(wire_key), Condition::Always));
    }

    /// [`remove_later`](Self::remove_later) for a prefix.
    pub(crate) fn remove_prefix_later(&self, wire_prefix: String) {
        if self.core().link.is_closed() {
            return;
        }
        self.core()
            .retries
            .retry_later((Target::Prefix(wire_prefix), Condition::Always));
    }
}

/// The key as it stands in Valkey.
pub(super) fn wire_key(key: &str) -> Result<String> {
    key_text::check_length(key)?;
    Ok([WIRE_PREFIX, key_text::strip_wire_prefix(key)].concat())
}

impl CacheBackend for ValkeyBackend {
    async fn get(&self, key: &str) -> Result<Option<Json>> {
        self.get_json(wire_key(key)?).await
    }

    async fn set(&self, key: &str, value: Json, ttl: Option<Duration>) -> Result<()> {
        self.set_json(&wire_key(key)?, &value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        self.remove_wire(wire_key(key)?).await
    }

    async fn delete_prefix(&self, prefix: &str) -> Result<usize> {
        self.remove_wire_prefix(wire_key(prefix)?).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        let key = wire_key(key)?;
        let core = self.core();
        let mut live = core.link.live()?;
        if core.retries.queue.owes(&key) {
            return Ok(false);
        }
        let reply = core
            .link
            .send(&mut live, redis::cmd("EXISTS").arg(key))
            .await?;
        Ok(integer(reply)? > 0)
    }

    /// One MGET. A key that holds no plain value reads as `None`.
    async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Json>>> {
        let keys = keys
            .iter()
            .map(|key| wire_key(key))
            .collect::<Result<Vec<_>>>()?;
        self.get_many_json(&keys).await
    }

    /// One pipeline. Everything is encoded and checked before anything is sent.
    async fn set_many(&self, entries: &[(&str, Json, Option<Duration>)]) -> Result<()> {
        let entries = entries
            .iter()
            .map(|(key, value, ttl)| Ok((wire_key(key)?, self.encode(value)?, *ttl)))
            .collect::<Result<Vec<_>>>()?;
        self.set_many_texts(&entries).await
    }

    /// Compares the texts: `expected` as this crate writes it. One that fails is not repeated: ask again.
    async fn compare_and_delete(&self, key: &str, expected: &Json) -> Result<bool> {
        let (key, text) = (wire_key(key)?, self.encode(expected)?);
        let core = self.core();
        let _change = core.leases.change(key.as_str());
        let mut live = core.link.live_to_write()?;
        self.remove_owed(&mut live, &key).await?;
        script::compare_and_delete(&core.link, &mut live, &key, text.as_bytes()).await
    }

    /// Compares the texts: `expected` as this crate writes it. One that fails is not repeated, and its key is removed
    /// later, as after a failed [`set`](crate::backend::Backend::set).
    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&Json>,
        value: Json,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        let expected = expected
            .map(|json| self.encode(json).map(String::into_bytes))
            .transpose()?;
        let key = wire_key(key)?;
        self.remove_owed(&mut self.core().link.live_to_write()?, &key)
            .await?;
        self.compare_and_set_text(&key, expected.as_deref(), &value, ttl)
            .await
    }

    fn name(&self) -> &str {
        "valkey"
    }

    fn into_backend(self) -> super::Backend {
        super::Backend::Valkey(self)
    }
}

impl std::fmt::Debug for ValkeyBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ValkeyBackend")
            .field("server", &format_args!("{}", self.core().link.settings))
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
