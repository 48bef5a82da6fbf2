//! Owned keys, and how the engine looks them up without making one.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};

use papaya::Equivalent;

use super::borrowed::KeyRef;
use super::custom::{CustomFamily, KeyParts};
use super::parts::{Head, KeyFamily, KeyKind, OtherKey, Roles, Tail, TailRef};

/// An owned key, as an in-memory entry keeps it. 48 bytes; cloning allocates nothing.
#[derive(Clone)]
pub struct Key {
    pub(super) head: Head,
    pub(super) tail: Tail,
}

impl Key {
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
            KeyKind::GuildConfig => KeyRef::GuildConfig { guild },
            KeyKind::JailStatus => KeyRef::JailStatus { guild, user },
            KeyKind::Prefix => KeyRef::Prefix { guild },
            KeyKind::PermissionRanks => KeyRef::PermissionRanks { guild },
            KeyKind::PermissionAssignments => KeyRef::PermissionAssignments { guild },
            KeyKind::UserPermissionRank => KeyRef::UserPermissionRank {
                guild,
                user,
                roles: match &self.tail {
                    Tail::Roles(roles) => Roles::of(roles),
                    _ => Roles::of(&[]),
                },
            },
            KeyKind::CommandPermission => KeyRef::CommandPermission {
                guild,
                command: text,
            },
            KeyKind::CommandPermissionFallback => KeyRef::CommandPermissionFallback {
                guild,
                command: text,
            },
            KeyKind::CaseByNumber => KeyRef::CaseByNumber {
                guild,
                number: user,
            },
            KeyKind::Other => KeyRef::Other(OtherKey::of(text)),
            custom => {
                let text = matches!(self.tail, Tail::Text(_)).then_some(text);
                let family = CustomFamily::of_kind(custom);
                let parts = KeyParts::new(guild, user, text);
                KeyRef::Custom { family, parts }
            }
        }
    }

    /// The family of this library; `None` for those of an application, and for a text of its own.
    #[must_use]
    pub fn family(&self) -> Option<KeyFamily> {
        self.as_key_ref().family()
    }
}

impl KeyRef<'_> {
    /// An owned key. Allocates only for roles, command names and other texts.
    #[must_use]
    pub fn to_key(&self) -> Key {
        Key {
            head: self.head(),
            tail: match self.tail() {
                TailRef::Roles(roles) => Tail::Roles(roles.into()),
                TailRef::Text(text) => Tail::Text(text.into()),
                TailRef::None => Tail::None,
            },
        }
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
