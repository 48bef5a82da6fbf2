//! Guild configurations: partial updates, and a configuration that is only known in part.

use tux_cache::managers::{GuildConfig, GuildConfigCacheManager, GuildConfigUpdate};

async fn from_database(_guild: u64) -> Result<GuildConfig, std::io::Error> {
    Ok(GuildConfig {
        audit_log_id: Some(11),
        mod_log_id: Some(22),
        ..GuildConfig::default()
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), tux_cache::Error> {
    let configs = GuildConfigCacheManager::in_memory();
    let guild = 123_456_789_012_345_678_u64;

    // Only the field named is written; the rest stays as it is, here: unknown.
    let update = GuildConfigUpdate::new().jail_role_id(None);
    configs.set(guild, update).await?;
    let part = configs.get(guild).await?.expect("set above");
    println!(
        "known in part, missing: {:?}",
        part.missing.names().collect::<Vec<_>>()
    );

    // A part is no answer to "the configuration": it is loaded, once, and kept.
    let whole = configs
        .get_or_fetch(guild, move || from_database(guild))
        .await?;
    println!(
        "audit log: {:?}, complete: {}",
        whole.audit_log_id,
        whole.is_complete()
    );

    // After a change in the database.
    configs.invalidate(guild).await?;
    println!("after the invalidation: {:?}", configs.get(guild).await?);
    Ok(())
}
