//! The stale reads known in the original, which these managers must not repeat.

use std::convert::Infallible;

use tux_cache::backend::Backend;
use tux_cache::managers::{
    GuildConfig, GuildConfigCacheManager, PermissionAssignment, PermissionCache,
};

use crate::loads::{Held, held};
use crate::loads_many::row;

const GUILD: u64 = 1;

pub(crate) async fn the_rank_of_a_user_after_a_role_assignment(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let remember = async || {
        for user in [7_u64, 8] {
            permissions
                .set_user_rank(GUILD, user, &[5_u64, 9], 0)
                .await
                .unwrap();
        }
        permissions
            .set_user_rank(2_u64, 7_u64, &[5_u64], 4)
            .await
            .unwrap();
    };
    let forgotten = async |why: &str| {
        for user in [7_u64, 8] {
            let rank = permissions
                .get_user_rank(GUILD, user, &[5_u64, 9])
                .await
                .unwrap();
            assert_eq!(rank, None, "{why}");
        }
        let other = permissions
            .get_user_rank(2_u64, 7_u64, &[5_u64])
            .await
            .unwrap();
        assert_eq!(other, Some(4), "another guild's: {why}");
    };
    remember().await;
    let assignment = PermissionAssignment {
        guild_id: GUILD,
        role_id: 5,
        ..PermissionAssignment::default()
    };
    permissions
        .set_assignments(GUILD, vec![assignment])
        .await
        .unwrap();
    forgotten("a role was given a rank").await;
    remember().await;
    permissions.invalidate_assignments(GUILD).await.unwrap();
    forgotten("assignments changed").await;
    remember().await;
    permissions.set_ranks(GUILD, vec![]).await.unwrap();
    forgotten("ranks changed").await;
    remember().await;
    permissions.invalidate_ranks(GUILD).await.unwrap();
    forgotten("ranks went").await;
}

pub(crate) async fn the_children_of_a_command_after_a_permission_on_its_parent(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let resolve = async |rank: u8, command: &str| {
        let load = async move |_| Ok::<_, Infallible>(Some(row("ban", rank)));
        let rule = permissions
            .get_or_fetch_fallback(GUILD, command, load)
            .await
            .unwrap();
        rule.required_rank()
    };
    for command in ["ban", "ban list", "ban list all", "banish"] {
        assert_eq!(resolve(1, command).await, Some(1));
    }
    permissions.set(GUILD, "ban", row("ban", 8)).await.unwrap();
    for command in ["ban", "ban list", "ban list all"] {
        assert_eq!(
            resolve(8, command).await,
            Some(8),
            "{command} is loaded again"
        );
    }
    assert_eq!(
        resolve(8, "banish").await,
        Some(1),
        "a name beside it is left alone"
    );
    permissions.invalidate(GUILD, "ban list").await.unwrap();
    for command in ["ban", "ban list", "ban list all"] {
        assert_eq!(
            resolve(2, command).await,
            Some(2),
            "{command}: parents and children"
        );
    }
    assert_eq!(
        permissions.get(GUILD, "ban").await.unwrap(),
        None,
        "the parent's rule too"
    );
}

pub(crate) async fn t02_a_value_put_back_by_a_load_in_flight(backend: &Backend) {
    let configs = GuildConfigCacheManager::new(backend.clone());
    let Held { running, end, load } = held();
    let old = GuildConfig {
        audit_log_id: Some(1),
        ..GuildConfig::default()
    };
    let in_flight = tokio::spawn({
        let configs = configs.clone();
        async move { configs.get_or_fetch(GUILD, move || load.run(old)).await }
    });
    running.await.unwrap();
    // The controller writes the database, then invalidates.
    configs.invalidate(GUILD).await.unwrap();
    end.notify_one();
    in_flight.await.unwrap().unwrap();
    assert_eq!(configs.get(GUILD).await.unwrap(), None);
}

/// The dependents of what is set: loaded from the old rows before the set, published during it or never.
pub(crate) async fn t26_what_depends_on_a_rule_and_was_in_flight_when_it_was_set(
    backend: &Backend,
) {
    let permissions = PermissionCache::new(backend.clone());
    let fallback = held();
    let in_flight = tokio::spawn({
        let permissions = permissions.clone();
        let load = fallback.load;
        async move {
            let load = move |_| load.run(Some(row("ban", 1)));
            permissions
                .get_or_fetch_fallback(GUILD, "ban list", load)
                .await
        }
    });
    fallback.running.await.unwrap();
    permissions.set(GUILD, "ban", row("ban", 8)).await.unwrap();
    fallback.end.notify_one();
    assert_eq!(in_flight.await.unwrap().unwrap().required_rank(), Some(1));
    let stored = permissions.get_fallback(GUILD, "ban list").await.unwrap();
    assert_eq!(stored, None, "the old fallback is not put back");

    // Only now: each removal voids what is in flight of other keys too.
    let rank = held();
    let ranking = tokio::spawn({
        let permissions = permissions.clone();
        let load = rank.load;
        async move {
            let load = move || load.run(9);
            permissions
                .get_or_fetch_user_rank(GUILD, 7_u64, &[5_u64], load)
                .await
        }
    });
    rank.running.await.unwrap();
    permissions.set_assignments(GUILD, vec![]).await.unwrap();
    rank.end.notify_one();
    assert_eq!(ranking.await.unwrap().unwrap(), 9);
    let stored = permissions.get_user_rank(GUILD, 7_u64, &[5_u64]).await;
    assert_eq!(stored.unwrap(), None, "the old rank is not put back");
}

/// No lock, no flight and no counter stays for a guild that was only touched once: what one guild leaves
/// behind is its entry, and nothing when that is gone.
pub(crate) async fn locks_are_not_kept_for_every_guild_seen(backend: &Backend) {
    let configs = GuildConfigCacheManager::new(backend.clone());
    let update = tux_cache::managers::GuildConfigUpdate::new().audit_log_id(Some(1));
    for guild in 0..2_000_u64 {
        configs.set(guild, update).await.unwrap();
        let load = async || Ok::<_, Infallible>(GuildConfig::default());
        configs.get_or_fetch(guild, load).await.unwrap();
        configs.invalidate(guild).await.unwrap();
    }
    // The manager's own state: flights under way are all it ever keeps by key, and none is left.
    assert!(format!("{configs:?}").contains("flights: 0"), "{configs:?}");
}
