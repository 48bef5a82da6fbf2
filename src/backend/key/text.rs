//! The text of keys: strict reading, the inverse of `Display`.

use super::borrowed::KeyRef;
use super::custom;
use super::owned::Key;
use super::parts::{KeyFamily, Roles, TailRef, WIRE_PREFIX, parse_id, parse_tuple};
use crate::error::{Error, ErrorKind};

/// The longest key in bytes, without `tux:`. Far above any typed key; below what would let one key
/// hold up a connection.
pub const MAX_KEY_BYTES: usize = 64 * 1024;

/// Refuses a key that is too long for the wire, the same on every backend.
pub(crate) fn check_length(key: &str) -> Result<(), Error> {
    if key.len() <= MAX_KEY_BYTES {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidKey,
        format!(
            "the key that starts with {:?} has {} bytes; at most {MAX_KEY_BYTES} are allowed",
            excerpt(key),
            key.len()
        ),
    ))
}

impl KeyRef<'_> {
    /// [`check_length`] of its text, which is made only if it can be too long.
    pub(crate) fn check_length(&self) -> Result<(), Error> {
        /// Prefix and numbers.
        const ELSE: usize = 256;
        match self.tail() {
            TailRef::Text(text) if text.len() > MAX_KEY_BYTES - ELSE => {
                check_length(&self.to_string())
            }
            _ => Ok(()),
        }
    }
}

/// A text without one leading `tux:`, which names the same entry.
pub(crate) fn strip_wire_prefix(text: &str) -> &str {
    text.strip_prefix(WIRE_PREFIX).unwrap_or(text)
}

/// The first few characters of a text, for a message.
pub(crate) fn excerpt(text: &str) -> &str {
    match text.char_indices().nth(48) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

impl Key {
    /// The key a text stands for. One leading `tux:` is taken off: with or without it, a text names
    /// the same entry, as it does in Valkey.
    ///
    /// ```
    /// use tux_cache::backend::{KeyFamily, Key};
    /// assert_eq!(Key::parse("jail_status:1:2").family(), Some(KeyFamily::JailStatus));
    /// assert_eq!(Key::parse("jail_status:01:2").family(), None); // an entry of its own
    /// assert_eq!(Key::parse("tux:prefix:7"), Key::parse("prefix:7"));
    /// ```
    ///
    /// A text that begins with the prefix of a [`Family`](crate::Family) is that family's key once a cache of the family
    /// was made. Do not keep a key from before that.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = strip_wire_prefix(text);
        if let Some(key) = parse_typed(text) {
            return key;
        }
        match custom::parse(text) {
            Some((family, parts)) => KeyRef::Custom { family, parts }.to_key(),
            None => Self::other(text),
        }
    }
}

fn parse_typed(text: &str) -> Option<Key> {
    let family = KeyFamily::ALL
        .into_iter()
        .find(|family| text.starts_with(family.prefix()))?;
    let rest = &text[family.prefix().len()..];
    if family.is_one_per_guild() {
        let guild = parse_id(rest)?;
        let key = match family {
            KeyFamily::GuildConfig => KeyRef::GuildConfig { guild },
            KeyFamily::Prefix => KeyRef::Prefix { guild },
            KeyFamily::PermissionRanks => KeyRef::PermissionRanks { guild },
            _ => KeyRef::PermissionAssignments { guild },
        };
        return Some(key.to_key());
    }
    let (guild, rest) = rest.split_once(':')?;
    let guild = parse_id(guild)?;
    Some(match family {
        KeyFamily::JailStatus => {
            let user = parse_id(rest)?;
            KeyRef::JailStatus { guild, user }.to_key()
        }
        KeyFamily::CaseByNumber => {
            let number = parse_id(rest)?;
            KeyRef::CaseByNumber { guild, number }.to_key()
        }
        KeyFamily::UserPermissionRank => {
            let (user, roles) = rest.split_once(':')?;
            let (user, roles) = (parse_id(user)?, parse_tuple(roles)?);
            let roles = Roles::new(&roles)?;
            KeyRef::UserPermissionRank { guild, user, roles }.to_key()
        }
        KeyFamily::CommandPermission => KeyRef::CommandPermission {
            guild,
            command: rest,
        }
        .to_key(),
        _ => KeyRef::CommandPermissionFallback {
            guild,
            command: rest,
        }
        .to_key(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_family_has_the_text_of_the_wire() {
        let roles = [5, 9];
        let cases: [(KeyRef<'_>, &str); 10] = [
            (KeyRef::GuildConfig { guild: 1 }, "guild_config:1"),
            (KeyRef::JailStatus { guild: 1, user: 2 }, "jail_status:1:2"),
            (KeyRef::Prefix { guild: 1 }, "prefix:1"),
            (
                KeyRef::PermissionRanks { guild: 1 },
                "perm:permission_ranks:1",
            ),
            (
                KeyRef::PermissionAssignments { guild: 1 },
                "perm:permission_assignments:1",
            ),
            (
                KeyRef::UserPermissionRank {
                    guild: 1,
                    user: 2,
                    roles: Roles::new(&roles).unwrap(),
                },
                "perm:user_permission_rank:1:2:(5, 9)",
            ),
            (
                KeyRef::UserPermissionRank {
                    guild: 1,
                    user: 2,
                    roles: Roles::new(&roles[..1]).unwrap(),
                },
                "perm:user_permission_rank:1:2:(5,)",
            ),
            (
                KeyRef::CommandPermission {
                    guild: 1,
                    command: "a b c",
                },
                "perm:command_permission:1:a b c",
            ),
            (
                KeyRef::CommandPermissionFallback {
                    guild: 1,
                    command: "a:b",
                },
                "perm:command_permission_fallback:1:a:b",
            ),
            (
                KeyRef::CaseByNumber {
                    guild: 1,
                    number: 7,
                },
                "case:by_number:1:7",
            ),
        ];
        for (key, text) in cases {
            assert_eq!(key.to_string(), text);
            assert_eq!(key.to_wire(), format!("tux:{text}"));
            assert_eq!(Key::parse(text).as_key_ref(), key);
        }
    }

    #[test]
    fn what_is_not_canonical_is_an_entry_of_its_own() {
        for text in [
            "jail_status:01:2",
            "jail_status:1:2:3",
            "jail_status:1:",
            "jail_status:+1:2",
            "jail_status:1: 2",
            "guild_config:18446744073709551616",
            "guild_config:",
            "perm:user_permission_rank:1:2:(9, 5)",
            "perm:user_permission_rank:1:2:(5, 5)",
            "perm:user_permission_rank:1:2:(5)",
            "perm:user_permission_rank:1:2:(5,9)",
            "perm:command_permission:x:a",
            "case:by_number:1:07",
            "case:by_number:1:7:8",
            "case:by_number:1",
            "",
            "tux:tux:prefix:1",
        ] {
            let key = Key::parse(text);
            assert_eq!(key.family(), None, "{text:?}");
        }
        assert_eq!(Key::parse("tux:tux:prefix:1").to_string(), "tux:prefix:1");
    }

    #[test]
    fn a_key_is_48_bytes() {
        assert_eq!(size_of::<Key>(), 48);
    }

    /// `Key`, `KeyRef` and what both lend must hash alike, or a look-up by one misses the other.
    #[test]
    fn every_form_of_a_key_hashes_alike() {
        use super::super::owned::AsKeyRef;
        use std::hash::{BuildHasher, RandomState};
        let hasher = RandomState::new();
        for text in [
            "guild_config:1",
            "jail_status:1:2",
            "prefix:1",
            "perm:permission_ranks:1",
            "perm:permission_assignments:1",
            "perm:user_permission_rank:1:2:(5, 9)",
            "perm:command_permission:1:a",
            "perm:command_permission_fallback:1:a",
            "case:by_number:1:7",
            "x",
        ] {
            let key = Key::parse(text);
            let lent: &dyn AsKeyRef = &key;
            let hash = hasher.hash_one(&key);
            assert_eq!(hash, hasher.hash_one(key.as_key_ref()), "{text}");
            assert_eq!(hash, hasher.hash_one(lent), "{text}");
            if let Some(head) = key.as_key_ref().numeric_head() {
                assert_eq!(hash, hasher.hash_one(head), "{text}");
            }
            assert_eq!(key.as_key_ref().to_key(), key, "{text}");
        }
    }

    fn near_keys() -> impl Strategy<Value = String> {
        let family = prop::sample::select(KeyFamily::ALL.map(KeyFamily::prefix).to_vec());
        let id = prop_oneof!["[0-9]{1,3}", "[0-9]{18,21}", "[+0 ]?[0-9]{0,2}"];
        let tail = prop_oneof![
            "",
            ":[0-9]{1,4}",
            ":[0-9]:\\([0-9]{0,2}(, ?[0-9]{1,2}){0,3},?\\)",
            ":.{0,8}",
        ];
        (family, id, tail).prop_map(|(f, i, t)| format!("{f}{i}{t}"))
    }

    proptest! {
        #[test]
        fn text_and_key_are_inverse(text in prop_oneof![near_keys(), ".{0,40}"]) {
            let stripped = text.strip_prefix("tux:").unwrap_or(&text);
            let key = Key::parse(&text);
            prop_assert_eq!(key.to_string(), stripped);
            prop_assert_eq!(Key::parse(&key.as_key_ref().to_wire()), key);
        }
    }
}
