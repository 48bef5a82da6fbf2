//! Events as twilight reads them. What is not named here changes nothing that is cached.

use twilight_model::gateway::event::Event;

use super::{GatewayEvent, GuildChange};
use crate::managers::RoleId;

impl GatewayEvent for Event {
    fn change(&self) -> Option<GuildChange> {
        Some(match self {
            // With `unavailable` it is an outage of Discord's.
            Self::GuildDelete(guild) if guild.unavailable != Some(true) => {
                GuildChange::GuildLeft(guild.id.into())
            }
            Self::GuildUpdate(guild) => GuildChange::GuildUpdated(guild.id.into()),
            Self::RoleUpdate(event) => {
                GuildChange::RoleUpdated(event.guild_id.into(), event.role.id.into())
            }
            Self::RoleDelete(event) => {
                GuildChange::RoleDeleted(event.guild_id.into(), event.role_id.into())
            }
            Self::MemberUpdate(member) => {
                GuildChange::MemberUpdated(member.guild_id.into(), member.user.id.into())
            }
            Self::MemberRemove(member) => {
                GuildChange::MemberLeft(member.guild_id.into(), member.user.id.into())
            }
            Self::BanAdd(ban) => GuildChange::MemberLeft(ban.guild_id.into(), ban.user.id.into()),
            // That of a private conversation has no guild.
            Self::ChannelDelete(channel) => {
                GuildChange::ChannelDeleted(channel.guild_id?.into(), channel.id.into())
            }
            Self::ThreadDelete(thread) => {
                GuildChange::ChannelDeleted(thread.guild_id.into(), thread.id.into())
            }
            _ => return None,
        })
    }

    fn has_role(&self, role: RoleId) -> Option<bool> {
        match self {
            Self::MemberUpdate(member) => Some(member.roles.iter().any(|id| id.get() == role.0)),
            _ => None,
        }
    }
}
