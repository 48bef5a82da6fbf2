//! Removals that wait for the server: each has its own fate, and nobody reads what is owed.

use std::time::Duration;

use tux_cache::ErrorKind;
use tux_cache::backend::{Backend, Json, KeyFamily, KeyRef, KeySet, ValkeyBackend, Value};
use tux_cache_test_support::json;
use tux_cache_test_support::{Fault, FaultProxy, Reply, ValkeyServer};

use crate::common::*;
use crate::setup::Log;

/// "Tried again within two seconds", on a busy machine.
const AGAIN: Duration = Duration::from_millis(2_500);

pub(crate) async fn lost(proxy: &FaultProxy, valkey: &ValkeyBackend) {
    proxy.set(Fault::Refuse);
    until("the loss is noticed", SLACK, async || {
        !valkey.is_connected()
    })
    .await;
}

async fn restored(proxy: &FaultProxy, valkey: &ValkeyBackend) {
    proxy.set(Fault::Pass);
    until("a connection", Duration::from_secs(2), async || {
        valkey.is_connected()
    })
    .await;
}

fn acl(server: &ValkeyServer, rule: &[&str]) {
    let words: Vec<&str> = ["ACL", "SETUSER", "bot"]
        .iter()
        .chain(rule)
        .copied()
        .collect();
    let reply = server.command(&words).unwrap();
    assert!(!matches!(reply, Reply::Error(_)), "{reply:?}");
}

fn bot_server() -> ValkeyServer {
    ValkeyServer::builder()
        .acl("bot on >pw ~tux:* +@all")
        .start()
        .unwrap()
}

async fn bot(addr: std::net::SocketAddr) -> ValkeyBackend {
    let settings =
        settings(&format!("valkey://bot:pw@{addr}")).response_timeout(Duration::from_secs(5));
    ValkeyBackend::connect(settings).await.unwrap()
}

/// One key among twenty is out of the user's reach: the others go, it is named, counted and tried again.
#[tokio::test]
async fn a_refused_removal_leaves_the_others_alone_and_is_tried_again() {
    let server = bot_server();
    let proxy = FaultProxy::start(&server).unwrap();
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let valkey = bot(proxy.addr()).await;
    let b = Backend::from(valkey.clone());
    let key = |guild: u32| format!("jail_status:{guild}:1");
    for guild in 0..20 {
        b.set(&key(guild), "secret-value", None).await.unwrap();
    }
    lost(&proxy, &valkey).await;
    for guild in 0..20 {
        let error = b.delete(&key(guild)).await.unwrap_err();
        assert!(error.is_unavailable());
    }
    acl(&server, &["resetkeys", "~tux:jail_status:1*", "~tux:k"]);
    log.listen_anew();
    restored(&proxy, &valkey).await;
    let refused = ["0", "2", "3", "4", "5", "6", "7", "8", "9"];
    until("the others go", Duration::from_secs(2), async || {
        valkey.stats().retries_done == 11
    })
    .await;
    for guild in 0..20 {
        let there = raw(&server, &format!("tux:{}", key(guild))).is_some();
        assert_eq!(
            there,
            refused.contains(&guild.to_string().as_str()),
            "{guild}"
        );
        assert_eq!(
            b.get(&key(guild)).await.unwrap(),
            None,
            "read although owed"
        );
    }
    until("all have been tried", Duration::from_secs(2), async || {
        valkey.stats().retries_refused == 9
    })
    .await;
    // Time for two more attempts: nothing is told or counted twice.
    tokio::time::sleep(Duration::from_millis(1_600)).await;
    let stats = valkey.stats();
    assert_eq!(
        (
            stats.retries_refused,
            stats.retries_pending,
            stats.retries_lost
        ),
        (9, 9, 0)
    );
    let text = log.text();
    for guild in refused {
        let named = format!("key=\"tux:jail_status:{guild}:1\"");
        assert_eq!(text.matches(&named).count(), 1, "{named}: {text}");
    }
    assert!(!text.contains("secret-value"), "{text}");
    acl(&server, &["~tux:*"]);
    until("the permission's return", AGAIN, async || {
        valkey.stats().retries_pending == 0
    })
    .await;
    for guild in refused {
        assert!(raw(&server, &format!("tux:jail_status:{guild}:1")).is_none());
    }
    drop(guard);
}

/// Asked for while the permission is missing: the caller is told, and it is carried out when it is back.
#[tokio::test]
async fn a_removal_refused_at_once_is_carried_out_when_the_permission_is_back() {
    let server = bot_server();
    let valkey = bot(server.addr()).await;
    let b = Backend::from(valkey.clone());
    for key in ["a", "jail_status:1:2", "jail_status:1:3", "jail_status:1:4"] {
        b.set(key, 1, None).await.unwrap();
    }
    acl(&server, &["resetkeys", "~tux:jail_status:1:3"]);
    assert_eq!(b.delete("a").await.unwrap_err().kind(), ErrorKind::Auth);
    let jail = KeySet::Guild(KeyFamily::JailStatus, 1);
    assert_eq!(
        b.remove_set(&jail).await.unwrap_err().kind(),
        ErrorKind::Auth
    );
    assert!(raw(&server, "tux:jail_status:1:3").is_none(), "allowed");
    assert_eq!(
        valkey.stats().retries_pending,
        3,
        "the refused keys, not the set"
    );
    assert_eq!(b.get("jail_status:1:2").await.unwrap(), None);
    acl(&server, &["~tux:*"]);
    until("the permission's return", AGAIN, async || {
        valkey.stats().retries_pending == 0
    })
    .await;
    for key in ["tux:a", "tux:jail_status:1:2", "tux:jail_status:1:4"] {
        assert!(raw(&server, key).is_none(), "{key}");
    }
}

/// What may not be looked through stays owed as a whole.
#[tokio::test]
async fn a_set_that_may_not_be_looked_for_is_owed_until_it_may() {
    let server = bot_server();
    let valkey = bot(server.addr()).await;
    let b = Backend::from(valkey.clone());
    b.set("jail_status:1:2", true, None).await.unwrap();
    b.set("jail_status:12:2", true, None).await.unwrap();
    acl(&server, &["-scan"]);
    let jail = KeySet::Guild(KeyFamily::JailStatus, 1);
    assert_eq!(
        b.remove_set(&jail).await.unwrap_err().kind(),
        ErrorKind::Auth
    );
    let key = KeyRef::JailStatus { guild: 1, user: 2 };
    assert_eq!(b.get_as::<Json>(key).await.unwrap(), None);
    assert_eq!(b.get("jail_status:12:2").await.unwrap(), Some(json!(true)));
    let fill = b
        .put_leased(b.lease(key), key, json!(true).into(), None)
        .await;
    assert!(
        !fill.unwrap(),
        "published although its pass is still to come"
    );
    until(
        "it is refused once more",
        Duration::from_secs(2),
        async || valkey.stats().retries_refused == 1,
    )
    .await;
    acl(&server, &["+scan"]);
    until("the permission's return", AGAIN, async || {
        valkey.stats().retries_pending == 0
    })
    .await;
    assert!(raw(&server, "tux:jail_status:1:2").is_none());
    assert!(raw(&server, "tux:jail_status:12:2").is_some());
    let fill = b
        .put_leased(b.lease(key), key, json!(true).into(), None)
        .await;
    assert!(fill.unwrap());
}

/// A list stands where a value was to be taken back: nothing of ours is left there, and the others go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_type_under_a_condition_is_no_obstacle() {
    let server = server();
    let proxy = FaultProxy::start(&server).unwrap();
    let valkey = connect(&proxy.url("valkey")).await;
    let b = Backend::from(valkey.clone());
    let keys: Vec<KeyRef<'static>> = (0..20)
        .map(|user| KeyRef::JailStatus { guild: 1, user })
        .collect();
    let leases: Vec<_> = keys.iter().map(|key| b.lease(*key)).collect();
    proxy.set(Fault::HalfOpen);
    let entries = leases
        .into_iter()
        .zip(&keys)
        .map(|(lease, key)| (lease, *key, Value::from_json(json!("stale"))))
        .collect();
    assert!(
        b.put_many_leased(entries, None)
            .await
            .unwrap_err()
            .is_unavailable()
    );
    assert_eq!(valkey.stats().retries_pending, 20);
    for user in 0..20 {
        let key = format!("tux:jail_status:1:{user}");
        if user == 7 {
            server.command(&["LPUSH", &key, "x"]).unwrap();
        } else {
            server.command(&["SET", &key, "\"stale\""]).unwrap();
        }
    }
    proxy.set(Fault::Pass);
    until("all are settled", Duration::from_secs(4), async || {
        valkey.stats().retries_pending == 0
    })
    .await;
    for user in 0..20 {
        let there = server
            .command(&["EXISTS", &format!("tux:jail_status:1:{user}")])
            .unwrap();
        assert_eq!(there, Reply::Integer(i64::from(user == 7)), "{user}");
    }
    assert_eq!(valkey.stats().retries_lost, 0);
}

/// A role's return: everything waits on a replica, and goes when it is promoted.
#[tokio::test]
async fn what_a_replica_refuses_goes_when_it_is_promoted() {
    let primary = server();
    let replica = ValkeyServer::builder().replicaof(&primary).start().unwrap();
    let valkey = connect(&replica.url()).await;
    let b = Backend::from(valkey.clone());
    for key in ["tux:a", "tux:jail_status:1:2"] {
        primary.command(&["SET", key, "1"]).unwrap();
    }
    until("replication", Duration::from_secs(10), async || {
        raw(&replica, "tux:jail_status:1:2").is_some()
    })
    .await;
    b.delete("a").await.unwrap_err();
    b.remove_set(&KeySet::Guild(KeyFamily::JailStatus, 1))
        .await
        .unwrap_err();
    replica.command(&["REPLICAOF", "NO", "ONE"]).unwrap();
    until("the role's return", AGAIN, async || {
        valkey.stats().retries_pending == 0
    })
    .await;
    for key in ["tux:a", "tux:jail_status:1:2"] {
        assert!(raw(&replica, key).is_none(), "{key}");
    }
}
