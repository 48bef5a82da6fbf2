//! Typed keys: what a manager asks for, without a string in between.
//!
//! Every key has one canonical text (`jail_status:1:2`), which is what follows `tux:` in Valkey.
//! [`Key::parse`] maps exactly the canonical text of a typed key to the typed key, and every other
//! text (`jail_status:01:2`, `jail_status:1:2:3`, …) to an entry of its own. Both directions are
//! inverse to each other, so the string interface and the typed one meet on the same entries and
//! never confuse two.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::key_text;

/// What every key in Valkey starts with.
pub const WIRE_PREFIX: &str = "tux:";

/// The families of keys shared with the Python side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// `guild_config:{guild}`
    GuildConfig,
    /// `jail_status:{guild}:{user}`
    JailStatus,
    /// `prefix:{guild}`
    Prefix,
    /// `perm:permission_ranks:{guild}`
    PermissionRanks,
    /// `perm:permission_assignments:{guild}`
    PermissionAssignments,
    /// `perm:user_permission_rank:{guild}:{user}:{roles}`
    UserPermissionRank,
    /// `perm:command_permission:{guild}:{command}`
    CommandPermission,
    /// `perm:command_permission_fallback:{guild}:{command}`
    CommandPermissionFallback,
}

impl Family {
    /// Every family, in the order of the wire's table.
    pub const ALL: [Self; 8] = [
        Self::GuildConfig,
        Self::JailStatus,
        Self::Prefix,
        Self::PermissionRanks,
        Self::PermissionAssignments,
        Self::UserPermissionRank,
        Self::CommandPermission,
        Self::CommandPermissionFallback,
    ];

    /// The text before the guild's id, without `tux:`.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::GuildConfig => "guild_config:",
            Self::JailStatus => "jail_status:",
            Self::Prefix => "prefix:",
            Self::PermissionRanks => "perm:permission_ranks:",
            Self::PermissionAssignments => "perm:permission_assignments:",
            Self::UserPermissionRank => "perm:user_permission_rank:",
            Self::CommandPermission => "perm:command_permission:",
            Self::CommandPermissionFallback => "perm:command_permission_fallback:",
        }
    }

    /// Whether one guild has one key of this family, and nothing follows the guild's id.
    #[must_use]
    pub const fn is_one_per_guild(self) -> bool {
        matches!(
            self,
            Self::GuildConfig | Self::Prefix | Self::PermissionRanks | Self::PermissionAssignments
        )
    }
}

/// Role ids in strictly ascending order, as part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Roles<'a>(&'a [u64]);

impl<'a> Roles<'a> {
    /// `None` unless the ids ascend strictly (sorted, no id twice).
    #[must_use]
    pub fn new(ascending: &'a [u64]) -> Option<Self> {
        ascending
            .is_sorted_by(|a, b| a < b)
            .then_some(Self(ascending))
    }

    /// Sorts `ids`, removes what is there twice, and borrows the result.
    pub fn sort(ids: &'a mut Vec<u64>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        Self(ids)
    }

    /// The ids.
    #[must_use]
    pub fn as_slice(self) -> &'a [u64] {
        self.0
    }
}

/// A text that is not the canonical text of a typed key; only [`Key::parse`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OtherKey<'a>(&'a str);

impl<'a> OtherKey<'a> {
    /// The text without `tux:`.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// A borrowed key: made on the stack for a look-up, without allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are what their names say
pub enum KeyRef<'a> {
    /// `guild_config:{guild}`
    GuildConfig { guild: u64 },
    /// `jail_status:{guild}:{user}`
    JailStatus { guild: u64, user: u64 },
    /// `prefix:{guild}`
    Prefix { guild: u64 },
    /// `perm:permission_ranks:{guild}`
    PermissionRanks { guild: u64 },
    /// `perm:permission_assignments:{guild}`
    PermissionAssignments { guild: u64 },
    /// `perm:user_permission_rank:{guild}:{user}:{roles}`
    UserPermissionRank {
        guild: u64,
        user: u64,
        roles: Roles<'a>,
    },
    /// `perm:command_permission:{guild}:{command}`
    CommandPermission { guild: u64, command: &'a str },
    /// `perm:command_permission_fallback:{guild}:{command}`
    CommandPermissionFallback { guild: u64, command: &'a str },
    /// Any other text.
    Other(OtherKey<'a>),
}

impl<'a> KeyRef<'a> {
    /// The family; `None` for a text of the user's own.
    #[must_use]
    pub const fn family(&self) -> Option<Family> {
        Some(match self {
            Self::GuildConfig { .. } => Family::GuildConfig,
            Self::JailStatus { .. } => Family::JailStatus,
            Self::Prefix { .. } => Family::Prefix,
            Self::PermissionRanks { .. } => Family::PermissionRanks,
            Self::PermissionAssignments { .. } => Family::PermissionAssignments,
            Self::UserPermissionRank { .. } => Family::UserPermissionRank,
            Self::CommandPermission { .. } => Family::CommandPermission,
            Self::CommandPermissionFallback { .. } => Family::CommandPermissionFallback,
            Self::Other(_) => return None,
        })
    }

    /// The guild of a typed key.
    #[must_use]
    pub const fn guild(&self) -> Option<u64> {
        match self {
            Self::GuildConfig { guild }
            | Self::JailStatus { guild, .. }
            | Self::Prefix { guild }
            | Self::PermissionRanks { guild }
            | Self::PermissionAssignments { guild }
            | Self::UserPermissionRank { guild, .. }
            | Self::CommandPermission { guild, .. }
            | Self::CommandPermissionFallback { guild, .. } => Some(*guild),
            Self::Other(_) => None,
        }
    }

    /// The key as it stands in Valkey: `tux:` and the canonical text. One allocation.
    #[must_use]
    pub fn to_wire(&self) -> String {
        use fmt::Write;
        let mut out = String::with_capacity(64);
        out.push_str(WIRE_PREFIX);
        // Writing to a `String` cannot fail.
        let _ = write!(out, "{self}");
        out
    }

    /// An owned key. Allocates only for roles, command names and other texts.
    #[must_use]
    pub fn to_key(&self) -> Key {
        self.to_numeric_key().unwrap_or_else(|| match *self {
            Self::UserPermissionRank { guild, user, roles } => Key(Repr::UserPermissionRank {
                guild,
                user,
                roles: roles.0.into(),
            }),
            Self::CommandPermission { guild, command } => Key(Repr::CommandPermission {
                guild,
                command: command.into(),
            }),
            Self::CommandPermissionFallback { guild, command } => {
                Key(Repr::CommandPermissionFallback {
                    guild,
                    command: command.into(),
                })
            }
            Self::Other(other) => Key(Repr::Other(other.0.into())),
            _ => unreachable!("numeric keys are made above"),
        })
    }

    /// The owned key if it takes no allocation: all families but those with names or role lists.
    #[inline(always)]
    pub(crate) fn to_numeric_key(self) -> Option<Key> {
        let (family, guild, user) = match self {
            Self::GuildConfig { guild } => (NumericFamily::GuildConfig, guild, 0),
            Self::JailStatus { guild, user } => (NumericFamily::JailStatus, guild, user),
            Self::Prefix { guild } => (NumericFamily::Prefix, guild, 0),
            Self::PermissionRanks { guild } => (NumericFamily::PermissionRanks, guild, 0),
            Self::PermissionAssignments { guild } => {
                (NumericFamily::PermissionAssignments, guild, 0)
            }
            _ => return None,
        };
        Some(Key(Repr::Numeric(Numeric {
            family,
            guild,
            user,
        })))
    }

    /// A small number of the kind of key, mixed into the hash.
    #[inline(always)]
    const fn tag(&self) -> u64 {
        match self {
            Self::GuildConfig { .. } => 1,
            Self::JailStatus { .. } => 2,
            Self::Prefix { .. } => 3,
            Self::PermissionRanks { .. } => 4,
            Self::PermissionAssignments { .. } => 5,
            Self::UserPermissionRank { .. } => 6,
            Self::CommandPermission { .. } => 7,
            Self::CommandPermissionFallback { .. } => 8,
            Self::Other(_) => 9,
        }
    }
}

impl Hash for KeyRef<'_> {
    /// One 128-bit word for the numeric families, so that a hit's hash costs as much as that of a pair.
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let word = |guild, low| word(self.tag(), guild, low);
        match *self {
            Self::JailStatus { guild, user } => state.write_u128(word(guild, user)),
            Self::GuildConfig { guild }
            | Self::Prefix { guild }
            | Self::PermissionRanks { guild }
            | Self::PermissionAssignments { guild } => state.write_u128(word(guild, 0)),
            Self::UserPermissionRank { guild, user, roles } => {
                state.write_u128(word(guild, user));
                roles.0.hash(state);
            }
            Self::CommandPermission { guild, command }
            | Self::CommandPermissionFallback { guild, command } => {
                state.write_u128(word(guild, 0));
                command.hash(state);
            }
            Self::Other(other) => {
                state.write_u128(word(0, 0));
                other.0.hash(state);
            }
        }
    }
}

impl fmt::Display for KeyRef<'_> {
    /// The canonical text, without `tux:`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(family) = self.family() else {
            let Self::Other(other) = self else {
                return Ok(());
            };
            return f.write_str(other.0);
        };
        f.write_str(family.prefix())?;
        match self {
            Self::GuildConfig { guild }
            | Self::Prefix { guild }
            | Self::PermissionRanks { guild }
            | Self::PermissionAssignments { guild } => write!(f, "{guild}"),
            Self::JailStatus { guild, user } => write!(f, "{guild}:{user}"),
            Self::UserPermissionRank { guild, user, roles } => {
                write!(f, "{guild}:{user}:")?;
                key_text::write_tuple(f, roles.0)
            }
            Self::CommandPermission { guild, command }
            | Self::CommandPermissionFallback { guild, command } => write!(f, "{guild}:{command}"),
            Self::Other(_) => Ok(()),
        }
    }
}

/// An owned key, as an in-memory entry keeps it. 40 bytes; cloning allocates nothing.
#[derive(Clone)]
pub struct Key(Repr);

#[derive(Clone)]
enum Repr {
    /// The families whose keys are numbers: one shape for all, so that a look-up compares three words
    /// and does not branch on the family. `user` is 0 where there is none.
    Numeric(Numeric),
    UserPermissionRank {
        guild: u64,
        user: u64,
        roles: Arc<[u64]>,
    },
    CommandPermission {
        guild: u64,
        command: Arc<str>,
    },
    CommandPermissionFallback {
        guild: u64,
        command: Arc<str>,
    },
    Other(Arc<str>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Numeric {
    family: NumericFamily,
    guild: u64,
    user: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum NumericFamily {
    GuildConfig = 1,
    JailStatus = 2,
    Prefix = 3,
    PermissionRanks = 4,
    PermissionAssignments = 5,
}

impl Numeric {
    #[inline(always)]
    fn as_key_ref(self) -> KeyRef<'static> {
        let guild = self.guild;
        match self.family {
            NumericFamily::GuildConfig => KeyRef::GuildConfig { guild },
            NumericFamily::JailStatus => KeyRef::JailStatus {
                guild,
                user: self.user,
            },
            NumericFamily::Prefix => KeyRef::Prefix { guild },
            NumericFamily::PermissionRanks => KeyRef::PermissionRanks { guild },
            NumericFamily::PermissionAssignments => KeyRef::PermissionAssignments { guild },
        }
    }
}

/// The one word that is hashed of a key's numbers. Snowflakes leave the top bits nearly constant; the tag
/// goes there. Two kinds of keys that fall together are told apart by `Eq`.
#[inline(always)]
fn word(tag: u64, guild: u64, low: u64) -> u128 {
    u128::from(guild ^ (tag << 59)) << 64 | u128::from(low)
}

impl Key {
    /// The key a text stands for. One leading `tux:` is taken off: with or without it, a text names
    /// the same entry, as it does in Valkey.
    ///
    /// ```
    /// use tux_cache::backend::{Family, Key};
    /// assert_eq!(Key::parse("jail_status:1:2").family(), Some(Family::JailStatus));
    /// assert_eq!(Key::parse("jail_status:01:2").family(), None); // an entry of its own
    /// assert_eq!(Key::parse("tux:prefix:7"), Key::parse("prefix:7"));
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix(WIRE_PREFIX).unwrap_or(text);
        key_text::parse(text)
    }

    /// A text of its own; the caller has made sure that it is not canonical for a typed key.
    pub(super) fn other(text: &str) -> Self {
        Self(Repr::Other(text.into()))
    }

    /// The borrowed form.
    #[inline(always)]
    #[must_use]
    pub fn as_key_ref(&self) -> KeyRef<'_> {
        match &self.0 {
            Repr::Numeric(numeric) => numeric.as_key_ref(),
            Repr::UserPermissionRank { guild, user, roles } => KeyRef::UserPermissionRank {
                guild: *guild,
                user: *user,
                roles: Roles(roles),
            },
            Repr::CommandPermission { guild, command } => KeyRef::CommandPermission {
                guild: *guild,
                command,
            },
            Repr::CommandPermissionFallback { guild, command } => {
                KeyRef::CommandPermissionFallback {
                    guild: *guild,
                    command,
                }
            }
            Repr::Other(text) => KeyRef::Other(OtherKey(text)),
        }
    }

    /// The family; `None` for a text of the user's own.
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        self.as_key_ref().family()
    }
}

impl Hash for Key {
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            // The same word as `KeyRef` hashes, without telling the families apart.
            Repr::Numeric(n) => state.write_u128(word(n.family as u64, n.guild, n.user)),
            _ => self.as_key_ref().hash(state),
        }
    }
}

impl PartialEq for Key {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Numeric(a), Repr::Numeric(b)) => a == b,
            (Repr::Numeric(_), _) | (_, Repr::Numeric(_)) => false,
            _ => self.as_key_ref() == other.as_key_ref(),
        }
    }
}

impl Eq for Key {}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_key_ref().fmt(f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.to_string())
    }
}

/// Looks a [`Key`] up by a [`KeyRef`] that borrows its name: the engine asks for `K: Borrow<Q>`, and a
/// trait object is the one `Q` that both forms can lend.
pub(crate) trait AsKeyRef {
    fn key_ref(&self) -> KeyRef<'_>;
}

impl AsKeyRef for Key {
    #[inline(always)]
    fn key_ref(&self) -> KeyRef<'_> {
        self.as_key_ref()
    }
}

impl AsKeyRef for KeyRef<'_> {
    #[inline(always)]
    fn key_ref(&self) -> KeyRef<'_> {
        *self
    }
}

impl<'a> Borrow<dyn AsKeyRef + 'a> for Key {
    #[inline(always)]
    fn borrow(&self) -> &(dyn AsKeyRef + 'a) {
        self
    }
}

impl Hash for dyn AsKeyRef + '_ {
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key_ref().hash(state);
    }
}

impl PartialEq for dyn AsKeyRef + '_ {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.key_ref() == other.key_ref()
    }
}

impl Eq for dyn AsKeyRef + '_ {}
