//! The in-memory backend beside a naive model, and its rules about time and size.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tux_cache::ErrorKind;
use tux_cache::backend::{
    Backend, CacheBackend, Family, InMemoryBackend, Json, Key, KeySet, Value,
};
use tux_cache::time::ManualTicker;

fn backend(per_entry_ttl: bool) -> (ManualTicker, Backend) {
    let ticker = ManualTicker::new();
    let backend = InMemoryBackend::builder()
        .default_ttl(Duration::from_secs(300))
        .max_size(10_000)
        .ticker(ticker.clone())
        .build()
        .expect("good settings")
        .per_entry_ttl(per_entry_ttl);
    (ticker, backend.into())
}

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The guide's rule: every entry gets the backend's TTL, whatever the call says.
#[tokio::test]
async fn a_per_call_ttl_is_ignored_by_default() {
    let (ticker, b) = backend(false);
    for (key, ttl) in [
        ("short", Some(seconds(1))),
        ("long", Some(seconds(9_999))),
        ("none", None),
    ] {
        b.set(key, 1, ttl).await.unwrap();
    }
    ticker.advance(seconds(299));
    for key in ["short", "long", "none"] {
        assert!(b.exists(key).await.unwrap(), "{key} expired early");
    }
    ticker.advance(seconds(2));
    for key in ["short", "long", "none"] {
        assert_eq!(
            b.get(key).await.unwrap(),
            None,
            "{key} outlived the backend's TTL"
        );
    }
}

#[tokio::test]
async fn a_per_entry_ttl_is_honoured_by_option() {
    let (ticker, b) = backend(true);
    b.set("short", 1, Some(seconds(10))).await.unwrap();
    b.set("long", 1, Some(seconds(1_000))).await.unwrap();
    b.set("none", 1, None).await.unwrap();
    let key = Key::parse("prefix:1");
    let key = key.as_key_ref();
    b.put(key, json!("!"), Some(seconds(10))).await.unwrap();
    let leased = Key::parse("prefix:2");
    let leased = leased.as_key_ref();
    let lease = b.lease(leased);
    assert!(
        b.put_leased(lease, leased, json!("?").into(), Some(seconds(10)))
            .await
            .unwrap()
    );
    ticker.advance(seconds(11));
    assert_eq!(b.get("short").await.unwrap(), None);
    assert_eq!(b.get_as::<Json>(key).await.unwrap(), None);
    assert_eq!(b.get_as::<Json>(leased).await.unwrap(), None);
    ticker.advance(seconds(900));
    assert!(b.exists("long").await.unwrap());
    ticker.advance(seconds(10_000_000));
    assert_eq!(b.get("long").await.unwrap(), None);
    assert!(b.exists("none").await.unwrap(), "no TTL means no expiry");
}

#[tokio::test]
async fn eviction_is_global_and_the_bound_holds() {
    let memory = InMemoryBackend::new(seconds(300), Some(100));
    for i in 0..10_000 {
        let key = format!("jail_status:{}:{i}", i % 7);
        CacheBackend::set(&memory, &key, json!(true), None)
            .await
            .unwrap();
        assert!(memory.len() <= 100);
    }
    assert_eq!(memory.len(), 100);
    assert_eq!(memory.cache_stats().evictions, 9_900);
}

#[tokio::test]
async fn t32_a_value_over_the_limit_is_refused() {
    let memory = InMemoryBackend::builder()
        .max_value_bytes(10)
        .build()
        .unwrap();
    let b = Backend::from(memory);
    b.set("k", "12345678", None).await.unwrap();
    let error = b.set("k", "123456789", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(b.get("k").await.unwrap(), Some(json!("12345678")));
}

#[test]
fn clones_share_entries_and_an_absurd_size_is_an_error() {
    let memory = InMemoryBackend::new(seconds(300), None);
    let clone = memory.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime
        .block_on(CacheBackend::set(&memory, "k", json!(1), None))
        .unwrap();
    assert_eq!(clone.len(), 1);
    clone.clear();
    assert!(memory.is_empty());
    let error = InMemoryBackend::builder()
        .max_size(usize::MAX)
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[derive(Clone, Debug)]
enum Op {
    Set(String, Json),
    SetTyped(String, Json),
    Get(String),
    Delete(String),
    Prefix(String),
    Guild(Family, u64),
    Update(String, u64),
}

/// Texts near the border between typed keys and entries of their own.
fn key() -> impl Strategy<Value = String> {
    let family = prop::sample::select(Family::ALL.map(Family::prefix).to_vec());
    let id = prop::sample::select(vec!["1", "2", "01", "12", "", "18446744073709551616"]);
    let tail = prop::sample::select(vec![
        "",
        ":2",
        ":02",
        ":2:(5,)",
        ":2:(5, 9)",
        ":2:(9, 5)",
        ":ban",
        ":ban add",
        ":",
    ]);
    prop_oneof![
        8 => (family, id, tail).prop_map(|(f, i, t)| format!("{f}{i}{t}")),
        1 => "[a-c]{0,2}",
        1 => "tux:[a-c]",
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let value = prop::sample::select(vec![
        json!(true),
        json!("true"),
        json!(1),
        json!(1.0),
        json!(null),
        json!({"b": 1, "a": []}),
    ]);
    let family = prop::sample::select(Family::ALL.to_vec());
    prop_oneof![
        3 => (key(), value.clone()).prop_map(|(k, v)| Op::Set(k, v)),
        3 => (key(), value).prop_map(|(k, v)| Op::SetTyped(k, v)),
        4 => key().prop_map(Op::Get),
        1 => key().prop_map(Op::Delete),
        1 => (key(), 0usize..12).prop_map(|(k, n)| Op::Prefix(k.chars().take(n).collect())),
        1 => (family, 1u64..3).prop_map(|(f, g)| Op::Guild(f, g)),
        1 => (key(), any::<u64>()).prop_map(|(k, n)| Op::Update(k, n)),
    ]
}

/// The text under which the model keeps a key.
fn plain(key: &str) -> &str {
    key.strip_prefix("tux:").unwrap_or(key)
}

async fn run(b: &Backend, model: &mut BTreeMap<String, Json>, op: Op) {
    let remove = |model: &mut BTreeMap<String, Json>, prefix: &str| {
        let before = model.len();
        model.retain(|key, _| !key.starts_with(prefix));
        before - model.len()
    };
    match op {
        Op::Set(key, value) => {
            b.set(&key, value.clone(), None).await.unwrap();
            model.insert(plain(&key).into(), value);
        }
        Op::SetTyped(key, value) => {
            let parsed = Key::parse(&key);
            b.put(parsed.as_key_ref(), value.clone(), None)
                .await
                .unwrap();
            model.insert(plain(&key).into(), value);
        }
        Op::Get(key) => {
            let expected = model.get(plain(&key)).cloned();
            assert_eq!(b.get(&key).await.unwrap(), expected, "{key:?}");
            let parsed = Key::parse(&key);
            assert_eq!(
                b.get_as::<Json>(parsed.as_key_ref()).await.unwrap(),
                expected,
                "{key:?}"
            );
            assert_eq!(b.exists(&key).await.unwrap(), expected.is_some());
        }
        Op::Delete(key) => {
            let went = model.remove(plain(&key)).is_some();
            assert_eq!(b.delete(&key).await.unwrap(), went, "{key:?}");
        }
        Op::Prefix(prefix) => {
            let went = remove(model, plain(&prefix));
            assert_eq!(b.delete_prefix(&prefix).await.unwrap(), went, "{prefix:?}");
        }
        Op::Guild(family, guild) => {
            let head = format!("{}{guild}", family.prefix());
            let went = if family.is_one_per_guild() {
                usize::from(model.remove(&head).is_some())
            } else {
                remove(model, &format!("{head}:"))
            };
            let set = KeySet::Guild(family, guild);
            assert_eq!(
                b.remove_set(&set).await.unwrap(),
                went,
                "{family:?} {guild}"
            );
        }
        Op::Update(key, n) => {
            let parsed = Key::parse(&key);
            let expected = model.get(plain(&key)).cloned();
            b.update(parsed.as_key_ref(), None, |old| {
                assert_eq!(old.map(Value::to_json), expected);
                json!(n).into()
            })
            .await
            .unwrap();
            model.insert(plain(&key).into(), json!(n));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn text_and_typed_operations_agree_with_a_map(ops in prop::collection::vec(op(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (_ticker, b) = backend(false);
        let mut model = BTreeMap::new();
        for op in ops {
            runtime.block_on(run(&b, &mut model, op));
        }
    }
}
