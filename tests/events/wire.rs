//! The events as Discord sends them, through twilight and through serenity.

use serde::de::DeserializeSeed;
use serde_json::{Value, json};
use tux_cache::managers::events::{GatewayEvent, GuildChange};
use tux_cache::managers::{ChannelId, GuildId, RoleId, UserId};
use twilight_model::gateway::event::{Event as TwilightEvent, GatewayEventDeserializer};

const GUILD: GuildId = GuildId(1);
const USER: UserId = UserId(2);
const ROLE: RoleId = RoleId(5);
const CHANNEL: ChannelId = ChannelId(7);

fn through_twilight(event: &Value) -> TwilightEvent {
    let text = event.to_string();
    let seed = GatewayEventDeserializer::from_json(&text).expect("an opcode");
    let mut json = serde_json::Deserializer::from_str(&text);
    let event = seed
        .deserialize(&mut json)
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    event.into()
}

fn through_serenity(event: &Value) -> serenity::model::event::Event {
    serde_json::from_value(event.clone()).unwrap_or_else(|error| panic!("{event}: {error}"))
}

fn event(name: &str, data: Value) -> Value {
    json!({ "op": 0, "s": 1, "t": name, "d": data })
}

fn user() -> Value {
    json!({ "id": "2", "username": "u", "discriminator": "0", "avatar": null, "global_name": null })
}

fn role() -> Value {
    json!({
        "id": "5", "name": "r", "color": 0, "hoist": false, "icon": null, "unicode_emoji": null, "position": 1,
        "permissions": "8", "managed": false, "mentionable": false, "flags": 0,
        "colors": { "primary_color": 0, "secondary_color": null, "tertiary_color": null }
    })
}

fn channel() -> Value {
    json!({
        "id": "7", "type": 0, "guild_id": "1", "name": "c", "position": 0, "permission_overwrites": [],
        "nsfw": false, "topic": null, "parent_id": null, "last_message_id": null, "rate_limit_per_user": 0,
        "flags": 0
    })
}

fn guild() -> Value {
    json!({
        "id": "1", "name": "g", "icon": null, "splash": null, "discovery_splash": null, "owner_id": "9",
        "afk_channel_id": null, "afk_timeout": 300, "verification_level": 0,
        "default_message_notifications": 0, "explicit_content_filter": 0, "roles": [], "emojis": [],
        "features": [], "mfa_level": 0, "application_id": null, "system_channel_id": null,
        "system_channel_flags": 0, "rules_channel_id": null, "max_members": 100, "vanity_url_code": null,
        "description": null, "banner": null, "premium_tier": 0, "premium_subscription_count": 0,
        "preferred_locale": "en-US", "public_updates_channel_id": null, "nsfw_level": 0, "nsfw": false,
        "premium_progress_bar_enabled": false, "stickers": [], "safety_alerts_channel_id": null,
        "region": "r", "widget_enabled": false, "guild_id": "1"
    })
}

fn member(roles: &[&str]) -> Value {
    json!({
        "guild_id": "1", "roles": roles, "user": user(), "nick": null, "avatar": null, "banner": null,
        "joined_at": "2020-01-01T00:00:00.000000+00:00", "premium_since": null, "deaf": false, "mute": false,
        "pending": false, "communication_disabled_until": null, "flags": 0
    })
}

#[test]
fn both_libraries_say_the_same_of_what_discord_sends() {
    let of_user = || json!({ "guild_id": "1", "user": user() });
    let of_role = || json!({ "guild_id": "1", "role": role() });
    let left = Some(GuildChange::MemberLeft(GUILD, USER));
    let gone = Some(GuildChange::ChannelDeleted(GUILD, CHANNEL));
    for (name, data, change) in [
        (
            "GUILD_DELETE",
            json!({ "id": "1" }),
            Some(GuildChange::GuildLeft(GUILD)),
        ),
        (
            "GUILD_DELETE",
            json!({ "id": "1", "unavailable": false }),
            Some(GuildChange::GuildLeft(GUILD)),
        ),
        // An outage of Discord's is no leave.
        (
            "GUILD_DELETE",
            json!({ "id": "1", "unavailable": true }),
            None,
        ),
        (
            "GUILD_UPDATE",
            guild(),
            Some(GuildChange::GuildUpdated(GUILD)),
        ),
        ("GUILD_ROLE_CREATE", of_role(), None),
        (
            "GUILD_ROLE_UPDATE",
            of_role(),
            Some(GuildChange::RoleUpdated(GUILD, ROLE)),
        ),
        (
            "GUILD_ROLE_DELETE",
            json!({ "guild_id": "1", "role_id": "5" }),
            Some(GuildChange::RoleDeleted(GUILD, ROLE)),
        ),
        (
            "GUILD_MEMBER_UPDATE",
            member(&["5"]),
            Some(GuildChange::MemberUpdated(GUILD, USER)),
        ),
        ("GUILD_MEMBER_REMOVE", of_user(), left),
        ("GUILD_BAN_ADD", of_user(), left),
        ("GUILD_BAN_REMOVE", of_user(), None),
        ("CHANNEL_DELETE", channel(), gone),
        ("CHANNEL_CREATE", channel(), None),
        (
            "THREAD_DELETE",
            json!({ "id": "7", "guild_id": "1", "parent_id": "8", "type": 11 }),
            gone,
        ),
    ] {
        let event = event(name, data);
        assert_eq!(
            through_twilight(&event).change(),
            change,
            "twilight: {event}"
        );
        assert_eq!(
            through_serenity(&event).change(),
            change,
            "serenity: {event}"
        );
    }
}

#[test]
fn the_roles_of_a_member_are_read_where_an_event_has_them() {
    let update = event("GUILD_MEMBER_UPDATE", member(&["5"]));
    let removal = event(
        "GUILD_MEMBER_REMOVE",
        json!({ "guild_id": "1", "user": user() }),
    );
    for (role, has) in [(ROLE, true), (RoleId(6), false)] {
        assert_eq!(through_twilight(&update).has_role(role), Some(has));
        assert_eq!(through_serenity(&update).has_role(role), Some(has));
        assert_eq!(through_twilight(&removal).has_role(role), None);
        assert_eq!(through_serenity(&removal).has_role(role), None);
    }
}

/// A private conversation belongs to no guild.
#[test]
fn a_private_channel_changes_nothing() {
    let channel = json!({ "id": "7", "type": 1, "recipients": [user()], "last_message_id": null });
    let event = event("CHANNEL_DELETE", channel);
    assert_eq!(through_twilight(&event).change(), None);
}
