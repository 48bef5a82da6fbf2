//! A store of your own under the managers: four operations are enough. This one can also be unavailable.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tux_cache::Error;
use tux_cache::backend::{Backend, CacheBackend, Json};
use tux_cache::managers::{JailStatusCache, ManagerOptions, MaybeStale};

#[derive(Clone, Default)]
struct Shelf {
    entries: Arc<Mutex<BTreeMap<String, Json>>>,
    away: Arc<AtomicBool>,
}

impl Shelf {
    fn open(&self) -> Result<std::sync::MutexGuard<'_, BTreeMap<String, Json>>, Error> {
        if self.away.load(Ordering::Relaxed) {
            return Err(Error::unavailable("the shelf is away"));
        }
        self.entries
            .lock()
            .map_err(|_| Error::unavailable("the shelf broke"))
    }
}

impl CacheBackend for Shelf {
    async fn get(&self, key: &str) -> Result<Option<Json>, Error> {
        Ok(self.open()?.get(key).cloned())
    }
    async fn set(&self, key: &str, value: Json, _ttl: Option<Duration>) -> Result<(), Error> {
        self.open()?.insert(key.to_owned(), value);
        Ok(())
    }
    async fn delete(&self, key: &str) -> Result<bool, Error> {
        Ok(self.open()?.remove(key).is_some())
    }
    async fn delete_prefix(&self, prefix: &str) -> Result<usize, Error> {
        let mut entries = self.open()?;
        let before = entries.len();
        entries.retain(|key, _| !key.starts_with(prefix));
        Ok(before - entries.len())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let shelf = Shelf::default();
    let options = ManagerOptions::new().keep_stale(Duration::from_secs(120), 5_000);
    let jails = JailStatusCache::with_options(Backend::custom(shelf.clone()), options);
    jails.set(1_u64, 2_u64, true).await?;
    println!("the store says {:?}", jails.get(1_u64, 2_u64).await?);

    // An outage is an error, never "not jailed".
    shelf.away.store(true, Ordering::Relaxed);
    if let Err(error) = jails.get(1_u64, 2_u64).await {
        println!("during an outage: {error}");
    }
    // Whoever asks for it gets what was known last, with its age.
    if let Some(MaybeStale::Stale { value, age }) = jails.get_or_stale(1_u64, 2_u64).await? {
        println!("{age:.0?} ago it was {value}");
    }
    // And the loader still answers; its value is kept nowhere.
    let load = async || Ok::<_, std::io::Error>(true);
    println!(
        "the database says {}",
        jails.get_or_fetch(1_u64, 3_u64, load).await?
    );
    Ok(())
}
