//! Many removals that wait: one pass for all, and nobody reads what is owed meanwhile.

use std::time::{Duration, Instant};

use tux_cache::backend::{
    Backend, CacheBackend, Json, KeyFamily, KeyRef, KeySet, ValkeyBackend, Value,
};
use tux_cache_test_support::json;
use tux_cache_test_support::{Fault, FaultProxy, Reply, ValkeyServer};

use crate::common::*;
use crate::removals::lost;

/// With a response timeout that a busy machine keeps.
async fn patient(proxy: &FaultProxy) -> ValkeyBackend {
    let settings = settings(&proxy.url("valkey")).response_timeout(Duration::from_secs(5));
    ValkeyBackend::connect(settings).await.unwrap()
}

fn populate(server: &ValkeyServer, keys: usize, prefix: &str) {
    let count = keys.to_string();
    let reply = server
        .command(&["DEBUG", "POPULATE", &count, prefix, "10"])
        .unwrap();
    assert!(!matches!(reply, Reply::Error(_)), "{reply:?}");
}

/// While a pass is under way: misses for what it is to remove, in every kind of read; writes go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_its_pass_is_read_as_missing() {
    let server = server();
    populate(&server, 40_000, "tux:other");
    let proxy = FaultProxy::start(&server).unwrap();
    let valkey = patient(&proxy).await;
    let b = Backend::from(valkey.clone());
    let jails = |guild: u64| (0..3).map(move |user| KeyRef::JailStatus { guild, user });
    for guild in 0..100 {
        for key in jails(guild) {
            b.put(key, json!(true), None).await.unwrap();
        }
    }
    b.set("keep", 1, None).await.unwrap();
    lost(&proxy, &valkey).await;
    for guild in 0..100 {
        b.remove_set(&KeySet::Guild(KeyFamily::JailStatus, guild))
            .await
            .unwrap_err();
    }
    let scans = calls(&server, "scan");
    proxy.set(Fault::Delay(Duration::from_millis(20)));
    let took = until("an answer", Duration::from_secs(1), async || {
        b.get("keep")
            .await
            .is_ok_and(|found| found == Some(json!(1)))
    })
    .await;
    println!("first answer {took:?} after the server's return");
    assert!(valkey.is_connected());
    assert_eq!(
        valkey.stats().retries_pending,
        100,
        "the pass is over already"
    );
    let key = KeyRef::JailStatus { guild: 50, user: 1 };
    let text = "jail_status:50:1";
    assert_eq!(b.get_as::<Json>(key).await.unwrap(), None);
    assert_eq!(b.get(text).await.unwrap(), None);
    assert!(!b.exists(text).await.unwrap());
    assert_eq!(
        b.get_many(&[text, "keep"]).await.unwrap(),
        [None, Some(json!(1))]
    );
    let fill = b
        .put_leased(b.lease(key), key, json!(true).into(), None)
        .await;
    assert!(!fill.unwrap(), "published before its pass was over");
    let seen = std::sync::Mutex::new(Vec::new());
    let other = KeyRef::JailStatus { guild: 51, user: 1 };
    b.update(other, None, |old| {
        seen.lock().unwrap().push(old.map(Value::to_json));
        json!(false).into()
    })
    .await
    .unwrap();
    assert_eq!(
        *seen.lock().unwrap(),
        [None],
        "an update was built on an outdated value"
    );
    let expected = json!(true);
    let compared =
        CacheBackend::compare_and_set(&valkey, "jail_status:52:1", Some(&expected), json!(1), None);
    assert!(!compared.await.unwrap());
    assert_eq!(
        valkey.stats().retries_pending,
        100,
        "the pass is over already"
    );
    until("the pass", Duration::from_secs(10), async || {
        valkey.stats().retries_pending == 0
    })
    .await;
    let scans = calls(&server, "scan") - scans;
    assert!((40..=48).contains(&scans), "{scans} SCANs for 100 prefixes");
    for guild in 0..100 {
        for key in jails(guild) {
            // What was written meanwhile may stay.
            let left = raw(&server, &format!("tux:{key}"));
            assert!(
                left.is_none() || (key == other && left == Some(b"false".to_vec())),
                "{key}"
            );
        }
    }
    let fill = b
        .put_leased(b.lease(key), key, json!(false).into(), None)
        .await;
    assert!(fill.unwrap());
    assert_eq!(b.get_as::<Json>(key).await.unwrap(), Some(json!(false)));
}

async fn many_removals_do_not_keep_the_cache_away(keys: usize, removals: u64) {
    let server = server();
    populate(&server, keys, "foreign");
    let proxy = FaultProxy::start(&server).unwrap();
    let valkey = patient(&proxy).await;
    let b = Backend::from(valkey.clone());
    let jail = |guild| format!("jail_status:{guild}:1");
    let entries: Vec<_> = (0..removals)
        .map(|guild| (jail(guild), json!(true), None))
        .collect();
    b.set_many(&entries).await.unwrap();
    b.set("keep", 1, None).await.unwrap();
    lost(&proxy, &valkey).await;
    for guild in 0..removals {
        if guild % 10 == 0 {
            b.delete(&jail(guild)).await.unwrap_err();
        } else {
            b.remove_set(&KeySet::Guild(KeyFamily::JailStatus, guild))
                .await
                .unwrap_err();
        }
    }
    assert_eq!(valkey.stats().retries_pending, removals);
    let start = Instant::now();
    proxy.set(Fault::Pass);
    until("an answer", Duration::from_secs(1), async || {
        b.get("keep")
            .await
            .is_ok_and(|found| found == Some(json!(1)))
    })
    .await;
    let (first, mut reads) = (start.elapsed(), 0_u64);
    while valkey.stats().retries_pending > 0 {
        let guild = reads * 7_919 % removals;
        assert_eq!(b.get(&jail(guild)).await.unwrap(), None, "{guild}");
        reads += 1;
        assert!(start.elapsed() < Duration::from_secs(60));
    }
    println!(
        "{removals} removals, {keys} keys: first answer after {first:?}, all done after {:?}, {reads} reads meanwhile, {} SCANs",
        start.elapsed(),
        calls(&server, "scan")
    );
    let left = server
        .command(&[
            "EVAL",
            "return #redis.call('KEYS', 'tux:jail_status:*')",
            "0",
        ])
        .unwrap();
    assert_eq!(left, Reply::Integer(0));
    assert_eq!(valkey.stats().retries_lost, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_removals_do_not_keep_the_cache_away() {
    many_removals_do_not_keep_the_cache_away(100_000, 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: cargo xtask long"]
async fn long_ten_thousand_removals_and_a_million_keys_do_not_keep_the_cache_away() {
    many_removals_do_not_keep_the_cache_away(1_000_000, 10_000).await;
}

/// P3 of the shared pass: whoever leads it, or waits for it, may go away at any moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_takes_nobody_along() {
    let server = server();
    populate(&server, 5_000, "tux:other");
    let proxy = FaultProxy::start(&server).unwrap();
    let valkey = patient(&proxy).await;
    let b = Backend::from(valkey.clone());
    proxy.set(Fault::Delay(Duration::from_millis(1)));
    for round in 0..12_u64 {
        let guilds = 0..16_u64;
        for guild in guilds.clone() {
            b.put(KeyRef::JailStatus { guild, user: round }, json!(true), None)
                .await
                .unwrap();
        }
        let tasks: Vec<_> = guilds
            .clone()
            .map(|guild| {
                let b = b.clone();
                tokio::spawn(async move {
                    let removal = async {
                        b.remove_set(&KeySet::Guild(KeyFamily::JailStatus, guild))
                            .await
                    };
                    if guild % 2 == 0 {
                        let patience = Duration::from_micros(round * 2_500 + guild * 200);
                        return tokio::time::timeout(patience, removal).await.ok();
                    }
                    Some(removal.await)
                })
            })
            .collect();
        for (guild, task) in guilds.clone().zip(tasks) {
            let ended = tokio::time::timeout(Duration::from_secs(10), task).await;
            let removed = ended.expect("a removal hangs").unwrap();
            match removed {
                // None if a leader that went away had got as far as its key.
                Some(removed) => {
                    assert!(removed.unwrap() <= 1, "guild {guild}, round {round}");
                    let key = format!("tux:jail_status:{guild}:{round}");
                    assert!(raw(&server, &key).is_none(), "{key} was left");
                }
                None => assert_eq!(guild % 2, 0),
            }
        }
        // Those that went away are carried out later, and nobody reads them before.
        for guild in guilds {
            let found = b
                .get_as::<Json>(KeyRef::JailStatus { guild, user: round })
                .await;
            assert_eq!(found.unwrap(), None, "guild {guild}, round {round}");
        }
        until("the queue is empty", Duration::from_secs(5), async || {
            valkey.stats().retries_pending == 0
        })
        .await;
    }
}
