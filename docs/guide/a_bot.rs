// What the examples of the guide take for granted: ids of a type for each kind, a database, caches in memory.

use std::io;
use std::num::NonZeroU64;

use tux_cache::managers::{ChannelId, CommandPermission, GuildConfig, GuildId, Managers, PermissionAssignment, UserId};

// As the ids of twilight and serenity are, with their features.
macro_rules! ids {
    ($($name:ident: $ours:ident)*) => {$(
        #[derive(Clone, Copy)]
        struct $name(NonZeroU64);

        impl From<$name> for $ours {
            fn from(id: $name) -> Self {
                Self(id.0.get())
            }
        }
    )*};
}

ids! { Guild: GuildId User: UserId Channel: ChannelId }

// A pool: to be cloned, not copied.
#[derive(Clone)]
struct Database(std::sync::Arc<str>);

#[allow(dead_code, reason = "each block of the guide uses some of it")]
impl Database {
    async fn prefix(&self, _: Guild) -> Result<String, io::Error> {
        Ok(self.0.to_string())
    }

    async fn is_jailed(&self, _: Guild, _: User) -> Result<bool, io::Error> {
        Ok(false)
    }

    async fn permission(&self, _: Guild, command: &str) -> Result<Option<CommandPermission>, io::Error> {
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

#[allow(dead_code, reason = "each block of the guide uses some of it")]
struct Bot {
    setup: tux_cache::CacheSetup,
    caches: Managers,
    db: Database,
    guild: Guild,
    user: User,
    channel: Channel,
    rows: Vec<PermissionAssignment>,
}

async fn a_bot() -> Bot {
    let setup = tux_cache::CacheSetup::builder().memory_only().leave_shared().await;
    let id = |number| NonZeroU64::new(number).expect("an id");
    Bot {
        caches: setup.managers().clone(),
        setup,
        db: Database("!".into()),
        guild: Guild(id(41)),
        user: User(id(42)),
        channel: Channel(id(43)),
        rows: vec![PermissionAssignment::default()],
    }
}
