//! The in-memory backend beside a naive model, and its rules about time and size.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use tux_cache::ErrorKind;
use tux_cache::backend::{
    Backend, CacheBackend, InMemoryBackend, Json, Key, KeyFamily, KeySet, Ttl, Value,
};
use tux_cache::time::ManualTicker;
use tux_cache_test_support::json;

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

/// A TTL that a caller passes is honoured by every way of writing; where none is passed the entry gets the backend's.
#[tokio::test]
async fn a_ttl_that_is_passed_is_honoured_and_none_is_the_backend_s() {
    let (ticker, b) = backend(false);
    let entries = |ttl| (format!("{ttl:?}"), json!(1), ttl);
    let ttls = [Some(seconds(10)), Some(seconds(9_999)), None];
    b.set_many(&ttls.map(entries)).await.unwrap();
    for (guild, ttl) in (0..).step_by(10).zip(ttls) {
        let key = |n| Key::parse(&format!("prefix:{}", guild + n));
        b.set(&key(0).to_string(), 1, ttl).await.unwrap();
        b.put(key(1).as_key_ref(), json!(1), ttl).await.unwrap();
        let many = key(2);
        let entries = vec![(many.as_key_ref(), json!(1).into())];
        b.put_many(entries, ttl).await.unwrap();
        let leased = key(3);
        let lease = b.lease(leased.as_key_ref());
        let stored = b.put_leased(lease, leased.as_key_ref(), json!(1).into(), ttl);
        assert!(stored.await.unwrap());
        let leased = key(4);
        let entry = (
            b.lease(leased.as_key_ref()),
            leased.as_key_ref(),
            json!(1).into(),
        );
        assert_eq!(b.put_many_leased(vec![entry], ttl).await.unwrap(), [true]);
        let merge = |_: Option<&Value>| json!(1).into();
        b.update(key(5).as_key_ref(), ttl, merge).await.unwrap();
    }
    let left = async |at: u64| {
        let mut left = Vec::new();
        for (guild, ttl) in (0..).step_by(10).zip(ttls) {
            let batch = b.exists(&format!("{ttl:?}")).await.unwrap();
            for n in 0..6 {
                let one = b.exists(&format!("prefix:{}", guild + n)).await.unwrap();
                assert_eq!(one, batch, "{ttl:?}, way {n}, after {at} s");
            }
            left.push(batch);
        }
        left
    };
    ticker.advance(seconds(9));
    assert_eq!(left(9).await, [true, true, true]);
    ticker.advance(seconds(2));
    assert_eq!(left(11).await, [false, true, true]);
    ticker.advance(seconds(288));
    assert_eq!(left(299).await, [false, true, true]);
    ticker.advance(seconds(2));
    assert_eq!(left(301).await, [false, true, false]);
    ticker.advance(seconds(9_000));
    assert_eq!(left(9_301).await, [false, true, false]);
    ticker.advance(seconds(1_000));
    assert_eq!(left(10_301).await, [false, false, false]);
}

/// What no caller asked for gives way to the backend's TTL, and is honoured by option.
#[tokio::test]
async fn a_built_in_ttl_gives_way_unless_told_otherwise() {
    for honoured in [false, true] {
        let (ticker, b) = backend(honoured);
        let (long, none) = (Key::parse("prefix:1"), Key::parse("prefix:2"));
        let ttl = Ttl::built_in(Some(seconds(600)));
        b.put(long.as_key_ref(), json!(1), ttl).await.unwrap();
        let ttl = Ttl::built_in(None);
        b.put(none.as_key_ref(), json!(1), ttl).await.unwrap();
        for (after, expected) in [
            (299, [true, true]),
            (2, [honoured; 2]),
            (300, [false, honoured]),
        ] {
            ticker.advance(seconds(after));
            let found = [
                b.exists("prefix:1").await.unwrap(),
                b.exists("prefix:2").await.unwrap(),
            ];
            assert_eq!(found, expected, "honoured: {honoured}, {after} s later");
        }
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
    Guild(KeyFamily, u64),
    Update(String, u64),
}

/// Texts near the border between typed keys and entries of their own.
fn key() -> impl Strategy<Value = String> {
    let family = prop::sample::select(KeyFamily::ALL.map(KeyFamily::prefix).to_vec());
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
    let family = prop::sample::select(KeyFamily::ALL.to_vec());
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
