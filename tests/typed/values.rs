//! Values: Rust's own, serde's, and what a family says about them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tux_cache::backend::{Backend, CacheValue, InMemoryBackend, Json};
use tux_cache::managers::{GuildId, ManagerOptions};
use tux_cache::time::ManualTicker;
use tux_cache::{ErrorKind, Family, TypedCache, cache_value};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Profile {
    name: String,
    id: u64,
    #[serde(default)]
    nick: Option<String>,
    marks: BTreeMap<u8, f64>,
}

cache_value!(Profile);

fn profile() -> Profile {
    Profile {
        name: "ada \"é\"".into(),
        id: 1_234_567_890_123_456_789,
        nick: None,
        marks: BTreeMap::from([(1, 0.5), (2, 3.0)]),
    }
}

macro_rules! families {
    ($($name:ident($prefix:literal): $value:ty;)*) => {$(
        struct $name;

        impl Family for $name {
            type Key<'k> = u64;
            type Value = $value;
            const NAME: &'static str = stringify!($name);
            const PREFIX: &'static str = $prefix;
        }
    )*};
}

families! {
    Flags("value:flag"): bool;
    Bytes("value:u8"): u8;
    Signed("value:i64"): i64;
    Floats("value:f64"): f64;
    Texts("value:text"): String;
    Shared("value:shared"): Arc<str>;
    Absent("value:option"): Option<u64>;
    Lists("value:list"): Vec<String>;
    Profiles("value:profile"): Profile;
    Cheap("value:cheap"): Arc<Profile>;
    Raw("value:json"): Json;
}

async fn comes_back<F>(backend: &Backend, values: Vec<F::Value>)
where
    F: for<'k> Family<Key<'k> = u64>,
    F::Value: PartialEq + std::fmt::Debug,
{
    let cache = TypedCache::<F>::new(backend.clone());
    for (value, key) in values.into_iter().zip(0..) {
        cache.set(key, value.clone()).await.unwrap();
        assert_eq!(cache.get(key).await.unwrap().as_ref(), Some(&value));
        // By its text it is JSON, and JSON that was written by its text is such a value.
        let text = format!("{}:{key}", F::PREFIX);
        let json = backend.get(&text).await.unwrap().unwrap();
        assert_eq!(json, value.to_json());
        backend.set(&text, json, None).await.unwrap();
        assert_eq!(cache.get(key).await.unwrap(), Some(value));
    }
}

pub(crate) async fn every_kind_of_value_comes_back(backend: &Backend) {
    comes_back::<Flags>(backend, vec![true, false]).await;
    comes_back::<Bytes>(backend, vec![0, 255]).await;
    comes_back::<Signed>(backend, vec![i64::MIN, -1, 0, i64::MAX]).await;
    comes_back::<Floats>(backend, vec![0.0, -1.5, 1e300]).await;
    let texts = ["", "null", "1", "\"", "é\n"];
    comes_back::<Texts>(backend, texts.map(String::from).to_vec()).await;
    comes_back::<Shared>(backend, texts.map(Arc::from).to_vec()).await;
    comes_back::<Absent>(backend, vec![None, Some(u64::MAX)]).await;
    comes_back::<Lists>(backend, vec![vec![], texts.map(String::from).to_vec()]).await;
    comes_back::<Profiles>(backend, vec![profile()]).await;
    comes_back::<Cheap>(backend, vec![Arc::new(profile())]).await;
    comes_back::<Raw>(backend, vec![Json::Null, Json::from(1)]).await;
}

pub(crate) async fn t33_a_wrong_shape_is_a_counted_miss(backend: &Backend) {
    let profiles = TypedCache::<Profiles>::new(backend.clone());
    backend
        .set("value:profile:1", "no profile", None)
        .await
        .unwrap();
    assert_eq!(profiles.get(1).await.unwrap(), None);
    assert_eq!(profiles.get(2).await.unwrap(), None);
    let stats = profiles.stats();
    assert_eq!((stats.misses, stats.undecodable), (2, 1));
    assert_eq!(profiles.get_many(&[1, 2]).await.unwrap(), [None, None]);
    assert_eq!(profiles.stats().undecodable, 2);
    let load = async || Ok::<_, Infallible>(profile());
    assert_eq!(profiles.get_or_fetch(1, load).await.unwrap(), profile());
    assert_eq!(profiles.get(1).await.unwrap(), Some(profile()));
    // A number that is too large for its type is a wrong shape, not another number.
    let bytes = TypedCache::<Bytes>::new(backend.clone());
    backend.set("value:u8:1", 256, None).await.unwrap();
    assert_eq!(bytes.get(1).await.unwrap(), None);
    let written = bytes.update(1, |old| old.map_or(7, |_| 8)).await.unwrap();
    assert_eq!(written, 7, "what is wrong is nothing to build on");
    assert_eq!(bytes.get(1).await.unwrap(), Some(7));
}

/// Percentages, of which negative numbers stand for "a part of it is known".
struct Shares;

impl Family for Shares {
    type Key<'k> = GuildId;
    type Value = i32;
    const NAME: &'static str = "shares";
    const PREFIX: &'static str = "value:share";

    fn is_whole(value: &i32) -> bool {
        *value >= 0
    }

    fn check(value: &i32) -> Result<(), String> {
        match value {
            ..=100 => Ok(()),
            _ => Err(format!("{value} is no share; a share is at most 100")),
        }
    }

    fn merge_previous(value: i32, previous: Option<&i32>) -> i32 {
        match previous {
            Some(previous @ ..0) => value - previous,
            _ => value,
        }
    }
}

pub(crate) async fn a_value_that_is_refused_is_not_written(backend: &Backend) {
    let shares = TypedCache::<Shares>::new(backend.clone());
    let guild = GuildId(1);
    shares.set(guild, 50).await.unwrap();
    for error in [
        shares.set(guild, 101).await.unwrap_err(),
        shares.update(guild, |_| 101).await.unwrap_err(),
        shares
            .set_many([(GuildId(2), 1), (guild, 101)])
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Config);
        let text = error.to_string();
        assert!(text.contains("value:share:1: 101 is no share"), "{text}");
    }
    assert_eq!(shares.get(guild).await.unwrap(), Some(50));
    assert_eq!(shares.get(GuildId(2)).await.unwrap(), None);
    // A loaded one is for its callers alone.
    let load = async || Ok::<_, Infallible>(102);
    assert_eq!(shares.get_or_fetch(GuildId(3), load).await.unwrap(), 102);
    assert_eq!(shares.get(GuildId(3)).await.unwrap(), None);
    assert_eq!(shares.stats().publish_errors, 1);
}

pub(crate) async fn a_part_of_a_value_is_no_answer_for_a_load(backend: &Backend) {
    let shares = TypedCache::<Shares>::new(backend.clone());
    let guild = GuildId(1);
    shares.set(guild, -5).await.unwrap();
    assert_eq!(shares.get(guild).await.unwrap(), Some(-5));
    let load = async || Ok::<_, Infallible>(40);
    assert_eq!(shares.get_or_fetch(guild, load).await.unwrap(), 45);
    assert_eq!(shares.get(guild).await.unwrap(), Some(45));
}

pub(crate) async fn many_are_written_at_once(backend: &Backend) {
    let lists = TypedCache::<Absent>::new(backend.clone());
    let entries = (0..2_500).map(|key| (key, Some(key)));
    lists.set_many(entries).await.unwrap();
    let keys: Vec<u64> = (0..2_501).collect();
    let found = lists.get_many(&keys).await.unwrap();
    assert_eq!(found.iter().flatten().count(), 2_500);
    assert_eq!(found[2_499], Some(Some(2_499)));
    assert_eq!(lists.stats().sets, 2_500);
}

/// What it is to say a TTL, in memory: the family's where memory lets it, what is asked for always.
#[tokio::test]
async fn a_family_has_a_ttl_and_options_go_before_it() {
    struct Short;
    impl Family for Short {
        type Key<'k> = u64;
        type Value = u8;
        const NAME: &'static str = "short";
        const PREFIX: &'static str = "value:short";
        const TTL: Option<Duration> = Some(Duration::from_secs(60));
    }
    let ticker = ManualTicker::new();
    let memory = InMemoryBackend::builder()
        .max_size(100)
        .per_entry_ttl(true)
        .ticker(ticker.clone())
        .build()
        .unwrap();
    let own = TypedCache::<Short>::new(memory.clone());
    let options = ManagerOptions::new().ttl(Duration::from_secs(600));
    let asked = TypedCache::<Short>::with_options(memory, options);
    own.set(1, 1).await.unwrap();
    asked.set(2, 2).await.unwrap();
    ticker.advance(Duration::from_secs(61));
    assert_eq!(own.get_many(&[1, 2]).await.unwrap(), [None, Some(2)]);
    ticker.advance(Duration::from_secs(600));
    assert_eq!(own.get_many(&[1, 2]).await.unwrap(), [None, None]);
}

#[test]
fn json_is_made_of_and_into_serdes_types() {
    let json = Json::serialize(&profile()).unwrap();
    assert_eq!(json["id"], 1_234_567_890_123_456_789_u64);
    assert_eq!(json.deserialize::<Profile>().unwrap(), profile());
    assert_eq!(
        Json::serialize(&u128::MAX).unwrap().to_string(),
        u128::MAX.to_string()
    );
    let secret = Json::from("a secret");
    let error = secret.deserialize::<Profile>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
    assert!(!error.to_string().contains("secret"), "{error}");
    let unwritable = BTreeMap::from([(vec![1], 1)]);
    assert_eq!(
        Json::serialize(&unwritable).unwrap_err().kind(),
        ErrorKind::Codec
    );
}
