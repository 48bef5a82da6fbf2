//! A store that cannot be asked: an error for `get`, the loader for `get_or_fetch`, what was known last for
//! `get_or_stale`.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tux_cache::backend::{CacheBackend, InMemoryBackend, Json};
use tux_cache::managers::{GuildId, ManagerOptions, MaybeStale, OnOutage, UserId};
use tux_cache::{Error, ErrorKind, TypedCache};

use crate::families::Warnings;

/// Memory behind a switch.
struct Switched {
    memory: InMemoryBackend,
    away: Arc<AtomicBool>,
}

impl Switched {
    fn there(&self) -> Result<&InMemoryBackend, Error> {
        match self.away.load(Ordering::Relaxed) {
            true => Err(Error::unavailable("switched off")),
            false => Ok(&self.memory),
        }
    }
}

impl CacheBackend for Switched {
    async fn get(&self, key: &str) -> Result<Option<Json>, Error> {
        self.there()?.get(key).await
    }

    async fn set(&self, key: &str, value: Json, ttl: Option<Duration>) -> Result<(), Error> {
        self.there()?.set(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<bool, Error> {
        self.there()?.delete(key).await
    }

    async fn delete_prefix(&self, prefix: &str) -> Result<usize, Error> {
        self.there()?.delete_prefix(prefix).await
    }
}

#[tokio::test]
async fn t36_an_outage_is_an_error_and_no_miss() {
    let away = Arc::new(AtomicBool::new(false));
    let store = || Switched {
        memory: InMemoryBackend::new(Duration::from_secs(300), Some(100)),
        away: Arc::clone(&away),
    };
    let options = ManagerOptions::new().keep_stale(Duration::from_secs(600), 100);
    let warnings = TypedCache::<Warnings>::with_options(store(), options);
    let (key, other) = ((GuildId(1), UserId(2)), (GuildId(1), UserId(3)));
    warnings.set(key, 3).await.unwrap();
    assert_eq!(warnings.get(key).await.unwrap(), Some(3));
    assert_eq!(
        warnings.get_or_stale(key).await.unwrap(),
        Some(MaybeStale::Fresh(3))
    );
    away.store(true, Ordering::Relaxed);
    let error = warnings.get(key).await.unwrap_err();
    assert!(error.is_unavailable());
    let stale = warnings.get_or_stale(key).await.unwrap().unwrap();
    assert!(stale.is_stale());
    assert_eq!(stale.into_inner(), 3);
    assert!(warnings.get_or_stale(other).await.is_err(), "never known");
    let load = async || Ok::<_, Infallible>(9);
    assert_eq!(warnings.get_or_fetch(key, load).await.unwrap(), 9);
    let load = async |missing: Vec<(GuildId, UserId)>| {
        Ok::<_, Infallible>(missing.into_iter().map(|key| (key, 9)))
    };
    let found = warnings.get_or_fetch_many(&[key, other], load).await;
    assert_eq!(found.unwrap(), [Some(9), Some(9)]);
    assert!(warnings.invalidate_group(GuildId(1)).await.is_err());
    assert!(
        warnings.get_or_stale(key).await.is_err(),
        "what was to be removed is not remembered"
    );
    away.store(false, Ordering::Relaxed);
    assert_eq!(
        warnings.get(key).await.unwrap(),
        Some(3),
        "nothing was kept"
    );
    let stats = warnings.stats();
    assert_eq!((stats.published, stats.stale_answers), (0, 1));

    away.store(true, Ordering::Relaxed);
    let options = ManagerOptions::new().on_outage(OnOutage::Fail);
    let strict = TypedCache::<Warnings>::with_options(store(), options);
    let load = async || Ok::<_, Infallible>(9);
    let error = strict.get_or_fetch(key, load).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}
