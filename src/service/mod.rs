//! The life of the connection, and the choice of the backend.

mod env;
mod events;
mod families;
mod setup;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

pub use env::URL_VARIABLE;
pub use setup::{CacheSetup, CacheSetupBuilder, RequiredSetup};

use crate::backend::{
    Backend, InMemoryBackend, InMemoryBackendBuilder, MemoryUntilConnected, ValkeyBackend,
    ValkeySettings,
};
use crate::error::Result;

/// TTL and size of the in-memory backend that everybody shares without a server.
const MEMORY_TTL: Duration = Duration::from_secs(300);
const MEMORY_SIZE: usize = 10_000;

/// How long `close` carries out waiting invalidations.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// The connection to Valkey: connect, ping, close. Every method is safe when not connected. Clones share
/// one service.
#[derive(Clone, Debug, Default)]
pub struct CacheService {
    inner: Arc<ServiceState>,
}

#[derive(Debug, Default)]
struct ServiceState {
    server: Mutex<Option<Backend>>,
    memory: OnceLock<InMemoryBackend>,
}

impl CacheService {
    /// A service that is not connected.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Connects to `$VALKEY_URL`, or without it to `$VALKEY_HOST` (with `$VALKEY_PORT`, `$VALKEY_DB` and
    /// `$VALKEY_PASSWORD`); without either the service is returned unconnected.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn from_env() -> Result<Self> {
        let service = Self::new();
        if let Some(settings) = env::settings()? {
            service.connect_with(settings).await?;
        }
        Ok(service)
    }

    /// Uses `memory` as the backend that everybody shares without a server. Only before that was first asked for; `false`
    /// when it is too late.
    #[doc(alias = "set_fallback")]
    pub fn set_memory(&self, memory: InMemoryBackend) -> bool {
        self.inner.memory.set(memory).is_ok()
    }

    /// Connects to `valkey://[user:password@]host[:port][/db]` (also `valkeys redis rediss unix`), tries a
    /// few times with growing, jittered pauses, and asks with PING. An earlier connection is closed
    /// once the new one stands. From then on the connection is restored by itself when it is lost.
    ///
    /// # Errors
    /// `Config` for a malformed URL, or a server that cannot work (a sentinel, a node of a cluster, TLS where there is
    /// none); `Auth` for a refused login; `Unavailable` or `Timeout` when there is no server to be reached.
    ///
    /// # Cancel safety
    /// Dropped, it leaves the service as it was.
    pub async fn connect(&self, url: &str) -> Result<()> {
        self.connect_with(ValkeySettings::from_url(url)?).await
    }

    /// [`connect`](Self::connect) with all settings.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_with(&self, settings: ValkeySettings) -> Result<()> {
        let server = settings.to_string();
        self.open(settings).await?;
        tracing::info!(%server, "connected to the cache server");
        Ok(())
    }

    /// Connects and uses the server from now on. What that means is logged by the caller.
    async fn open(&self, settings: ValkeySettings) -> Result<()> {
        let valkey = ValkeyBackend::connect(settings).await?;
        if let Some(old) = self.replace(Some(Backend::Valkey(valkey))) {
            close(&old).await;
        }
        Ok(())
    }

    /// Uses the server from the moment on when it is first reached, and memory until then.
    fn open_later(&self, settings: ValkeySettings) -> Result<()> {
        let valkey = ValkeyBackend::connect_in_background(settings)?;
        let backend = MemoryUntilConnected::new(self.memory().clone(), valkey);
        self.replace(Some(Backend::UntilConnected(backend)));
        Ok(())
    }

    /// Whether there is a connection that has not been found dead.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.valkey().is_some_and(|valkey| valkey.is_connected())
    }

    /// Asks the server; `false` when it does not answer, or there is none.
    pub async fn ping(&self) -> bool {
        match self.valkey() {
            Some(valkey) => valkey.ping().await.is_ok(),
            None => false,
        }
    }

    /// Carries out the invalidations that wait for a retry (at most 2 s), then closes the connection.
    /// Backends handed out before fail with kind `Closed` from then on. Closing twice, or without a
    /// connection, is fine.
    pub async fn close(&self) {
        if let Some(old) = self.replace(None) {
            close(&old).await;
        }
    }

    /// What consumers shall use: Valkey if it was connected (a connection lost since is restored by
    /// itself, and until then an error, not a second truth), else the one shared in-memory backend.
    #[must_use]
    pub fn backend(&self) -> Backend {
        match &*self.lock() {
            Some(backend) => backend.clone(),
            None => Backend::Memory(self.memory().clone()),
        }
    }

    /// The server's backend, if one is configured.
    #[must_use]
    pub fn valkey(&self) -> Option<ValkeyBackend> {
        match &*self.lock() {
            Some(Backend::Valkey(valkey)) => Some(valkey.clone()),
            Some(Backend::UntilConnected(backend)) => Some(backend.valkey().clone()),
            _ => None,
        }
    }

    /// The one in-memory backend that everybody shares without a server.
    #[doc(alias = "fallback")]
    #[must_use]
    pub fn memory(&self) -> &InMemoryBackend {
        self.inner
            .memory
            .get_or_init(|| shared_memory(|memory| memory))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Backend>> {
        self.inner
            .server
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, new: Option<Backend>) -> Option<Backend> {
        std::mem::replace(&mut *self.lock(), new)
    }
}

/// Valkey if `service` has been connected to it, else the one in-memory backend shared by all who ask. Also while the
/// connection is lost: every holder then gets an error until it is restored. Memory in its place would answer from a
/// second truth, and miss the invalidations of other processes.
#[must_use]
pub fn get_cache_backend(service: &CacheService) -> Backend {
    service.backend()
}

/// The in-memory backend of a service that was given none.
fn shared_memory(
    set: impl FnOnce(InMemoryBackendBuilder) -> InMemoryBackendBuilder,
) -> InMemoryBackend {
    let memory = InMemoryBackend::builder()
        .default_ttl(MEMORY_TTL)
        .max_size(MEMORY_SIZE);
    match set(memory).build() {
        Ok(memory) => memory,
        Err(error) => unreachable!("{MEMORY_SIZE} entries are a sound size: {error}"),
    }
}

async fn close(backend: &Backend) {
    match backend {
        Backend::Valkey(valkey) => valkey.close(CLOSE_DEADLINE).await,
        Backend::UntilConnected(backend) => backend.valkey().close(CLOSE_DEADLINE).await,
        _ => {}
    }
}
