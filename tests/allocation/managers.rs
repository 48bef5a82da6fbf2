//! A typed hit on the in-memory backend allocates nothing, for every manager; nor does `get_or_fetch` on a hit.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tux_cache::backend::InMemoryBackend;
use tux_cache::managers::{
    CommandPermission, CommandRule, GuildConfig, GuildId, Managers, PermissionAssignment,
    PermissionRank, UserId,
};
use tux_cache::{Family, TypedCache};
use tux_cache_test_support::{AllocationCount, count_allocations};

const GUILD: u64 = 123_456_789_012_345_678;
const USER: u64 = 987_654_321_098_765_432;

/// The value of a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("memory never waits"),
    }
}

/// The loader of a hit.
async fn never<T>() -> Result<T, Infallible> {
    panic!("what is cached is not loaded")
}

/// A family with numbers for keys, and one with texts.
struct Warnings;

impl Family for Warnings {
    type Key<'k> = (GuildId, UserId);
    type Value = u32;
    const NAME: &'static str = "warnings";
    const PREFIX: &'static str = "warn";
}

struct Tags;

impl Family for Tags {
    type Key<'k> = (GuildId, &'k str);
    type Value = Arc<str>;
    const NAME: &'static str = "tags";
    const PREFIX: &'static str = "tag";
}

#[test]
fn a_hit_of_a_declared_family_allocates_nothing() {
    let memory = InMemoryBackend::new(Duration::from_secs(300), Some(1_000));
    let warnings = TypedCache::<Warnings>::new(memory.clone());
    let tags = TypedCache::<Tags>::new(memory);
    let member = (GuildId(GUILD), UserId(USER));
    let tag = (GuildId(GUILD), "a tag with a long name");
    now(warnings.set(member, 3)).unwrap();
    now(tags.set(tag, "a text".into())).unwrap();
    let hits: [(&str, &dyn Fn() -> bool); 4] = [
        ("numbers", &|| now(warnings.get(member)).unwrap() == Some(3)),
        ("texts", &|| now(tags.get(tag)).unwrap().is_some()),
        ("numbers, get_or_fetch", &|| {
            now(warnings.get_or_fetch(member, never::<u32>)).unwrap() == 3
        }),
        ("texts, get_or_fetch", &|| {
            now(tags.get_or_fetch(tag, never::<Arc<str>>)).is_ok()
        }),
    ];
    for (name, hit) in hits {
        assert!(hit(), "{name}");
        let (hit, count) = count_allocations(hit);
        assert!(hit, "{name}");
        assert_eq!(count, AllocationCount::default(), "{name}");
    }
}

#[test]
fn a_hit_allocates_nothing() {
    let managers = Managers::new(InMemoryBackend::new(Duration::from_secs(300), Some(1_000)));
    let Managers {
        guild_config,
        jail_status,
        prefix,
        permissions,
    } = &managers;
    let roles = [9_u64, 5, 7];
    let config = GuildConfig {
        audit_log_id: Some(1),
        ..GuildConfig::default()
    };
    now(guild_config.set(GUILD, config.into())).unwrap();
    now(jail_status.set(GUILD, USER, true)).unwrap();
    now(prefix.set(GUILD, "!")).unwrap();
    let ban = CommandPermission {
        command_name: "ban list".to_owned(),
        required_rank: 3,
        ..CommandPermission::default()
    };
    now(permissions.set(GUILD, "ban list", ban)).unwrap();
    now(permissions.set_ranks(GUILD, vec![PermissionRank::default()])).unwrap();
    now(permissions.set_assignments(GUILD, vec![PermissionAssignment::default()])).unwrap();
    now(permissions.set_user_rank(GUILD, USER, &roles, 4)).unwrap();

    now(permissions.set_fallback(GUILD, "ban list", CommandRule::Unset)).unwrap();

    let hits: [(&str, &dyn Fn() -> bool); 15] = [
        ("guild config", &|| {
            now(guild_config.get(GUILD)).unwrap().is_some()
        }),
        ("jail status", &|| {
            now(jail_status.get(GUILD, USER)).unwrap() == Some(true)
        }),
        ("prefix", &|| now(prefix.get(GUILD)).unwrap().is_some()),
        ("command", &|| {
            now(permissions.get(GUILD, "ban list")).unwrap().is_some()
        }),
        ("ranks", &|| {
            now(permissions.get_ranks(GUILD)).unwrap().is_some()
        }),
        ("assignments", &|| {
            now(permissions.get_assignments(GUILD)).unwrap().is_some()
        }),
        ("user rank", &|| {
            now(permissions.get_user_rank(GUILD, USER, &roles)).unwrap() == Some(4)
        }),
        ("guild config, get_or_fetch", &|| {
            now(guild_config.get_or_fetch(GUILD, never::<GuildConfig>)).is_ok()
        }),
        ("jail status, get_or_fetch", &|| {
            now(jail_status.get_or_fetch(GUILD, USER, never::<bool>)).unwrap()
        }),
        ("prefix, get_or_fetch", &|| {
            now(prefix.get_or_fetch(GUILD, never::<String>)).unwrap() == "!"
        }),
        ("command, get_or_fetch", &|| {
            let load = never::<CommandRule>;
            let rule = now(permissions.get_or_fetch(GUILD, "ban list", load));
            rule.unwrap().required_rank() == Some(3)
        }),
        ("fallback, get_or_fetch", &|| {
            let load = |_| never::<CommandRule>();
            let rule = now(permissions.get_or_fetch_fallback(GUILD, "ban list", load));
            rule.unwrap() == CommandRule::Unset
        }),
        ("ranks, get_or_fetch", &|| {
            let load = never::<Vec<PermissionRank>>;
            now(permissions.get_or_fetch_ranks(GUILD, load)).is_ok()
        }),
        ("assignments, get_or_fetch", &|| {
            let load = never::<Vec<PermissionAssignment>>;
            now(permissions.get_or_fetch_assignments(GUILD, load)).is_ok()
        }),
        ("user rank, get_or_fetch", &|| {
            now(permissions.get_or_fetch_user_rank(GUILD, USER, &roles, never::<u8>)).unwrap() == 4
        }),
    ];
    for (name, hit) in hits {
        // The first one may set up what the thread keeps.
        assert!(hit(), "{name}");
        let (hit, count) = count_allocations(hit);
        assert!(hit, "{name}");
        assert_eq!(count, AllocationCount::default(), "{name}");
    }
    // The counter counts: a miss that is filled does allocate.
    let (_, count) = count_allocations(|| now(prefix.set(2_u64, "?")).unwrap());
    assert!(count.allocations > 0);
}

/// Nor does an event of the gateway that nothing cached follows from.
#[test]
fn an_event_that_concerns_nothing_allocates_nothing() {
    use tux_cache::managers::GuildId;
    use tux_cache::managers::events::{GatewayEvent, GuildChange, Removed};

    struct Idle;
    impl GatewayEvent for Idle {
        fn change(&self) -> Option<GuildChange> {
            None
        }
    }
    let managers = Managers::new(InMemoryBackend::new(Duration::from_secs(300), Some(1_000)));
    let (removed, count) = count_allocations(|| now(managers.on_event(&Idle)).unwrap());
    assert_eq!((removed, count.allocations), (Removed::default(), 0));
    let left = GuildChange::GuildLeft(GuildId(GUILD));
    let (_, count) = count_allocations(|| now(managers.on_event(&left)).unwrap());
    assert!(count.allocations > 0, "the counter counts");
}
