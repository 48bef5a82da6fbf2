//! Permissions: batches with one loader call, fallback to parent commands, and what an assignment invalidates.

use tux_cache::managers::{CommandPermission, CommandRule, PermissionAssignment, PermissionCache};

fn row(name: &str, required_rank: u8) -> CommandPermission {
    CommandPermission {
        command_name: name.to_owned(),
        required_rank,
        ..CommandPermission::default()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), tux_cache::Error> {
    let permissions = PermissionCache::in_memory();
    let (guild, user, roles) = (1_u64, 2_u64, [5_u64, 9]);

    // One call of the loader for all that is missing; what it does not return is known to be unset.
    let load = async |names: Vec<String>| {
        println!("asked the database for {names:?}");
        Ok::<_, std::io::Error>(vec![row("ban", 3)])
    };
    let rules = permissions
        .get_or_fetch_many(guild, &["ban", "ping"], load)
        .await?;
    println!(
        "ban asks for {:?}, ping for {:?}",
        rules[0].required_rank(),
        rules[1].required_rank()
    );

    // "ban list" has no rule of its own, so its parent's holds.
    permissions
        .set(guild, "ban list", CommandRule::Unset)
        .await?;
    let nearest = permissions.get_fallback(guild, "ban list").await?;
    println!(
        "ban list asks for {:?}",
        nearest.and_then(|rule| rule.required_rank())
    );

    // A role is given a rank: what was known about users is gone at once.
    permissions.set_user_rank(guild, user, &roles, 0).await?;
    let assignments = vec![PermissionAssignment::default()];
    permissions.set_assignments(guild, assignments).await?;
    println!(
        "the user's rank: {:?}",
        permissions.get_user_rank(guild, user, &roles).await?
    );
    Ok(())
}
