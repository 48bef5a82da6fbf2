//! Command permissions, ranks and assignments.

use std::convert::Infallible;

use tux_cache::ErrorKind;
use tux_cache::backend::{Backend, from_wire_text};
use tux_cache::managers::{
    CommandRule, PermissionAssignment, PermissionCache, PermissionRank, PermissionRows, RoleId,
};

use crate::loads_many::row;

const GUILD: u64 = 1;

pub(crate) async fn known_to_be_absent_is_not_a_miss(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    assert_eq!(permissions.get(GUILD, "ban").await.unwrap(), None);
    let absent = async || Ok::<_, Infallible>(CommandRule::Unset);
    let rule = permissions
        .get_or_fetch(GUILD, "ban", absent)
        .await
        .unwrap();
    assert_eq!(rule, CommandRule::Unset);
    assert_eq!(
        permissions.get(GUILD, "ban").await.unwrap(),
        Some(CommandRule::Unset)
    );
    let stored = backend.get("perm:command_permission:1:ban").await.unwrap();
    assert_eq!(
        stored,
        Some(from_wire_text(r#"{"_v": null}"#)),
        "as on the wire"
    );
    permissions.set(GUILD, "ban", row("ban", 3)).await.unwrap();
    let stored = backend.get("perm:command_permission:1:ban").await.unwrap();
    let text = r#"{"_v": {"id": 0, "guild_id": 1, "command_name": "ban", "required_rank": 3,
        "description": null, "created_at": null, "updated_at": null}}"#;
    assert_eq!(stored, Some(from_wire_text(text)));
}

pub(crate) async fn fallback_goes_up_the_line(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let load = async |names: Vec<String>| {
        assert_eq!(names, ["a b c", "a b", "a"], "nearest first");
        Ok::<_, Infallible>(Some(row("a", 4)))
    };
    let rule = permissions
        .get_or_fetch_fallback(GUILD, "a b c", load)
        .await
        .unwrap();
    assert_eq!(rule.required_rank(), Some(4));
    let known = permissions.get_fallback(GUILD, "a b c").await.unwrap();
    assert_eq!(known.expect("cached").required_rank(), Some(4));
    // From the rules of the line, when all that is nearer is known.
    permissions.set(GUILD, "x", row("x", 5)).await.unwrap();
    assert_eq!(permissions.get_fallback(GUILD, "x y").await.unwrap(), None);
    permissions
        .set(GUILD, "x y", CommandRule::Unset)
        .await
        .unwrap();
    let known = permissions.get_fallback(GUILD, "x y").await.unwrap();
    assert_eq!(known.expect("known from the line").required_rank(), Some(5));
}

pub(crate) async fn ranks_assignments_and_users(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let ranks: PermissionRows<_> = (0..3)
        .map(|rank| PermissionRank {
            id: u64::from(rank) + 100,
            guild_id: GUILD,
            rank,
            name: format!("Rank {rank}"),
            ..PermissionRank::default()
        })
        .collect();
    let assignments = vec![PermissionAssignment {
        id: 1,
        guild_id: GUILD,
        permission_rank_id: 102,
        role_id: 5,
        created_at: Some("2026-01-02T03:04:05.000678+00:00".to_owned()),
        updated_at: None,
    }];
    permissions.set_ranks(GUILD, ranks.clone()).await.unwrap();
    permissions
        .set_assignments(GUILD, assignments.clone())
        .await
        .unwrap();
    assert_eq!(permissions.get_ranks(GUILD).await.unwrap(), Some(ranks));
    let read = permissions
        .get_assignments(GUILD)
        .await
        .unwrap()
        .expect("set");
    assert_eq!(read[..], assignments[..]);
    // The order of the roles does not matter, nor how they are typed.
    permissions
        .set_user_rank(GUILD, 7_u64, &[9_u64, 5], 2)
        .await
        .unwrap();
    let roles = [RoleId(5), RoleId(9), RoleId(5)];
    let rank = permissions
        .get_user_rank(GUILD, 7_u64, &roles)
        .await
        .unwrap();
    assert_eq!(rank, Some(2));
    let none: [u64; 0] = [];
    assert_eq!(
        permissions
            .get_user_rank(GUILD, 7_u64, &none)
            .await
            .unwrap(),
        None
    );
    let wire = backend
        .get("perm:user_permission_rank:1:7:(5, 9)")
        .await
        .unwrap();
    assert_eq!(wire, Some(2.into()));
    let load = async || Ok::<_, Infallible>(6);
    let rank = permissions
        .get_or_fetch_user_rank(GUILD, 8_u64, &[5_u64], load)
        .await
        .unwrap();
    assert_eq!(rank, 6);
    assert_eq!(permissions.invalidate_user(GUILD, 7_u64).await.unwrap(), 1);
    assert_eq!(
        permissions
            .get_user_rank(GUILD, 8_u64, &[5_u64])
            .await
            .unwrap(),
        Some(6)
    );
}

pub(crate) async fn a_rank_too_high_is_refused(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    let error = permissions
        .set_user_rank(GUILD, 7_u64, &[5_u64], 11)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("11") && error.to_string().contains("0 to 10"));
    let load = async || Ok::<_, Infallible>(200);
    let loaded = permissions
        .get_or_fetch_user_rank(GUILD, 7_u64, &[5_u64], load)
        .await;
    assert_eq!(loaded.unwrap_err().kind(), ErrorKind::Loader);
    assert_eq!(
        permissions
            .get_user_rank(GUILD, 7_u64, &[5_u64])
            .await
            .unwrap(),
        None
    );
}

pub(crate) async fn guild_wide_removal_reaches_every_family(backend: &Backend) {
    let permissions = PermissionCache::new(backend.clone());
    for guild in [GUILD, 11] {
        permissions.set_ranks(guild, vec![]).await.unwrap();
        permissions.set_assignments(guild, vec![]).await.unwrap();
        permissions.set(guild, "ban", row("ban", 3)).await.unwrap();
        permissions
            .set_fallback(guild, "ban list", row("ban", 3))
            .await
            .unwrap();
        permissions
            .set_user_rank(guild, 7_u64, &[5_u64], 2)
            .await
            .unwrap();
    }
    assert_eq!(permissions.invalidate_guild(GUILD).await.unwrap(), 5);
    assert_eq!(permissions.get_ranks(GUILD).await.unwrap(), None);
    assert_eq!(permissions.get(GUILD, "ban").await.unwrap(), None);
    assert_eq!(
        permissions.clear_all().await.unwrap(),
        5,
        "guild 11 was left alone until now"
    );
    assert_eq!(permissions.get_ranks(11_u64).await.unwrap(), None);
}
