//! Loads that race invalidations over a slow wire (T1, T2, T6).

use std::time::Duration;

use tux_cache::backend::{Backend, Json, KeyRef, Value};
use tux_cache_test_support::json;
use tux_cache_test_support::{Fault, FaultProxy};

use crate::common::*;

const KEY: KeyRef<'static> = KeyRef::JailStatus { guild: 1, user: 2 };

fn stale() -> Value {
    Value::from_json(json!("stale"))
}

/// An invalidation that starts while the leased SET is on its way: whatever their order at the server,
/// the stale value does not stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t02_a_load_overtaken_on_the_wire_is_taken_back() {
    let server = server();
    let proxy = FaultProxy::start(&server).unwrap();
    let b = backend(&proxy.url("valkey")).await;
    proxy.set(Fault::Delay(Duration::from_millis(20)));
    for pause in [0, 1, 5, 10, 20, 30, 40, 50] {
        let lease = b.lease(KEY);
        let publisher = {
            let b = b.clone();
            tokio::spawn(async move { b.put_leased(lease, KEY, stale(), None).await.unwrap() })
        };
        tokio::time::sleep(Duration::from_millis(pause)).await;
        b.remove(KEY).await.unwrap();
        let published = publisher.await.unwrap();
        let found = b.get_as::<Json>(KEY).await.unwrap();
        assert_eq!(found, None, "pause {pause} ms, published {published}");
    }
}

/// An invalidation that is sent after the lease was checked and before the SET is: on the wire the SET comes
/// last, so only the second check, after its reply, can tell. Many entries widen the gap between the two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t02_an_invalidation_between_check_and_send_is_seen() {
    let server = server();
    let b = backend(&server.url()).await;
    let mut overtaken = 0;
    for round in 0..300 {
        let keys: Vec<KeyRef<'static>> = (0..1_000)
            .map(|user| KeyRef::JailStatus { guild: round, user })
            .collect();
        let entries = keys
            .iter()
            .map(|key| (b.lease(*key), *key, stale()))
            .collect();
        let (first, other) = (keys[0], b.clone());
        let invalidation = tokio::spawn(async move {
            for _ in 0..round % 50 * 20 {
                std::hint::spin_loop();
            }
            other.remove(first).await.unwrap();
        });
        let published = b.put_many_leased(entries, None).await.unwrap();
        invalidation.await.unwrap();
        overtaken += u32::from(!published[0]);
        assert_eq!(
            b.get_as::<Json>(first).await.unwrap(),
            None,
            "round {round}"
        );
    }
    assert!(
        overtaken > 0,
        "no load was ever overtaken: the test shows nothing"
    );
}

/// The outcome of the SET is unknown: it is taken back once the server answers again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t02_a_publication_that_timed_out_does_not_stay() {
    let server = server();
    let proxy = FaultProxy::start(&server).unwrap();
    let b = backend(&proxy.url("valkey")).await;
    let lease = b.lease(KEY);
    proxy.set(Fault::Delay(TIMEOUT * 2));
    let error = b.put_leased(lease, KEY, stale(), None).await.unwrap_err();
    assert!(error.is_unavailable());
    proxy.set(Fault::Pass);
    until(
        "the value is gone for good",
        Duration::from_secs(4),
        async || b.stats().retries_done > 0 && raw(&server, "tux:jail_status:1:2").is_none(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t02_a_publication_whose_future_is_dropped_does_not_stay() {
    let server = server();
    let proxy = FaultProxy::start(&server).unwrap();
    let b = backend(&proxy.url("valkey")).await;
    proxy.set(Fault::Delay(Duration::from_millis(100)));
    let lease = b.lease(KEY);
    let publishing = b.put_leased(lease, KEY, stale(), None);
    assert!(
        tokio::time::timeout(Duration::from_millis(20), publishing)
            .await
            .is_err()
    );
    proxy.set(Fault::Pass);
    until("the value is gone", Duration::from_secs(4), async || {
        b.stats().retries_done > 0 && raw(&server, "tux:jail_status:1:2").is_none()
    })
    .await;
}

/// Two processes update one key; each only compares the whole old text (T39).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t39_updates_of_two_connections_are_all_kept() {
    let server = server();
    let (one, two) = (backend(&server.url()).await, backend(&server.url()).await);
    let key = KeyRef::GuildConfig { guild: 1 };
    let tasks: Vec<_> = (0..64)
        .map(|i| {
            let b: Backend = if i % 2 == 0 { one.clone() } else { two.clone() };
            tokio::spawn(async move {
                b.update(key, Some(Duration::from_secs(60)), |old| {
                    let mut json = old.map_or_else(|| json!({}), Value::to_json);
                    json.as_object_mut().unwrap().insert(format!("f{i}"), i);
                    json.into()
                })
                .await
                .unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let stored = one.get("guild_config:1").await.unwrap().unwrap();
    assert_eq!(stored.as_object().unwrap().len(), 64, "an update was lost");
    // The scripts survive that the server forgets them.
    server.command(&["SCRIPT", "FLUSH"]).unwrap();
    one.update(key, None, |_| json!({}).into()).await.unwrap();
}
