//! Owned keys, and how the engine looks them up without making one.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use papaya::Equivalent;

use super::borrowed::{Family, KeyRef, OtherKey, Roles, WIRE_PREFIX};
use super::text;

/// An owned key, as an in-memory entry keeps it. 48 bytes; cloning allocates nothing.
#[derive(Clone)]
pub struct Key {
    pub(super) head: Head,
    pub(super) tail: Tail,
}

/// The kind and the numbers of a key: for most families the whole of it. Missing numbers are 0, a case's number stands
/// where a user would.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(super) guild: u64,
    pub(super) user: u64,
    pub(super) kind: Kind,
}

/// [`Family`], and "none of them". A whole word: a byte that is written and then read with its padding would stall
/// the look-up.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Kind {
    GuildConfig = 1,
    JailStatus,
    Prefix,
    PermissionRanks,
    PermissionAssignments,
    UserPermissionRank,
    CommandPermission,
    CommandPermissionFallback,
    CaseByNumber,
    Other,
}

/// What does not fit in the head.
#[derive(Clone)]
pub(super) enum Tail {
    None,
    Roles(Arc<[u64]>),
    Text(Arc<str>),
}

/// A [`Tail`], borrowed. Equal heads have tails of the same kind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TailRef<'a> {
    None,
    Roles(&'a [u64]),
    Text(&'a str),
}

impl Tail {
    #[inline(always)]
    fn as_ref(&self) -> TailRef<'_> {
        match self {
            Self::None => TailRef::None,
            Self::Roles(roles) => TailRef::Roles(roles),
            Self::Text(text) => TailRef::Text(text),
        }
    }
}

impl Hash for TailRef<'_> {
    /// What stands last in a key needs no end mark of its own.
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match *self {
            Self::None => {}
            Self::Roles(roles) => roles.iter().for_each(|role| state.write_u64(*role)),
            Self::Text(text) => state.write(text.as_bytes()),
        }
    }
}

impl Hash for Head {
    /// One 128-bit word, so that a hit's hash costs as much as that of a pair. Snowflakes leave the top
    /// bits nearly constant; the kind goes there. Two keys that fall together are told apart by `Eq`.
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let high = self.guild ^ ((self.kind as u64) << 59);
        state.write_u128(u128::from(high) << 64 | u128::from(self.user));
    }
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
        text::parse(text)
    }

    /// A text of its own; the caller has made sure that it is not canonical for a typed key.
    pub(super) fn other(text: &str) -> Self {
        KeyRef::Other(OtherKey::of(text)).to_key()
    }

    /// The borrowed form.
    #[inline(always)]
    #[must_use]
    pub fn as_key_ref(&self) -> KeyRef<'_> {
        let Head { guild, user, kind } = self.head;
        let text = match &self.tail {
            Tail::Text(text) => text,
            _ => "",
        };
        match kind {
            Kind::GuildConfig => KeyRef::GuildConfig { guild },
            Kind::JailStatus => KeyRef::JailStatus { guild, user },
            Kind::Prefix => KeyRef::Prefix { guild },
            Kind::PermissionRanks => KeyRef::PermissionRanks { guild },
            Kind::PermissionAssignments => KeyRef::PermissionAssignments { guild },
            Kind::UserPermissionRank => KeyRef::UserPermissionRank {
                guild,
                user,
                roles: match &self.tail {
                    Tail::Roles(roles) => Roles::of(roles),
                    _ => Roles::of(&[]),
                },
            },
            Kind::CommandPermission => KeyRef::CommandPermission {
                guild,
                command: text,
            },
            Kind::CommandPermissionFallback => KeyRef::CommandPermissionFallback {
                guild,
                command: text,
            },
            Kind::CaseByNumber => KeyRef::CaseByNumber {
                guild,
                number: user,
            },
            Kind::Other => KeyRef::Other(OtherKey::of(text)),
        }
    }

    /// The family; `None` for a text of the user's own.
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        self.as_key_ref().family()
    }
}

impl Hash for Key {
    /// As [`KeyRef`] hashes.
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.head.hash(state);
        self.tail.as_ref().hash(state);
    }
}

impl PartialEq for Key {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.head == other.head && self.tail.as_ref() == other.tail.as_ref()
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

/// Looks a key of numbers up by its head: no branch on the family, nothing to drop. Only for heads of
/// [`KeyRef::numeric_head`]: their kind alone says that there is no tail, so equal heads are equal keys,
/// and both hash alike. (For the other kinds this would break `Borrow`'s rule; nobody looks those up so.)
impl Borrow<Head> for Key {
    #[inline(always)]
    fn borrow(&self) -> &Head {
        &self.head
    }
}

/// Looks a key with a name up by its parts.
pub(crate) struct Named<'a> {
    pub(crate) head: Head,
    pub(crate) text: &'a str,
}

impl Hash for Named<'_> {
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.head.hash(state);
        TailRef::Text(self.text).hash(state);
    }
}

impl Equivalent<Key> for Named<'_> {
    #[inline(always)]
    fn equivalent(&self, key: &Key) -> bool {
        self.head == key.head && matches!(&key.tail, Tail::Text(text) if **text == *self.text)
    }
}

/// Looks a key with roles up by its parts.
pub(crate) struct Ranked<'a> {
    pub(crate) head: Head,
    pub(crate) roles: &'a [u64],
}

impl Hash for Ranked<'_> {
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.head.hash(state);
        TailRef::Roles(self.roles).hash(state);
    }
}

impl Equivalent<Key> for Ranked<'_> {
    #[inline(always)]
    fn equivalent(&self, key: &Key) -> bool {
        // One by one, as they were written a moment ago: a wider load would have to wait for the stores.
        let same = |roles: &[u64]| {
            roles.len() == self.roles.len() && roles.iter().zip(self.roles).all(|(a, b)| a == b)
        };
        self.head == key.head && matches!(&key.tail, Tail::Roles(roles) if same(roles))
    }
}

/// Looks a [`Key`] up by a [`KeyRef`] that borrows its name: the engine asks for `K: Borrow<Q>`, and a
/// trait object is the one `Q` that both forms can lend.
pub(crate) trait AsKeyRef {
    fn head(&self) -> Head;
    fn tail(&self) -> TailRef<'_>;
}

impl AsKeyRef for Key {
    #[inline(always)]
    fn head(&self) -> Head {
        self.head
    }
    #[inline(always)]
    fn tail(&self) -> TailRef<'_> {
        self.tail.as_ref()
    }
}

impl AsKeyRef for KeyRef<'_> {
    #[inline(always)]
    fn head(&self) -> Head {
        KeyRef::head(self)
    }
    #[inline(always)]
    fn tail(&self) -> TailRef<'_> {
        KeyRef::tail(self)
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
        self.head().hash(state);
        self.tail().hash(state);
    }
}

impl PartialEq for dyn AsKeyRef + '_ {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.head() == other.head() && self.tail() == other.tail()
    }
}

impl Eq for dyn AsKeyRef + '_ {}
