//! `docs/in_your_bot.md`, with ids and a pool as a bot has them.

use std::io;
use std::num::NonZeroU64;

use tux_cache::Error;
use tux_cache::managers::{CommandPermission, GuildConfig, Managers, PermissionAssignment};

/// As the ids of twilight and serenity are: of a type for each kind, converting into a number and no further.
macro_rules! ids {
    ($($name:ident)*) => {$(
        #[derive(Clone, Copy)]
        struct $name(NonZeroU64);

        impl From<$name> for u64 {
            fn from(id: $name) -> Self {
                id.0.get()
            }
        }
    )*};
}

ids! { Guild User Channel }

/// A pool: to be cloned, not copied.
#[derive(Clone)]
struct Database(std::sync::Arc<str>);

impl Database {
    async fn prefix(&self, _: Guild) -> Result<String, io::Error> {
        Ok(self.0.to_string())
    }

    async fn is_jailed(&self, _: Guild, _: User) -> Result<bool, io::Error> {
        Ok(false)
    }

    async fn permission(
        &self,
        _: Guild,
        command: &str,
    ) -> Result<Option<CommandPermission>, io::Error> {
        Ok(Some(CommandPermission {
            command_name: command.to_owned(),
            required_rank: 3,
            ..CommandPermission::default()
        }))
    }

    async fn config(&self, _: Guild) -> Result<GuildConfig, io::Error> {
        Ok(GuildConfig::default())
    }
}

/// From the environment of the tests: without a server it is memory. The process-wide managers come along.
#[rustfmt::skip]
async fn start() -> (tux_cache::CacheSetup, Managers) {
use tux_cache::CacheSetup;
use tux_cache::managers::GuildConfigUpdate;

let setup = CacheSetup::from_env().await;   // Valkey if $VALKEY_URL (or $VALKEY_HOST) answers, else memory; never fails, and says which
let caches = setup.managers().clone();      // cheap to clone; hand it to your event handlers
    let _ = GuildConfigUpdate::new();
    (setup, caches)
}

#[rustfmt::skip]
async fn message(caches: &Managers, db: &Database, guild: Guild, user: User) -> Result<(String, bool, Option<u8>, GuildConfig), Error> {
let prefix = caches.prefix.get_or_fetch(guild, { let db = db.clone(); async move || db.prefix(guild).await }).await?;
let jailed = caches.jail_status.get_or_fetch(guild, user, { let db = db.clone(); async move || db.is_jailed(guild, user).await }).await?;
let rule   = caches.permissions.get_or_fetch(guild, "ban", { let db = db.clone(); async move || db.permission(guild, "ban").await }).await?;
let config = caches.guild_config.get_or_fetch(guild, { let db = db.clone(); async move || db.config(guild).await }).await?;
    Ok((prefix.to_string(), jailed, rule.required_rank(), config))
}

#[rustfmt::skip]
async fn written(setup: &tux_cache::CacheSetup, caches: &Managers, guild: Guild, user: User, channel: Channel, rows: Vec<PermissionAssignment>) -> Result<(), Error> {
    use tux_cache::managers::GuildConfigUpdate;
caches.guild_config.set(guild, GuildConfigUpdate::new().audit_log(channel).jail_role_id(None)).await?;
caches.jail_status.set(guild, user, true).await?;
caches.permissions.invalidate(guild, "ban").await?;     // with its parents and its children
caches.permissions.set_assignments(guild, rows).await?; // the ranks of the guild's users go with it
setup.invalidate_guild(guild).await?;                   // the bot left
    Ok(())
}

#[rustfmt::skip]
async fn end(setup: &tux_cache::CacheSetup) {
setup.close().await;
}

fn id(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).expect("an id")
}

#[tokio::test]
async fn the_guide_does_what_it_says() {
    let (setup, caches) = start().await;
    let (guild, user, channel) = (Guild(id(41)), User(id(42)), Channel(id(43)));
    let db = Database("!".into());
    let (prefix, jailed, rank, config) = message(&caches, &db, guild, user).await.unwrap();
    assert_eq!((prefix.as_str(), jailed, rank), ("!", false, Some(3)));
    assert_eq!(config, GuildConfig::default());
    let rows = vec![PermissionAssignment::default()];
    written(&setup, &caches, guild, user, channel, rows)
        .await
        .unwrap();
    assert_eq!(caches.prefix.get(guild).await.unwrap(), None);
    end(&setup).await;
}
