//! The stores that every manager is checked on.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tux_cache::Error;
use tux_cache::backend::{
    Backend, CacheBackend, InMemoryBackend, Json, ValkeyBackend, ValkeySettings,
};
use tux_cache_test_support::ValkeyServer;

pub(crate) fn memory() -> Backend {
    InMemoryBackend::new(Duration::from_secs(300), Some(100_000)).into()
}

pub(crate) async fn connect(url: &str) -> Backend {
    let settings = ValkeySettings::from_url(url).expect("the server's own URL");
    let backend = ValkeyBackend::connect(settings).await;
    backend.expect("a connection").into()
}

pub(crate) async fn valkey() -> (ValkeyServer, Backend) {
    let server = ValkeyServer::start().expect("a Valkey server");
    let backend = connect(&server.url()).await;
    (server, backend)
}

/// A user's own store: a map that yields in the middle of every operation, as a socket would.
#[derive(Default)]
struct Shelf(Mutex<BTreeMap<String, Json>>);

pub(crate) fn user_defined() -> Backend {
    Backend::custom(Shelf::default())
}

impl CacheBackend for Shelf {
    async fn get(&self, key: &str) -> Result<Option<Json>, Error> {
        tokio::task::yield_now().await;
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    async fn set(&self, key: &str, value: Json, ttl: Option<Duration>) -> Result<(), Error> {
        tokio::task::yield_now().await;
        let mut shelf = self.0.lock().unwrap();
        match ttl {
            Some(Duration::ZERO) => shelf.remove(key),
            _ => shelf.insert(key.to_owned(), value),
        };
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<bool, Error> {
        tokio::task::yield_now().await;
        Ok(self.0.lock().unwrap().remove(key).is_some())
    }

    async fn delete_prefix(&self, prefix: &str) -> Result<usize, Error> {
        tokio::task::yield_now().await;
        let mut shelf = self.0.lock().unwrap();
        let before = shelf.len();
        shelf.retain(|key, _| !key.starts_with(prefix));
        Ok(before - shelf.len())
    }
}
