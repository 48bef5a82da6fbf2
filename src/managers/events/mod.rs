//! Events of Discord's gateway: which of them makes wrong what is cached, and its removal.
//!
//! [`Managers::on_event`] takes an event of twilight (feature `twilight-model`), of serenity (feature `serenity`), or a
//! [`GuildChange`] from anywhere else, and removes what it makes wrong and nothing else. Which event removes what, and why, is a
//! page of the [guide](crate::guide).

#[cfg(feature = "serenity")]
mod serenity;
#[cfg(feature = "twilight-model")]
mod twilight;

use std::fmt;

use super::guild_config::GuildConfig;
use super::{ChannelId, GuildId, Managers, RoleId, UserId};
use crate::backend::{CacheValue, Json, KeyRef};
use crate::error::{Error, Result};

/// What an event says about a guild, if anything cached may follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GuildChange {
    /// The bot left the guild, or was removed from it. A guild that is unavailable was not left.
    GuildLeft(GuildId),
    /// The guild's own settings changed. Its owner may be among them: the event does not say who owned it before.
    GuildUpdated(GuildId),
    /// What a role permits, its name or its place changed.
    RoleUpdated(GuildId, RoleId),
    /// A role is gone.
    RoleDeleted(GuildId, RoleId),
    /// A member's roles may have changed.
    MemberUpdated(GuildId, UserId),
    /// A member left, was removed or was banned.
    MemberLeft(GuildId, UserId),
    /// A channel or a thread is gone.
    ChannelDeleted(GuildId, ChannelId),
}

impl fmt::Display for GuildChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GuildLeft(guild) => write!(f, "guild {guild} was left"),
            Self::GuildUpdated(guild) => write!(f, "guild {guild} was changed"),
            Self::RoleUpdated(guild, role) => write!(f, "role {role} of guild {guild} was changed"),
            Self::RoleDeleted(guild, role) => write!(f, "role {role} of guild {guild} was deleted"),
            Self::MemberUpdated(guild, user) => {
                write!(f, "member {user} of guild {guild} was changed")
            }
            Self::MemberLeft(guild, user) => write!(f, "member {user} left guild {guild}"),
            Self::ChannelDeleted(guild, channel) => {
                write!(f, "channel {channel} of guild {guild} was deleted")
            }
        }
    }
}

/// An event of the gateway, as some library reads it.
pub trait GatewayEvent {
    /// What it changes; `None` for an event that nothing cached follows from. Neither allocates nor waits.
    fn change(&self) -> Option<GuildChange>;

    /// For [`MemberUpdated`](GuildChange::MemberUpdated): whether the member has that role now. `None` if the event does not say.
    fn has_role(&self, role: RoleId) -> Option<bool> {
        let _ = role;
        None
    }
}

impl GatewayEvent for GuildChange {
    fn change(&self) -> Option<GuildChange> {
        Some(*self)
    }
}

/// What an event came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removed {
    /// What the event changed; `None` if nothing cached follows from it.
    pub change: Option<GuildChange>,
    /// How many entries went.
    pub entries: usize,
}

impl Managers {
    /// Removes what an event of the gateway makes wrong, here and in every process that shares the store; says what went.
    /// An event that nothing cached follows from is answered at once, without an allocation. Which event removes what is a
    /// table in the [guide](crate::guide).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tux_cache::Error> {
    /// use tux_cache::backend::InMemoryBackend;
    /// use tux_cache::managers::{GuildConfigUpdate, GuildId, Managers, RoleId, events::GuildChange};
    /// # use std::time::Duration;
    /// # let (guild, jail) = (GuildId(1), RoleId(5));
    /// let managers = Managers::new(InMemoryBackend::new(Duration::from_secs(300), Some(10_000)));
    /// managers.guild_config.set(guild, GuildConfigUpdate::new().jail_role(jail)).await?;
    /// let event = GuildChange::RoleDeleted(guild, jail); // or the event as twilight or serenity hands it over
    /// assert_eq!(managers.on_event(&event).await?.entries, 1);
    /// assert_eq!(managers.guild_config.get(guild).await?, None);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The store's, with the event's change in the text. What can be removed is removed all the same, and in Valkey the rest is
    /// retried by itself.
    ///
    /// # Cancel safety
    /// As that of the removals: in memory there is nothing to cancel; in Valkey what was begun is retried by itself.
    pub async fn on_event<E>(&self, event: &E) -> Result<Removed>
    where
        E: GatewayEvent + Sync + ?Sized,
    {
        let Some(change) = event.change() else {
            return Ok(Removed::default());
        };
        // Boxed: most events end above, and their futures stay small.
        let removed = Box::pin(self.remove_what_follows(change, event)).await;
        let entries = removed.map_err(|error| {
            let text = format!(
                "{change}, and not all that follows from it could be removed: {}",
                error.message()
            );
            Error::new(error.kind(), text).with_source(error)
        })?;
        Ok(Removed {
            change: Some(change),
            entries,
        })
    }

    async fn remove_what_follows<E>(&self, change: GuildChange, event: &E) -> Result<usize>
    where
        E: GatewayEvent + Sync + ?Sized,
    {
        match change {
            GuildChange::GuildLeft(guild) => self.invalidate_guild(guild).await,
            GuildChange::GuildUpdated(guild) | GuildChange::RoleUpdated(guild, _) => {
                self.permissions.invalidate_user_ranks(guild).await
            }
            GuildChange::RoleDeleted(guild, role) => {
                let named = |config: &GuildConfig| config.jail_role_id == Some(role.0);
                let (config, permissions) = tokio::join!(
                    self.remove_config_if(guild, named),
                    self.permissions.role_deleted(guild.0, role.0),
                );
                Ok(config? + permissions?)
            }
            GuildChange::MemberUpdated(guild, user) => {
                self.member_updated(guild, user, event).await
            }
            GuildChange::MemberLeft(guild, user) => {
                let (jailed, ranks) = tokio::join!(
                    self.jail_status.invalidate(guild, user),
                    self.permissions.invalidate_user(guild, user),
                );
                Ok(usize::from(jailed?) + ranks?)
            }
            GuildChange::ChannelDeleted(guild, channel) => {
                let channel = Some(channel.0);
                let named = |config: &GuildConfig| {
                    [
                        config.audit_log_id,
                        config.mod_log_id,
                        config.jail_channel_id,
                    ]
                    .contains(&channel)
                };
                self.remove_config_if(guild, named).await
            }
        }
    }

    /// Removes a configuration that is `wrong`; one that cannot be read, too.
    async fn remove_config_if(
        &self,
        guild: GuildId,
        wrong: impl Fn(&GuildConfig) -> bool,
    ) -> Result<usize> {
        let cache = &self.guild_config.cache;
        let key = KeyRef::GuildConfig { guild: guild.0 };
        match cache.ask(cache.backend(), key).await {
            Ok(None) => {
                // One that is being loaded may have been read before the event.
                cache.shared.void(key);
                Ok(0)
            }
            Ok(Some(found)) if !wrong(&found) => Ok(0),
            _ => self.guild_config.invalidate(guild).await.map(usize::from),
        }
    }

    /// Removes a jail status that does not fit the roles which the member has now. Ranks stand under the roles they follow
    /// from: with other roles another entry is asked for.
    async fn member_updated<E>(&self, guild: GuildId, user: UserId, event: &E) -> Result<usize>
    where
        E: GatewayEvent + Sync + ?Sized,
    {
        let (configs, jails) = (&self.guild_config.cache, &self.jail_status.cache);
        let status = KeyRef::JailStatus {
            guild: guild.0,
            user: user.0,
        };
        let config = KeyRef::GuildConfig { guild: guild.0 };
        let (status, config) = tokio::join!(
            jails.ask(jails.backend(), status),
            configs.ask(configs.backend(), config),
        );
        if matches!(status, Ok(None)) {
            // One that is being loaded may have been read before the event.
            jails.shared.void(KeyRef::JailStatus {
                guild: guild.0,
                user: user.0,
            });
        }
        let fits = match (&status, &config) {
            (Ok(None), _) => true,
            (Ok(Some(status)), Ok(Some(config))) => config
                .jail_role_id
                .and_then(|role| event.has_role(RoleId(role)))
                .is_some_and(|jailed| status.to_json() == Json::Bool(jailed)),
            _ => false,
        };
        match fits {
            true => Ok(0),
            false => self
                .jail_status
                .invalidate(guild, user)
                .await
                .map(usize::from),
        }
    }
}
