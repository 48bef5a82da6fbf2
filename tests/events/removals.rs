//! What goes and what stays, change by change.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tux_cache::CacheSetup;
use tux_cache::backend::InMemoryBackend;
use tux_cache::managers::events::{GatewayEvent, GuildChange, Removed};
use tux_cache::managers::{
    ChannelId, CommandRule, GuildConfigUpdate, GuildId, Managers, PermissionAssignment,
    PermissionRank, RoleId, UserId,
};
use tux_cache_test_support::ValkeyServer;

const GUILD: GuildId = GuildId(1);
const OTHER: GuildId = GuildId(2);
const USER: UserId = UserId(11);
const FRIEND: UserId = UserId(12);
const JAIL: RoleId = RoleId(21);
const MODERATOR: RoleId = RoleId(22);
const PLAIN: RoleId = RoleId(23);
const AUDIT: ChannelId = ChannelId(31);

/// Everything there is in memory, for two guilds.
async fn full() -> CacheSetup {
    filled(CacheSetup::builder().memory_only()).await
}

async fn filled(setup: tux_cache::service::CacheSetupBuilder) -> CacheSetup {
    let setup = setup.leave_shared().await;
    let caches = setup.managers();
    for guild in [GUILD, OTHER] {
        let config = GuildConfigUpdate::new()
            .audit_log(AUDIT)
            .mod_log_id(None)
            .jail_role(JAIL)
            .jail_channel_id(None);
        caches.guild_config.set(guild, config).await.unwrap();
        caches.prefix.set(guild, "!").await.unwrap();
        setup.cases().set(guild, 1, Some(7)).await.unwrap();
        let permissions = &caches.permissions;
        permissions
            .set(guild, "ban", CommandRule::Unset)
            .await
            .unwrap();
        permissions
            .set_ranks(guild, vec![PermissionRank::default()])
            .await
            .unwrap();
        let row = PermissionAssignment {
            role_id: MODERATOR.0,
            ..Default::default()
        };
        permissions.set_assignments(guild, vec![row]).await.unwrap();
        for user in [USER, FRIEND] {
            caches.jail_status.set(guild, user, false).await.unwrap();
            permissions
                .set_user_rank(guild, user, &[MODERATOR], 5)
                .await
                .unwrap();
        }
    }
    setup
}

/// What is there of a guild.
async fn left(setup: &CacheSetup, guild: GuildId) -> Vec<&'static str> {
    let caches = setup.managers();
    let permissions = &caches.permissions;
    let roles = [MODERATOR];
    let there = [
        (
            "config",
            caches.guild_config.get(guild).await.unwrap().is_some(),
        ),
        ("prefix", caches.prefix.get(guild).await.unwrap().is_some()),
        ("case", setup.cases().get(guild, 1).await.unwrap().is_some()),
        (
            "rule",
            permissions.get(guild, "ban").await.unwrap().is_some(),
        ),
        (
            "ranks",
            permissions.get_ranks(guild).await.unwrap().is_some(),
        ),
        (
            "assignments",
            permissions.get_assignments(guild).await.unwrap().is_some(),
        ),
        (
            "jail",
            caches.jail_status.get(guild, USER).await.unwrap().is_some(),
        ),
        (
            "jail of a friend",
            caches
                .jail_status
                .get(guild, FRIEND)
                .await
                .unwrap()
                .is_some(),
        ),
        (
            "rank",
            permissions
                .get_user_rank(guild, USER, &roles)
                .await
                .unwrap()
                .is_some(),
        ),
        (
            "rank of a friend",
            permissions
                .get_user_rank(guild, FRIEND, &roles)
                .await
                .unwrap()
                .is_some(),
        ),
    ];
    there
        .into_iter()
        .filter(|(_, there)| *there)
        .map(|(name, _)| name)
        .collect()
}

/// Where the entries are.
enum Store {
    Memory,
    Valkey(Box<ValkeyServer>),
}

impl Store {
    async fn full(&self) -> CacheSetup {
        match self {
            Self::Memory => full().await,
            Self::Valkey(server) => {
                let setup = filled(CacheSetup::builder().url(&server.url())).await;
                assert!(setup.is_connected());
                setup
            }
        }
    }
}

/// An event with roles, as a library hands it over.
struct MemberUpdate(Vec<RoleId>);

impl GatewayEvent for MemberUpdate {
    fn change(&self) -> Option<GuildChange> {
        Some(GuildChange::MemberUpdated(GUILD, USER))
    }

    fn has_role(&self, role: RoleId) -> Option<bool> {
        Some(self.0.contains(&role))
    }
}

async fn removes(store: &Store, event: impl GatewayEvent + Sync, gone: &[&str]) {
    let setup = store.full().await;
    let all = left(&setup, GUILD).await;
    let removed = setup.on_event(&event).await.unwrap();
    assert_eq!(removed.change, event.change());
    let left_now = left(&setup, GUILD).await;
    let went: Vec<&str> = all
        .iter()
        .filter(|name| !left_now.contains(name))
        .copied()
        .collect();
    assert_eq!(went, gone, "{:?}", removed.change);
    assert_eq!(removed.entries, gone.len(), "{:?}", removed.change);
    assert_eq!(
        left(&setup, OTHER).await,
        all,
        "another guild is left alone"
    );
}

#[tokio::test]
async fn each_change_removes_what_it_makes_wrong_and_nothing_else() {
    changes(&Store::Memory).await;
}

#[tokio::test]
async fn each_change_does_so_in_valkey() {
    changes(&Store::Valkey(Box::new(
        ValkeyServer::start().expect("a Valkey server"),
    )))
    .await;
}

async fn changes(store: &Store) {
    let everything = [
        "config",
        "prefix",
        "case",
        "rule",
        "ranks",
        "assignments",
        "jail",
        "jail of a friend",
        "rank",
        "rank of a friend",
    ];
    assert_eq!(left(&store.full().await, GUILD).await, everything);
    let ranks = ["rank", "rank of a friend"];
    removes(store, GuildChange::GuildLeft(GUILD), &everything).await;
    removes(store, GuildChange::GuildUpdated(GUILD), &ranks).await;
    removes(store, GuildChange::RoleUpdated(GUILD, PLAIN), &ranks).await;
    removes(store, GuildChange::RoleDeleted(GUILD, PLAIN), &[]).await;
    removes(store, GuildChange::RoleDeleted(GUILD, JAIL), &["config"]).await;
    removes(
        store,
        GuildChange::RoleDeleted(GUILD, MODERATOR),
        &["assignments", "rank", "rank of a friend"],
    )
    .await;
    removes(
        store,
        GuildChange::MemberLeft(GUILD, USER),
        &["jail", "rank"],
    )
    .await;
    removes(
        store,
        GuildChange::ChannelDeleted(GUILD, AUDIT),
        &["config"],
    )
    .await;
    removes(
        store,
        GuildChange::ChannelDeleted(GUILD, ChannelId(39)),
        &[],
    )
    .await;
    // "Not jailed" is cached: that fits a member without the role, and not one who has it.
    removes(store, MemberUpdate(vec![PLAIN]), &[]).await;
    removes(store, MemberUpdate(vec![PLAIN, JAIL]), &["jail"]).await;
    // Without the roles nobody can tell.
    removes(store, GuildChange::MemberUpdated(GUILD, USER), &["jail"]).await;
}

/// A rank stands under the roles it follows from: a member who lost a role is not answered from before.
#[tokio::test]
async fn a_role_given_or_taken_asks_for_another_rank() {
    let setup = full().await;
    setup.on_event(&MemberUpdate(vec![PLAIN])).await.unwrap();
    let ranks = &setup.managers().permissions;
    for roles in [&[PLAIN][..], &[], &[MODERATOR, PLAIN]] {
        assert_eq!(
            ranks.get_user_rank(GUILD, USER, roles).await.unwrap(),
            None,
            "{roles:?}"
        );
    }
}

/// What cannot be judged goes: a configuration that is not cached whole, or not at all.
#[tokio::test]
async fn what_cannot_be_judged_is_removed() {
    let setup = full().await;
    let caches = setup.managers();
    caches.guild_config.invalidate(GUILD).await.unwrap();
    caches
        .permissions
        .invalidate_assignments(GUILD)
        .await
        .unwrap();
    caches
        .permissions
        .set_user_rank(GUILD, USER, &[MODERATOR], 5)
        .await
        .unwrap();
    let update = setup.on_event(&MemberUpdate(vec![PLAIN])).await.unwrap();
    assert_eq!(
        update.entries, 1,
        "nobody knows which role is that of the jail"
    );
    let deleted = setup
        .on_event(&GuildChange::RoleDeleted(GUILD, PLAIN))
        .await
        .unwrap();
    assert_eq!(deleted.entries, 1, "nobody knows which roles give a rank");
}

struct Idle;

impl GatewayEvent for Idle {
    fn change(&self) -> Option<GuildChange> {
        None
    }
}

#[tokio::test]
async fn an_event_that_concerns_nothing_is_answered_at_the_first_poll() {
    let setup = full().await;
    let mut context = Context::from_waker(Waker::noop());
    match pin!(setup.on_event(&Idle)).poll(&mut context) {
        Poll::Ready(removed) => assert_eq!(removed.unwrap(), Removed::default()),
        Poll::Pending => panic!("it waits"),
    }
    let hits = setup.managers().prefix.stats().hits;
    setup
        .on_event(&GuildChange::ChannelDeleted(GUILD, AUDIT))
        .await
        .unwrap();
    assert_eq!(setup.managers().prefix.stats().hits, hits);
}

/// A store that answers nothing.
mod away {
    use tux_cache::backend::{CacheBackend, Json};
    use tux_cache::error::{Error, Result};

    #[derive(Debug)]
    pub(super) struct Away;

    impl CacheBackend for Away {
        fn name(&self) -> &str {
            "away"
        }

        async fn get(&self, _: &str) -> Result<Option<Json>> {
            Err(Error::unavailable("nobody is there"))
        }

        async fn set(&self, _: &str, _: Json, _: Option<std::time::Duration>) -> Result<()> {
            Err(Error::unavailable("nobody is there"))
        }

        async fn delete(&self, _: &str) -> Result<bool> {
            Err(Error::unavailable("nobody is there"))
        }

        async fn delete_prefix(&self, _: &str) -> Result<usize> {
            Err(Error::unavailable("nobody is there"))
        }
    }
}

#[tokio::test]
async fn an_error_names_the_change_and_keeps_its_kind() {
    let managers = tux_cache::managers::Managers::new(away::Away);
    for change in [
        GuildChange::GuildLeft(GUILD),
        GuildChange::RoleDeleted(GUILD, JAIL),
        GuildChange::MemberUpdated(GUILD, USER),
        GuildChange::MemberLeft(GUILD, USER),
        GuildChange::ChannelDeleted(GUILD, AUDIT),
    ] {
        let error = managers.on_event(&change).await.unwrap_err();
        assert!(error.is_unavailable(), "{error}");
        assert!(error.to_string().contains(&change.to_string()), "{error}");
        assert!(error.to_string().contains("nobody is there"), "{error}");
    }
}

/// An event finds nothing cached, but what is being loaded was read before it: it is not kept.
#[tokio::test]
async fn a_load_under_way_is_not_kept() {
    let managers = Managers::new(InMemoryBackend::new(Duration::from_secs(60), Some(100)));
    let (guild, user) = (GuildId(1), UserId(2));
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel::<()>();
    let load = async move || {
        begun.send(()).unwrap();
        wait.await.unwrap();
        Ok::<_, std::convert::Infallible>(false)
    };
    let jails = managers.jail_status.clone();
    let loading = tokio::spawn(async move { jails.get_or_fetch(guild, user, load).await });
    has_begun.await.unwrap();
    let change = GuildChange::MemberUpdated(guild, user);
    assert_eq!(managers.on_event(&change).await.unwrap().entries, 0);
    go.send(()).unwrap();
    assert!(!loading.await.unwrap().unwrap());
    assert_eq!(managers.jail_status.get(guild, user).await.unwrap(), None);
}
