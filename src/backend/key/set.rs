//! Sets of keys that go together: what an invalidation reaches beyond one key.

use std::fmt::{self, Write};

use super::borrowed::KeyRef;
use super::custom::{CustomFamily, KeyForm, KeyParts};
use super::parts::KeyFamily;

/// Keys that are invalidated at once, by predicate in memory and by prefix in Valkey.
///
/// A set names texts, not meanings: `JailStatus` of guild 1 is everything whose text starts with
/// `jail_status:1:`, so that every backend removes the same entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySet<'a> {
    /// A whole family, over all guilds.
    Family(KeyFamily),
    /// What one family holds for one guild.
    Guild(KeyFamily, u64),
    /// The ranks of one user in one guild, under whatever roles.
    UserRanks {
        /// The guild's id.
        guild: u64,
        /// The user's id.
        user: u64,
    },
    /// All commands below `parent` (`"a"` reaches `"a b"` and `"a b c"`), not `parent` itself.
    /// For the families [`CommandPermission`](KeyFamily::CommandPermission) and
    /// [`CommandPermissionFallback`](KeyFamily::CommandPermissionFallback).
    Children {
        /// One of the two command families.
        family: KeyFamily,
        /// The guild's id.
        guild: u64,
        /// The command above.
        parent: &'a str,
    },
    /// All keys of a family that the application has declared.
    Custom(CustomFamily),
    /// Those of its keys that begin with this number.
    CustomGroup(CustomFamily, u64),
    /// Every key whose text (without `tux:`) starts with this.
    Prefix(&'a str),
}

/// How a set is reached on a store that knows texts only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach<'a> {
    /// It is one key.
    Key(KeyRef<'a>),
    /// It is everything that starts with this text (without `tux:`).
    Prefix(String),
}

impl<'a> KeySet<'a> {
    /// Whose keys they are, if they are one guild's, or have another number in common by which they are grouped.
    pub(crate) fn guild(&self) -> Option<u64> {
        match *self {
            Self::Guild(_, guild)
            | Self::UserRanks { guild, .. }
            | Self::Children { guild, .. }
            | Self::CustomGroup(_, guild) => Some(guild),
            Self::Family(_) | Self::Custom(_) | Self::Prefix(_) => None,
        }
    }

    /// Whose keys the sets are, if all of them are one guild's.
    #[cfg(feature = "valkey")]
    pub(crate) fn guild_of_all(sets: &[Self]) -> Option<u64> {
        let guild = sets.first()?.guild()?;
        sets.iter()
            .all(|set| set.guild() == Some(guild))
            .then_some(guild)
    }

    /// The set as one key or one prefix.
    pub(crate) fn reach(&self) -> Reach<'a> {
        Reach::Prefix(match *self {
            Self::Family(family) => family.prefix().to_owned(),
            Self::Guild(family, guild) => match family {
                KeyFamily::GuildConfig => return Reach::Key(KeyRef::GuildConfig { guild }),
                KeyFamily::Prefix => return Reach::Key(KeyRef::Prefix { guild }),
                KeyFamily::PermissionRanks => return Reach::Key(KeyRef::PermissionRanks { guild }),
                KeyFamily::PermissionAssignments => {
                    return Reach::Key(KeyRef::PermissionAssignments { guild });
                }
                _ => format!("{}{guild}:", family.prefix()),
            },
            Self::UserRanks { guild, user } => {
                format!("{}{guild}:{user}:", KeyFamily::UserPermissionRank.prefix())
            }
            Self::Children {
                family,
                guild,
                parent,
            } => format!("{}{guild}:{parent} ", family.prefix()),
            Self::Custom(family) => family.prefix().to_owned(),
            Self::CustomGroup(family, first) if family.form() == KeyForm::Number => {
                let parts = KeyParts::new(first, 0, None);
                return Reach::Key(KeyRef::Custom { family, parts });
            }
            Self::CustomGroup(family, first) => format!("{}{first}:", family.prefix()),
            Self::Prefix(prefix) => prefix.to_owned(),
        })
    }
}

/// Whether the canonical text of `key` starts with `prefix`. No allocation.
pub(crate) fn starts_with(key: KeyRef<'_>, prefix: &str) -> bool {
    if let KeyRef::Other(other) = key {
        return other.as_str().starts_with(prefix);
    }
    // Most keys of other families are told apart by the family's text alone.
    let head = match key {
        KeyRef::Custom { family, .. } => Some(family.prefix()),
        _ => key.family().map(KeyFamily::prefix),
    };
    if let Some(head) = head {
        let shared = head.len().min(prefix.len());
        if head.as_bytes()[..shared] != prefix.as_bytes()[..shared] {
            return false;
        }
        if shared == prefix.len() {
            return true;
        }
    }
    let mut matcher = Matcher { rest: prefix };
    // An error means that the texts differ, or that the prefix is used up.
    let _ = write!(matcher, "{key}");
    matcher.rest.is_empty()
}

/// Consumes a prefix piece by piece as the key writes its text; stops writing as soon as it is decided.
struct Matcher<'p> {
    rest: &'p str,
}

impl Write for Matcher<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let shared = piece.len().min(self.rest.len());
        if piece.as_bytes()[..shared] != self.rest.as_bytes()[..shared] {
            return Err(fmt::Error);
        }
        // `shared` bytes are equal in both texts, and it is the whole length of one of them; a prefix
        // that ends inside a character of the piece is not a `str`, so the cut is at a boundary.
        self.rest = self.rest.get(shared..).ok_or(fmt::Error)?;
        if self.rest.is_empty() {
            return Err(fmt::Error);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::owned::Key;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_child_is_below_its_parent_and_not_beside_it() {
        let set = KeySet::Children {
            family: KeyFamily::CommandPermission,
            guild: 1,
            parent: "ban",
        };
        let Reach::Prefix(prefix) = set.reach() else {
            panic!("a prefix was expected")
        };
        let inside = |text: &str| starts_with(Key::parse(text).as_key_ref(), &prefix);
        assert!(inside("perm:command_permission:1:ban list"));
        assert!(!inside("perm:command_permission:1:ban"));
        assert!(!inside("perm:command_permission:1:banish"));
        assert!(!inside("perm:command_permission:12:ban list"));
        assert!(!inside("perm:command_permission_fallback:1:ban list"));
    }

    #[test]
    fn a_guild_is_not_a_prefix_of_another() {
        let Reach::Prefix(prefix) = KeySet::Guild(KeyFamily::JailStatus, 1).reach() else {
            panic!("a prefix was expected")
        };
        assert!(!starts_with(
            KeyRef::JailStatus { guild: 12, user: 1 },
            &prefix
        ));
        assert!(starts_with(
            KeyRef::JailStatus { guild: 1, user: 1 },
            &prefix
        ));
        assert_eq!(
            KeySet::Guild(KeyFamily::Prefix, 1).reach(),
            Reach::Key(KeyRef::Prefix { guild: 1 })
        );
    }

    proptest! {
        #[test]
        fn starts_with_is_that_of_the_text(
            text in "(jail_status:|prefix:|perm:|guild_config:|permé)?[0-9]{0,2}:?[a-c é]{0,3}",
            cut in 0usize..30,
            other in "[a-cé:]{0,6}",
        ) {
            let key = Key::parse(&text);
            let text = key.to_string();
            let cut = (0..=cut.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap();
            for prefix in [&text[..cut], other.as_str(), &format!("{text}{other}"), "perm:command_permission:"] {
                prop_assert_eq!(starts_with(key.as_key_ref(), prefix), text.starts_with(prefix));
            }
        }
    }
}
