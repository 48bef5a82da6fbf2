//! The golden vectors against a real server, without Python.

use std::time::Duration;

use tux_cache::backend::{
    Backend, Json, Key, KeyFamily, KeyRef, Roles, ValkeyBackend, ValkeySettings, from_wire_text,
    to_wire_text,
};
use tux_cache_test_support::json;
use tux_cache_test_support::{Reply, ValkeyServer};

pub(crate) struct Vector {
    pub(crate) row: String,
    pub(crate) key: String,
    pub(crate) wire_key: String,
    pub(crate) value: Json,
    pub(crate) text: String,
    pub(crate) ttl: Option<Duration>,
    pub(crate) seconds: Option<i64>,
}

pub(crate) fn vectors() -> Vec<Vector> {
    let all: Json = include_str!("vectors.json")
        .parse()
        .expect("vectors.json is JSON");
    let all = all.as_array().expect("a list");
    let text = |json: &Json| json.as_str().expect("a text").to_owned();
    all.iter()
        .map(|v| Vector {
            row: text(&v["row"]),
            key: text(&v["key"]),
            wire_key: text(&v["wire_key"]),
            value: v["value"].clone(),
            text: text(&v["text"]),
            ttl: v["ttl"].as_f64().map(Duration::from_secs_f64),
            seconds: v["seconds"].as_i64(),
        })
        .collect()
}

pub(crate) async fn connect(server: &ValkeyServer) -> Backend {
    let settings = ValkeySettings::from_url(&server.url()).expect("the server's URL");
    let valkey = ValkeyBackend::connect(settings).await;
    valkey.expect("a connection").into()
}

pub(crate) fn ask(server: &ValkeyServer, command: &[&str]) -> Reply {
    server.command(command).expect("the server answers")
}

/// A row written by us stands there byte for byte as Python writes it, with its TTL.
#[tokio::test]
async fn what_rust_writes_is_what_python_writes() {
    let server = ValkeyServer::start().expect("a Valkey server");
    let b = connect(&server).await;
    let vectors = vectors();
    for (round, typed) in [false, true].into_iter().enumerate() {
        ask(&server, &["FLUSHALL"]);
        for v in &vectors {
            if typed {
                let key = Key::parse(&v.key);
                let value = v.value.clone().into();
                b.put_value(key.as_key_ref(), value, v.ttl).await.unwrap();
            } else {
                b.set(&v.key, v.value.clone(), v.ttl).await.unwrap();
            }
            let row = format!("{}, round {round}", v.row);
            let found = ask(&server, &["GET", &v.wire_key]).text();
            assert_eq!(found.as_deref(), Some(v.text.as_str()), "{row}");
            match (ask(&server, &["TTL", &v.wire_key]), v.seconds) {
                (Reply::Integer(-1), None) => {}
                (Reply::Integer(found), Some(seconds)) => {
                    assert!(
                        (seconds - 5..=seconds).contains(&found),
                        "{row}: TTL {found}"
                    );
                }
                other => panic!("{row}: TTL and what it should be: {other:?}"),
            }
        }
    }
    let many: Vec<_> = vectors
        .iter()
        .map(|v| (v.key.as_str(), v.value.clone(), v.ttl))
        .collect();
    ask(&server, &["FLUSHALL"]);
    b.set_many(&many).await.unwrap();
    for v in &vectors {
        let found = ask(&server, &["GET", &v.wire_key]).text();
        assert_eq!(
            found.as_deref(),
            Some(v.text.as_str()),
            "{} in set_many",
            v.row
        );
    }
}

/// A row written by Python reads as its value, by every way of reading.
#[tokio::test]
async fn what_python_writes_is_read() {
    let server = ValkeyServer::start().expect("a Valkey server");
    let b = connect(&server).await;
    let vectors = vectors();
    for v in &vectors {
        ask(&server, &["SET", &v.wire_key, &v.text]);
        assert_eq!(
            b.get(&v.key).await.unwrap(),
            Some(v.value.clone()),
            "{}",
            v.row
        );
        let key = Key::parse(&v.key);
        let typed = b.get_as::<Json>(key.as_key_ref()).await.unwrap();
        assert_eq!(typed, Some(v.value.clone()), "{}", v.row);
    }
    let keys: Vec<&str> = vectors.iter().map(|v| v.key.as_str()).collect();
    let found = b.get_many(&keys).await.unwrap();
    for (v, found) in vectors.iter().zip(found) {
        assert_eq!(found.as_ref(), Some(&v.value), "{}", v.row);
    }
    assert_eq!(b.stats().undecodable, 0);
}

/// The text of every vector comes back from our own writer, and its key from our own parser.
#[test]
fn texts_and_keys_round_trip() {
    let mut families = Vec::new();
    for v in vectors() {
        assert_eq!(from_wire_text(&v.text), v.value, "{}", v.row);
        assert_eq!(to_wire_text(&v.value).unwrap(), v.text, "{}", v.row);
        let key = Key::parse(&v.key);
        assert_eq!(key.as_key_ref().to_wire(), v.wire_key, "{}", v.row);
        families.extend(key.family());
    }
    for family in KeyFamily::ALL {
        assert!(families.contains(&family), "no vector for {family:?}");
    }
}

/// The typed keys make the keys of the vectors.
#[test]
fn typed_keys_are_python_s_keys() {
    let (guild, two) = (1_234_567_890_123_456_789, [5, 9]);
    let roles = |n| Roles::new(&two[..n]).unwrap();
    let keys = [
        KeyRef::GuildConfig { guild },
        KeyRef::JailStatus { guild, user: 42 },
        KeyRef::Prefix { guild: 1 },
        KeyRef::PermissionRanks { guild: 1 },
        KeyRef::PermissionAssignments { guild: 1 },
        KeyRef::UserPermissionRank {
            guild: 1,
            user: 2,
            roles: roles(0),
        },
        KeyRef::UserPermissionRank {
            guild: 1,
            user: 2,
            roles: roles(1),
        },
        KeyRef::UserPermissionRank {
            guild: 1,
            user: 2,
            roles: roles(2),
        },
        KeyRef::CommandPermission {
            guild: 1,
            command: "ban add",
        },
        KeyRef::CommandPermissionFallback {
            guild: 1,
            command: "ban add now",
        },
        KeyRef::CaseByNumber {
            guild: 1,
            number: 7,
        },
    ];
    let known: Vec<String> = vectors().into_iter().map(|v| v.wire_key).collect();
    for key in keys {
        assert!(
            known.contains(&key.to_wire()),
            "{key} is no key of the vectors"
        );
    }
}

/// Rules of the wire beside the rows.
#[tokio::test]
async fn ttl_rules_of_the_wire() {
    let server = ValkeyServer::start().expect("a Valkey server");
    let b = connect(&server).await;
    for (ttl, least, most) in [
        (Duration::from_millis(400), 1, 1_000),
        (Duration::from_millis(1_900), 1, 1_000),
        (Duration::from_secs(7_200), 7_199_000 - 5_000, 7_200_000),
    ] {
        b.set("k", 1, Some(ttl)).await.unwrap();
        let Reply::Integer(left) = ask(&server, &["PTTL", "tux:k"]) else {
            panic!("PTTL is an integer");
        };
        assert!((least..=most).contains(&left), "{ttl:?}: {left} ms left");
    }
    // A later write without a TTL takes it away, as SET does.
    b.set("k", 1, None).await.unwrap();
    assert_eq!(ask(&server, &["TTL", "tux:k"]), Reply::Integer(-1));
    // Nothing but keys below the prefix is ever touched.
    ask(&server, &["SET", "foreign", "1"]);
    b.delete_prefix("").await.unwrap();
    assert_eq!(ask(&server, &["DBSIZE"]), Reply::Integer(1));
    assert_eq!(b.get("foreign").await.unwrap(), None);
}

/// What Python writes beyond JSON: a string as it stands, never a panic.
#[tokio::test]
async fn what_is_no_json_is_a_string_as_it_stands() {
    let server = ValkeyServer::start().expect("a Valkey server");
    let b = connect(&server).await;
    let deep = "[".repeat(900) + &"]".repeat(900);
    for text in [
        "NaN",
        "[Infinity, -Infinity]",
        r#"{"a": NaN}"#,
        r#""\ud800""#,
        "$",
        "",
        &deep,
    ] {
        ask(&server, &["SET", "tux:k", text]);
        assert_eq!(b.get("k").await.unwrap(), Some(json!(text)));
    }
}
