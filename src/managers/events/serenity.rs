//! Events as serenity reads them. What is not named here changes nothing that is cached.

use ::serenity::model::event::Event;

use super::{GatewayEvent, GuildChange};
use crate::managers::RoleId;

impl GatewayEvent for Event {
    fn change(&self) -> Option<GuildChange> {
        Some(match self {
            // With `unavailable` it is an outage of Discord's.
            Self::GuildDelete(event) if !event.guild.unavailable => {
                GuildChange::GuildLeft(event.guild.id.into())
            }
            Self::GuildUpdate(event) => GuildChange::GuildUpdated(event.guild.id.into()),
            Self::GuildRoleUpdate(event) => {
                GuildChange::RoleUpdated(event.role.guild_id.into(), event.role.id.into())
            }
            Self::GuildRoleDelete(event) => {
                GuildChange::RoleDeleted(event.guild_id.into(), event.role_id.into())
            }
            Self::GuildMemberUpdate(event) => {
                GuildChange::MemberUpdated(event.guild_id.into(), event.user.id.into())
            }
            Self::GuildMemberRemove(event) => {
                GuildChange::MemberLeft(event.guild_id.into(), event.user.id.into())
            }
            Self::GuildBanAdd(event) => {
                GuildChange::MemberLeft(event.guild_id.into(), event.user.id.into())
            }
            Self::ChannelDelete(event) => {
                GuildChange::ChannelDeleted(event.channel.guild_id.into(), event.channel.id.into())
            }
            Self::ThreadDelete(event) => {
                GuildChange::ChannelDeleted(event.thread.guild_id.into(), event.thread.id.into())
            }
            _ => return None,
        })
    }

    fn has_role(&self, role: RoleId) -> Option<bool> {
        match self {
            Self::GuildMemberUpdate(event) => Some(event.roles.iter().any(|id| id.get() == role.0)),
            _ => None,
        }
    }
}
