//! The process-wide managers, the setup that wires them, and how far they reach.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use tux_cache::CacheSetup;
use tux_cache::backend::{Backend, InMemoryBackend};
use tux_cache::managers::{
    CaseCache, GuildConfigCacheManager, GuildConfigUpdate, GuildId, JailStatusCache,
    ManagerOptions, Managers, PermissionCache, PrefixCache, Scope, UserId,
};

use crate::loads_many::row;
use crate::stores::valkey;

fn cases(managers: &Managers) -> CaseCache {
    CaseCache::new(managers.jail_status.backend())
}

async fn fill(managers: &Managers, guild: u64) {
    let update = GuildConfigUpdate::new().audit_log_id(Some(1));
    managers.guild_config.set(guild, update).await.unwrap();
    managers.jail_status.set(guild, 2_u64, true).await.unwrap();
    managers.prefix.set(guild, "!").await.unwrap();
    managers
        .permissions
        .set(guild, "ban", row("ban", 3))
        .await
        .unwrap();
    managers.permissions.set_ranks(guild, vec![]).await.unwrap();
    cases(managers).set(guild, 7, Some(70)).await.unwrap();
    managers
        .permissions
        .set_user_rank(guild, 2_u64, &[5_u64], 2)
        .await
        .unwrap();
}

async fn held(managers: &Managers, guild: u64) -> [bool; 7] {
    let permissions = &managers.permissions;
    let rank = permissions.get_user_rank(guild, 2_u64, &[5_u64]).await;
    [
        managers.guild_config.get(guild).await.unwrap().is_some(),
        managers
            .jail_status
            .get(guild, 2_u64)
            .await
            .unwrap()
            .is_some(),
        managers.prefix.get(guild).await.unwrap().is_some(),
        permissions.get(guild, "ban").await.unwrap().is_some(),
        permissions.get_ranks(guild).await.unwrap().is_some(),
        rank.unwrap().is_some(),
        cases(managers).get(guild, 7).await.unwrap().is_some(),
    ]
}

/// One test for all that touches the process-wide managers, since there is one of each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_setup_wires_every_manager_and_a_guild_that_leaves_is_forgotten_by_all() {
    JailStatusCache::shared()
        .set(1_u64, 2_u64, true)
        .await
        .unwrap();
    let own = JailStatusCache::shared().backend();
    let setup = CacheSetup::builder().memory_only().await;
    let left = JailStatusCache::shared().get(1_u64, 2_u64).await.unwrap();
    assert_eq!(left, None, "the setup's backend is empty");
    assert!(
        !own.exists("jail_status:1:2").await.unwrap(),
        "and memory of its own is dropped"
    );
    for managers in [setup.managers(), &Managers::shared()] {
        fill(managers, 1).await;
        fill(managers, 11).await;
    }
    assert_eq!(
        held(&Managers::new(setup.backend()), 1).await,
        [true; 7],
        "one backend"
    );
    let wired = CaseCache::shared().get(1_u64, 7).await.unwrap();
    assert_eq!(wired, Some(Some(70)));
    assert_eq!(setup.cases().get(1_u64, 7).await.unwrap(), wired);
    assert_eq!(setup.invalidate_guild(GuildId(1)).await.unwrap(), 7);
    assert_eq!(setup.cases().get(1_u64, 7).await.unwrap(), None);
    for managers in [setup.managers(), &Managers::shared()] {
        assert_eq!(held(managers, 1).await, [false; 7]);
        assert_eq!(held(managers, 11).await, [true; 7]);
    }
    crate::many_loads::share_their_loads(
        setup.managers().jail_status.clone(),
        JailStatusCache::shared().clone(),
    )
    .await;
    // Another setup in the same process, for itself alone.
    let apart = CacheSetup::builder().memory_only().leave_shared().await;
    assert_eq!(held(apart.managers(), 11).await, [false; 7]);
    assert_eq!(held(&Managers::shared(), 11).await, [true; 7]);
    assert!(std::ptr::eq(PrefixCache::shared(), PrefixCache::shared()));
    assert!(std::ptr::eq(
        PermissionCache::shared(),
        PermissionCache::shared()
    ));
    assert!(std::ptr::eq(
        GuildConfigCacheManager::shared(),
        GuildConfigCacheManager::shared()
    ));
}

/// T20 across runtimes: the runtime that runs the load goes; a waiter of another one takes over.
#[test]
fn t20_a_runtime_that_shuts_down_strands_nobody_on_another() {
    let jails = JailStatusCache::in_memory();
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().unwrap()
    };
    let (going, staying) = (runtime(), runtime());
    let (started, running) = std::sync::mpsc::channel();
    going.spawn({
        let jails = jails.clone();
        let stuck = async move || {
            started.send(()).unwrap();
            pending::<Result<bool, Infallible>>().await
        };
        async move { jails.get_or_fetch(1_u64, 2_u64, stuck).await }
    });
    running.recv().unwrap();
    let waiter = staying.spawn({
        let jails = jails.clone();
        async move {
            jails
                .get_or_fetch(1_u64, 2_u64, async || Ok::<_, Infallible>(true))
                .await
        }
    });
    std::thread::sleep(Duration::from_millis(20));
    assert!(
        !waiter.is_finished(),
        "it waits for the load of the other runtime"
    );
    going.shutdown_background();
    assert!(staying.block_on(waiter).unwrap().unwrap());
}

#[test]
fn get_or_fetch_outside_a_runtime_is_a_clear_error_and_a_hit_needs_none() {
    let jails = JailStatusCache::in_memory();
    let now = |future| futures_lite(future);
    let missing =
        now(Box::pin(jails.get_or_fetch(1_u64, 2_u64, async || {
            Ok::<_, Infallible>(true)
        })));
    assert!(missing.unwrap_err().to_string().contains("tokio runtime"));
    futures_lite(Box::pin(jails.set(1_u64, 2_u64, true))).unwrap();
    assert_eq!(
        futures_lite(Box::pin(jails.get(1_u64, 2_u64))).unwrap(),
        Some(true)
    );
}

/// The value of a future that never waits.
fn futures_lite<T>(mut future: std::pin::Pin<Box<dyn Future<Output = T> + '_>>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("memory never waits"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_scope_leaves_the_server_alone_and_clears_memory() {
    let (_server, backend) = valkey().await;
    let options = ManagerOptions::new().scope(Scope::LocalOnly);
    let jails = JailStatusCache::with_options(backend, options.clone());
    jails.set(1_u64, 2_u64, true).await.unwrap();
    assert_eq!(jails.clear_all().await.unwrap(), 0);
    assert_eq!(jails.invalidate_guild(1_u64).await.unwrap(), 0);
    assert_eq!(jails.get(1_u64, 2_u64).await.unwrap(), Some(true));
    assert!(
        jails.invalidate(1_u64, 2_u64).await.unwrap(),
        "one key goes everywhere"
    );
    let memory: Backend = InMemoryBackend::new(Duration::from_secs(300), Some(10)).into();
    let jails = JailStatusCache::with_options(memory, options);
    jails.set(1_u64, 2_u64, true).await.unwrap();
    assert_eq!(jails.clear_all().await.unwrap(), 1);
}

#[tokio::test]
async fn plain_numbers_and_ids_name_the_same_entries() {
    let jails = JailStatusCache::in_memory();
    jails.set(GuildId(1), UserId(2), true).await.unwrap();
    assert_eq!(jails.get(1_u64, 2_u64).await.unwrap(), Some(true));
    let prefixes = PrefixCache::in_memory();
    prefixes.set(GuildId(1), String::from("?")).await.unwrap();
    let prefix = prefixes.get(1_u64).await.unwrap().expect("set");
    let owned = String::from("?");
    assert!(prefix == "?" && prefix == owned && &*prefix == "?");
}

/// Every method takes them as they are.
#[cfg(feature = "twilight-model")]
#[tokio::test]
async fn twilights_ids_convert() {
    use twilight_model::id::{Id, marker};
    let guild = Id::<marker::GuildMarker>::new(1);
    let user = Id::<marker::UserMarker>::new(2);
    let jails = JailStatusCache::in_memory();
    jails.set(guild, user, true).await.unwrap();
    assert_eq!(jails.get(1_u64, 2_u64).await.unwrap(), Some(true));
    assert_eq!(jails.invalidate_guild(guild).await.unwrap(), 1);
}

/// Every method takes them as they are.
#[cfg(feature = "serenity")]
#[tokio::test]
async fn serenitys_ids_convert() {
    use serenity::model::id;
    let (guild, user) = (id::GuildId::new(1), id::UserId::new(2));
    let jails = JailStatusCache::in_memory();
    jails.set(guild, user, true).await.unwrap();
    assert_eq!(jails.get(1_u64, 2_u64).await.unwrap(), Some(true));
    assert_eq!(jails.invalidate_guild(guild).await.unwrap(), 1);
}
