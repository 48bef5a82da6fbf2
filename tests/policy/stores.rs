//! The same over Valkey and over a user's own store. No test waits for a TTL: the server is told how long an entry has left.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tux_cache::backend::{Backend, CacheBackend, Json, ValkeyBackend, ValkeySettings};
use tux_cache::managers::{CaseCache, ManagerOptions, MaybeStale, OnOutage};
use tux_cache::{Error, Family, TypedCache};
use tux_cache_test_support::{Reply, ValkeyServer};

use crate::common::{GUILD, Origin, kept, seconds, stale, until};

async fn valkey() -> (ValkeyServer, Backend) {
    let server = ValkeyServer::start().expect("a Valkey server");
    let settings = ValkeySettings::from_url(&server.url()).expect("the server's own URL");
    let backend = ValkeyBackend::connect(settings)
        .await
        .expect("a connection");
    (server, backend.into())
}

/// The only key that the server has.
fn key(server: &ValkeyServer) -> String {
    let keys = server.command(&["KEYS", "*"]).unwrap();
    let Reply::Array(keys) = keys else {
        panic!("{keys:?}")
    };
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys[0].text().expect("a key")
}

fn calls(server: &ValkeyServer, command: &str) -> u32 {
    let stats = server.command(&["INFO", "commandstats"]).unwrap().text();
    let line = format!("cmdstat_{command}:calls=");
    let stats = stats.expect("a text");
    let calls = stats.lines().find_map(|l| l.strip_prefix(&line));
    calls.map_or(0, |calls| calls.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refresh_ahead_asks_the_server_how_long_is_left() {
    let (server, backend) = valkey().await;
    let options = ManagerOptions::new().ttl(seconds(600)).refresh_ahead(0.5);
    let cases = CaseCache::with_options(backend.clone(), options.clone());
    let origin = Origin::default();
    let ask = async |cases: &CaseCache| cases.get_or_fetch(GUILD, 1, origin.load()).await.unwrap();
    origin.says(10);
    assert_eq!(ask(&cases).await, Some(10));
    origin.says(11);
    server.command(&["CONFIG", "RESETSTAT"]).unwrap();
    assert_eq!(ask(&cases).await, Some(10));
    assert_eq!(
        (calls(&server, "get"), calls(&server, "pttl")),
        (1, 1),
        "one hit"
    );
    assert_eq!(cases.stats().refreshes, 0);
    // Another process's entry, as far as this manager knows, and most of its life is over.
    let other = CaseCache::with_options(backend.clone(), options);
    server.command(&["EXPIRE", &key(&server), "100"]).unwrap();
    assert_eq!(ask(&other).await, Some(10), "at once");
    until(async || other.get(GUILD, 1).await.unwrap() == Some(Some(11))).await;
    assert_eq!((origin.loads(), other.stats().refreshes), (2, 1));
    // Who does not use it asks for nothing more.
    let plain = CaseCache::new(backend);
    server.command(&["CONFIG", "RESETSTAT"]).unwrap();
    assert_eq!(ask(&plain).await, Some(11));
    assert_eq!((calls(&server, "get"), calls(&server, "pttl")), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_pttl_serves_all_the_same() {
    let (server, backend) = valkey().await;
    let cases = CaseCache::with_options(backend, kept().stale_on_error(seconds(60)));
    let origin = Origin::default();
    origin.says(10);
    cases
        .get_or_fetch_stale(GUILD, 1, origin.load())
        .await
        .unwrap();
    server
        .command(&["ACL", "SETUSER", "default", "-pttl"])
        .unwrap();
    let answer = cases.get_or_fetch_stale(GUILD, 1, origin.load()).await;
    assert_eq!(answer.unwrap(), MaybeStale::Fresh(Some(10)));
    assert_eq!(origin.loads(), 1);
}

/// An entry that is gone before its end was removed by somebody: another process has invalidated it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_removed_is_no_stale_answer() {
    let (server, backend) = valkey().await;
    let options = kept().stale_while_revalidating(seconds(600));
    let cases = CaseCache::with_options(backend, options);
    let origin = Origin::default();
    origin.says(10);
    cases
        .get_or_fetch_stale(GUILD, 1, origin.load())
        .await
        .unwrap();
    server.command(&["DEL", &key(&server)]).unwrap();
    origin.says(11);
    let answer = cases.get_or_fetch_stale(GUILD, 1, origin.load()).await;
    assert_eq!(answer.unwrap(), MaybeStale::Fresh(Some(11)));
}

/// T36 with the options: an outage with `OnOutage::Fail` is answered by whoever takes a stale value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t36_an_outage_is_answered_from_the_past_where_no_load_shall_be_tried() {
    let (server, backend) = valkey().await;
    let options = kept()
        .stale_on_error(seconds(600))
        .on_outage(OnOutage::Fail);
    let cases = CaseCache::with_options(backend, options);
    let origin = Origin::default();
    origin.says(10);
    cases
        .get_or_fetch_stale(GUILD, 1, origin.load())
        .await
        .unwrap();
    server.kill9();
    until(async || {
        let answer = cases.get_or_fetch_stale(GUILD, 1, origin.load()).await;
        let answer = answer.unwrap();
        assert_eq!(answer.into_inner(), Some(10));
        answer.is_stale()
    })
    .await;
    assert_eq!(origin.loads(), 1);
    assert!(cases.get_or_fetch(GUILD, 1, origin.load()).await.is_err());
}

/// A user's own store that loses entries when it is told to, and does not say how long they have left.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<BTreeMap<String, Json>>>);

impl CacheBackend for Shelf {
    async fn get(&self, key: &str) -> Result<Option<Json>, Error> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }
    async fn set(&self, key: &str, value: Json, _: Option<Duration>) -> Result<(), Error> {
        self.0.lock().unwrap().insert(key.to_owned(), value);
        Ok(())
    }
    async fn delete(&self, key: &str) -> Result<bool, Error> {
        Ok(self.0.lock().unwrap().remove(key).is_some())
    }
    async fn delete_prefix(&self, prefix: &str) -> Result<usize, Error> {
        let mut shelf = self.0.lock().unwrap();
        let before = shelf.len();
        shelf.retain(|key, _| !key.starts_with(prefix));
        Ok(before - shelf.len())
    }
}

/// An application's own family has all of it.
struct Warnings;

impl Family for Warnings {
    type Key<'k> = u64;
    type Value = Option<u64>;
    const NAME: &'static str = "warnings of the policy tests";
    const PREFIX: &'static str = "policy_warn";
    const TTL: Option<Duration> = Some(Duration::from_millis(1));

    fn is_absent(value: &Option<u64>) -> bool {
        value.is_none()
    }
}

#[tokio::test]
async fn over_a_users_own_store_what_this_process_loaded_is_known() {
    let shelf = Shelf::default();
    let options = ManagerOptions::new()
        .keep_stale(seconds(600), 100)
        .stale_on_error(seconds(600));
    let warnings = TypedCache::<Warnings>::with_options(Backend::custom(shelf.clone()), options);
    let origin = Origin::default();
    origin.says(10);
    let ask = async || warnings.get_or_fetch_stale(1, origin.load()).await;
    assert_eq!(ask().await.unwrap(), MaybeStale::Fresh(Some(10)));
    assert_eq!(ask().await.unwrap(), MaybeStale::Fresh(Some(10)));
    // Its life of a millisecond is over as soon as the clock says so; then the store drops it.
    origin.fails();
    until(async || {
        shelf.0.lock().unwrap().clear();
        let answer = ask().await;
        if answer.is_err() {
            // Gone before its end: forgotten. Once more from the start.
            origin.says(10);
            ask().await.unwrap();
            origin.fails();
            return false;
        }
        stale(answer) == Some(Some(10))
    })
    .await;
    assert!(!warnings.invalidate(1).await.unwrap());
    assert!(ask().await.is_err(), "removed");
}

#[tokio::test]
async fn a_family_of_ones_own_takes_every_call() {
    let warnings = TypedCache::<Warnings>::in_memory();
    let options = tux_cache::managers::FetchOptions::new().ttl(seconds(60));
    let load = async || Ok::<_, io::Error>(Some(1));
    let loaded = warnings.get_or_fetch_with(7, &options, load).await;
    assert_eq!(loaded.unwrap(), MaybeStale::Fresh(Some(1)));
    let load = async |old: Option<Option<u64>>| Ok::<_, io::Error>(old.unwrap_or(Some(2)));
    assert_eq!(
        warnings.get_or_fetch_refreshing(7, load).await.unwrap(),
        Some(1)
    );
    let wrong = ManagerOptions::new().refresh_ahead(3.0);
    let memory = tux_cache::backend::InMemoryBackend::new(seconds(60), Some(10));
    let error = TypedCache::<Warnings>::try_with_options(memory, wrong).unwrap_err();
    assert!(
        error.to_string().contains("warnings of the policy tests"),
        "{error}"
    );
}

/// What lives shorter than its family is due by its own life: hits of it do not start one load after another.
#[tokio::test]
async fn a_short_life_is_not_due_at_once() {
    let (_server, backend) = valkey().await;
    let options = ManagerOptions::new()
        .ttl(seconds(600))
        .absent_ttl(seconds(100))
        .refresh_ahead(0.8);
    let cases = CaseCache::try_with_options(backend, options).unwrap();
    let loads = Arc::new(AtomicU32::new(0));
    for _ in 0..20 {
        let loads = Arc::clone(&loads);
        let none = async move || {
            loads.fetch_add(1, Ordering::SeqCst);
            Ok::<_, std::io::Error>(None)
        };
        assert_eq!(cases.get_or_fetch(GUILD, 1, none).await.unwrap(), None);
    }
    // Counted by the hit that begins it.
    assert_eq!(cases.stats().refreshes, 0);
    assert_eq!(loads.load(Ordering::SeqCst), 1);
}
