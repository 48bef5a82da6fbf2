//! What an outage of the shared tier means (T36): an error, a load that is not kept, or an answer that says
//! it is stale. Never a miss, never "not jailed", never "allowed".

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Barrier;
use tux_cache::backend::Backend;
use tux_cache::managers::{
    GuildConfigUpdate, JailStatusCache, ManagerOptions, Managers, MaybeStale, OnOutage,
    PermissionCache,
};
use tux_cache_test_support::{Fault, FaultProxy, ValkeyServer};

use crate::loads_many::row;
use crate::stores::connect;

struct Line {
    _server: ValkeyServer,
    proxy: FaultProxy,
    backend: Backend,
}

impl Line {
    async fn new() -> Self {
        let server = ValkeyServer::start().expect("a Valkey server");
        let proxy = FaultProxy::start(&server).expect("a proxy");
        let backend = connect(&proxy.url("valkey")).await;
        Self {
            _server: server,
            proxy,
            backend,
        }
    }

    async fn cut(&self) {
        self.proxy.set(Fault::Refuse);
        while self.backend.get("x").await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    async fn mend(&self) {
        self.proxy.set(Fault::Pass);
        while self.backend.get("x").await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t36_unavailable_is_an_error_for_every_look_up() {
    let line = Line::new().await;
    let managers = Managers::new(line.backend.clone());
    let permissions = &managers.permissions;
    managers.jail_status.set(1_u64, 2_u64, true).await.unwrap();
    permissions.set(1_u64, "ban", row("ban", 9)).await.unwrap();
    line.cut().await;
    let errors = [
        managers.jail_status.get(1_u64, 2_u64).await.unwrap_err(),
        managers
            .jail_status
            .set(1_u64, 3_u64, false)
            .await
            .unwrap_err(),
        managers
            .jail_status
            .invalidate(1_u64, 3_u64)
            .await
            .unwrap_err(),
        managers.guild_config.get(1_u64).await.unwrap_err(),
        managers.prefix.get(1_u64).await.unwrap_err(),
        permissions.get(1_u64, "ban").await.unwrap_err(),
        permissions.get_many(1_u64, &["ban"]).await.unwrap_err(),
        permissions.get_fallback(1_u64, "ban").await.unwrap_err(),
        permissions.get_ranks(1_u64).await.unwrap_err(),
        permissions
            .get_user_rank(1_u64, 2_u64, &[5_u64])
            .await
            .unwrap_err(),
        // Nothing was asked to be remembered, so there is nothing stale to be had.
        managers
            .jail_status
            .get_or_stale(1_u64, 2_u64)
            .await
            .unwrap_err(),
    ];
    for error in &errors {
        assert!(error.is_unavailable(), "{error:?}");
    }
    let update = GuildConfigUpdate::new().audit_log_id(Some(1));
    assert!(managers.guild_config.set(1_u64, update).await.is_err());
    assert_eq!(
        managers.invalidate_guild(7_u64).await.unwrap_err().kind(),
        errors[0].kind()
    );
    let stats = managers.jail_status.stats();
    assert_eq!((stats.hits, stats.misses, stats.unavailable), (0, 0, 2));
    line.mend().await;
    let jailed = managers.jail_status.get(1_u64, 2_u64).await.unwrap();
    assert_eq!(jailed, Some(true), "the connection came back by itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t36_get_or_fetch_loads_once_and_keeps_nothing() {
    const TASKS: usize = 200;
    let line = Line::new().await;
    let jails = JailStatusCache::new(line.backend.clone());
    line.cut().await;
    let loads = Arc::new(AtomicU32::new(0));
    let (asked, end) = (
        Arc::new(Barrier::new(TASKS)),
        Arc::new(tokio::sync::Semaphore::new(0)),
    );
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (jails, loads, end) = (jails.clone(), Arc::clone(&loads), Arc::clone(&end));
            let asked = Arc::clone(&asked);
            tokio::spawn(async move {
                asked.wait().await;
                let load = async move || {
                    loads.fetch_add(1, Ordering::SeqCst);
                    end.acquire().await.expect("never closed").forget();
                    Ok::<_, Infallible>(true)
                };
                jails.get_or_fetch(1_u64, 2_u64, load).await
            })
        })
        .collect();
    // Every task was refused by the store, which is before it joins.
    while jails.stats().unavailable < TASKS as u64 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    end.add_permits(TASKS);
    for task in tasks {
        assert!(task.await.unwrap().unwrap());
    }
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    let permissions = PermissionCache::new(line.backend.clone());
    let load = async |_| Ok::<_, Infallible>([row("ban", 3)]);
    let rules = permissions
        .get_or_fetch_many(1_u64, &["ban", "kick"], load)
        .await
        .unwrap();
    assert_eq!(rules[0].required_rank(), Some(3));
    line.mend().await;
    assert_eq!(
        jails.get(1_u64, 2_u64).await.unwrap(),
        None,
        "nothing was kept"
    );
    assert_eq!(
        permissions.get_many(1_u64, &["ban", "kick"]).await.unwrap(),
        [None, None]
    );
    assert_eq!(jails.stats().published, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t36_failing_instead_of_loading_is_an_option() {
    let line = Line::new().await;
    let options = ManagerOptions::new().on_outage(OnOutage::Fail);
    let jails = JailStatusCache::with_options(line.backend.clone(), options);
    line.cut().await;
    let never = async || panic!("must not load") as Result<bool, Infallible>;
    let error = jails.get_or_fetch(1_u64, 2_u64, never).await.unwrap_err();
    assert!(error.is_unavailable());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t36_a_stale_answer_is_asked_for_labelled_and_bounded() {
    let line = Line::new().await;
    let options = ManagerOptions::new().keep_stale(Duration::from_secs(60), 100);
    let jails = JailStatusCache::with_options(line.backend.clone(), options.clone());
    let permissions = PermissionCache::with_options(line.backend.clone(), options);
    let short = ManagerOptions::new().keep_stale(Duration::from_millis(1), 100);
    let forgetful = JailStatusCache::with_options(line.backend.clone(), short);
    for user in [2_u64, 3] {
        jails.set(1_u64, user, true).await.unwrap();
        let fresh = jails.get_or_stale(1_u64, user).await.unwrap();
        assert_eq!(fresh, Some(MaybeStale::Fresh(true)));
    }
    forgetful.get(1_u64, 2_u64).await.unwrap();
    permissions.set(1_u64, "ban", row("ban", 9)).await.unwrap();
    permissions.get_many(1_u64, &["ban"]).await.unwrap();
    line.cut().await;
    let stale = jails
        .get_or_stale(1_u64, 2_u64)
        .await
        .unwrap()
        .expect("remembered");
    assert!(stale.is_stale());
    assert!(stale.into_inner());
    let rule = permissions
        .get_or_stale(1_u64, "ban")
        .await
        .unwrap()
        .expect("remembered");
    assert_eq!(rule.map(|rule| rule.required_rank()).into_inner(), Some(9));
    assert!(
        jails.get(1_u64, 2_u64).await.is_err(),
        "only for those who ask for it"
    );
    assert!(
        jails.get_or_stale(1_u64, 4_u64).await.is_err(),
        "never seen"
    );
    assert!(jails.invalidate(1_u64, 3_u64).await.is_err());
    assert!(
        jails.get_or_stale(1_u64, 3_u64).await.is_err(),
        "invalidated here meanwhile"
    );
    assert_eq!(jails.stats().stale_answers, 1);
    // A millisecond has passed long ago: the reconnecting backend alone took more.
    while forgetful.get_or_stale(1_u64, 2_u64).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
