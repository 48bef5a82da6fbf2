//! A typed hit on the in-memory backend allocates nothing, whatever the family of its key; nor does a
//! miss, nor the way there through a fallback that has not moved.

use std::time::Duration;

use tux_cache::backend::{Backend, CacheValue, InMemoryBackend, Json, KeyRef, Peek, Roles};
use tux_cache_test_support::count_allocations;

/// A value in an allocation of its own, as a guild's configuration is.
#[derive(Clone, Debug, PartialEq)]
struct Config([u64; 4]);

impl CacheValue for Config {
    fn to_json(&self) -> Json {
        Json::from(self.0.to_vec())
    }
    fn from_json(_: &Json) -> Option<Self> {
        None
    }
}

/// A value that fits in the entry.
#[derive(Clone, Debug, PartialEq)]
struct Flag(bool);

impl CacheValue for Flag {
    fn to_json(&self) -> Json {
        Json::Bool(self.0)
    }
    fn from_json(_: &Json) -> Option<Self> {
        None
    }
}

fn keys() -> [KeyRef<'static>; 8] {
    let guild = 183_109_337_186_500_608;
    [
        KeyRef::GuildConfig { guild },
        KeyRef::JailStatus { guild, user: 7 },
        KeyRef::Prefix { guild },
        KeyRef::PermissionRanks { guild },
        KeyRef::PermissionAssignments { guild },
        KeyRef::UserPermissionRank {
            guild,
            user: 7,
            roles: Roles::new(&[5, 9]).unwrap(),
        },
        KeyRef::CommandPermission {
            guild,
            command: "a command with a long name and a sub-command",
        },
        KeyRef::CommandPermissionFallback {
            guild,
            command: "ban",
        },
    ]
}

#[tokio::test]
async fn a_typed_hit_and_a_typed_miss_allocate_nothing() {
    let backend = Backend::from(InMemoryBackend::new(Duration::from_secs(300), Some(1_000)));
    // A thread's first use of a cache makes its reader slot and its counters.
    let _ = backend.peek::<Flag>(KeyRef::Prefix { guild: 0 });
    for key in keys() {
        let (found, cost) = count_allocations(|| backend.peek::<Flag>(key));
        assert_eq!(
            (found, cost.allocations),
            (Peek::Miss, 0),
            "a miss of {key}"
        );

        backend.put(key, Flag(true), None).await.unwrap();
        let (found, cost) = count_allocations(|| backend.peek::<Flag>(key));
        assert_eq!(
            (found, cost.allocations),
            (Peek::Hit(Flag(true)), 0),
            "{key}"
        );

        let config = Config([1, 2, 3, 4]);
        backend.put(key, config.clone(), None).await.unwrap();
        let (found, cost) = count_allocations(|| backend.peek::<Config>(key));
        assert_eq!(
            (found, cost.allocations),
            (Peek::Hit(config.clone()), 0),
            "{key}"
        );
        let (found, cost) = count_allocations(|| backend.peek_with(key, |c: &Config| c.0[3]));
        assert_eq!((found, cost.allocations), (Peek::Hit(4), 0), "{key}");
    }
}

/// The counter counts: a value that came as text is decoded, and that does allocate.
#[tokio::test]
async fn a_text_entry_is_decoded_and_seen_to_allocate() {
    let backend = Backend::from(InMemoryBackend::new(Duration::from_secs(300), Some(1_000)));
    let key = KeyRef::Prefix { guild: 1 };
    backend
        .set("prefix:1", "a text that is copied", None)
        .await
        .unwrap();
    let (found, cost) = count_allocations(|| backend.peek::<Json>(key));
    assert_eq!(found, Peek::Hit(Json::from("a text that is copied")));
    assert!(cost.allocations > 0);
}
