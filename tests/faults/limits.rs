//! Values that others wrote and nobody wants: too large, or JSON that is cut off.

use std::time::Duration;

use tux_cache::ErrorKind;
use tux_cache::backend::{Backend, CacheBackend, Json, KeyRef, ValkeyBackend, Value};
use tux_cache::managers::PrefixCache;

use crate::common::*;

const PREFIX: KeyRef<'static> = KeyRef::Prefix { guild: 1 };
const KEY: &[u8] = b"tux:prefix:1";
const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn a_value_above_the_limit_is_neither_decoded_nor_written() {
    let server = server();
    let valkey = ValkeyBackend::connect(settings(&server.url()))
        .await
        .unwrap();
    let b = Backend::from(valkey.clone());
    let prefixes = PrefixCache::new(b.clone());
    let numbers = format!("[{}1]", "1,".repeat(5_000_000));
    let quoted = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    let mut counted = 0;
    for (text, fits) in [
        (quoted(MIB), true),
        (quoted(MIB + 1), false),
        ("x".repeat(MIB + 1), false),
        (numbers, false),
        // The short way to a command's rule has the same limit.
        (format!("{{\"_v\": null}}{}", " ".repeat(MIB)), false),
    ] {
        server.command(&[b"SET", KEY, text.as_bytes()]).unwrap();
        assert_eq!(b.get("prefix:1").await.unwrap().is_some(), fits);
        assert_eq!(b.get_as::<Json>(PREFIX).await.unwrap().is_some(), fits);
        assert_eq!(b.get_many(&["prefix:1"]).await.unwrap()[0].is_some(), fits);
        assert_eq!(prefixes.get(1_u64).await.unwrap().is_some(), fits);
        counted += if fits { 0 } else { 4 };
        assert_eq!(b.stats().undecodable, counted);
    }
    // What is there is no base of an update, and none stands in its way.
    b.update(PREFIX, None, |old| {
        assert_eq!(old.map(Value::to_json), Some(Json::Null));
        Json::from("!").into()
    })
    .await
    .unwrap();
    assert_eq!(prefixes.get(1_u64).await.unwrap().as_deref(), Some("!"));

    let long = "x".repeat(MIB);
    for error in [
        b.set("k", long.as_str(), None).await.unwrap_err(),
        prefixes.set(1_u64, long.as_str()).await.unwrap_err(),
        CacheBackend::compare_and_set(&valkey, "k", None, Json::from(long.as_str()), None)
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().contains("1048576 bytes"), "{error:.200}");
    }
    assert_eq!(prefixes.get(1_u64).await.unwrap().as_deref(), Some("!"));
}

#[tokio::test]
async fn a_value_above_the_limit_is_not_ours_to_remove() {
    let server = server();
    let settings = settings(&server.url())
        .undecodable(tux_cache::backend::Undecodable::DeleteAndMiss)
        .max_value_bytes(10);
    let b = Backend::from(ValkeyBackend::connect(settings).await.unwrap());
    server.command(&["SET", "tux:k", "\"123456789\""]).unwrap();
    assert_eq!(b.get("k").await.unwrap(), None);
    assert!(raw(&server, "tux:k").is_some());
}

/// A text that is no JSON is a string, as the guide has it. As a prefix it is one only if nobody can have meant JSON.
#[tokio::test]
async fn json_that_is_cut_off_is_no_prefix() {
    let server = server();
    let b = backend(&server.url()).await;
    let prefixes = PrefixCache::new(b.clone());
    let mut counted = 0;
    for (text, prefix) in [
        (r#""\ud83d""#, None),
        ("\u{feff}\"!\"", None),
        ("\u{feff}!", None),
        ("\"!", None),
        (" \"!", None),
        ("{", None),
        ("[\"!\"", None),
        ("\"!\"", Some("!")),
        ("!", Some("!")),
        ("-", Some("-")),
        ("tux ", Some("tux ")),
        ("é\"", Some("é\"")),
    ] {
        server.command(&[b"SET", KEY, text.as_bytes()]).unwrap();
        let found = prefixes.get(1_u64).await.unwrap();
        assert_eq!(found.as_deref(), prefix, "{text:?}");
        counted += u64::from(prefix.is_none());
        assert_eq!(b.stats().undecodable, counted, "{text:?}");
        let string = prefix.unwrap_or(text);
        assert_eq!(b.get("prefix:1").await.unwrap().unwrap(), string);
    }
}

#[tokio::test]
async fn memory_has_the_same_limit() {
    let memory = tux_cache::backend::InMemoryBackend::new(Duration::from_secs(300), Some(10));
    let b = Backend::from(memory);
    let prefixes = PrefixCache::new(b.clone());
    let longest = "x".repeat(MIB - 2);
    b.set("k", longest.as_str(), None).await.unwrap();
    prefixes.set(1_u64, longest.as_str()).await.unwrap();
    let numbers = Json::from(vec![1; MIB / 3 + 1]);
    let lease = b.lease(PREFIX);
    let long = Value::from_json(Json::from("x".repeat(MIB - 1)));
    for error in [
        b.set("k", format!("{longest}x"), None).await.unwrap_err(),
        b.set("k", numbers, None).await.unwrap_err(),
        prefixes
            .set(1_u64, format!("{longest}x"))
            .await
            .unwrap_err(),
        // Six bytes on the wire each.
        prefixes
            .set(1_u64, "é".repeat(MIB / 6 + 1))
            .await
            .unwrap_err(),
        b.put_leased(lease, PREFIX, long.clone(), None)
            .await
            .unwrap_err(),
        b.update(PREFIX, None, |_| long.clone()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().contains("1048576 bytes"), "{error:.200}");
    }
    assert_eq!(b.get("k").await.unwrap().unwrap(), longest);
    assert_eq!(
        prefixes.get(1_u64).await.unwrap().as_deref(),
        Some(longest.as_str())
    );
}
