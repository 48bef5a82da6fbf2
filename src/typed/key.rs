//! What values of a family are named by: ids, numbers, texts, and pairs of these.

use super::ids::{ChannelId, GuildId, RoleId, UserId};
use crate::backend::{KeyForm, KeyParts};

/// A key of a [`Family`](super::Family).
///
/// | key | on the wire | group |
/// |---|---|---|
/// | `GuildId`, `UserId`, `RoleId`, `ChannelId`, `u64` | `{prefix}:{id}` | the id |
/// | two of these | `{prefix}:{first}:{second}` | the first |
/// | one of these and `&str` | `{prefix}:{id}:{text}` | the id |
/// | `&str` | `{prefix}:{text}` | none |
/// | `&str` and one of these | `{prefix}:{text}:{id}` | none |
///
/// Two texts are no key: joined, they could not be told from two others. Make one text of them by a rule of your own.
///
/// Keys are equal if their texts are, and every text is read back as the key that it was made of.
pub trait FamilyKey<'k>: Copy + Send + Sync + sealed::SealedKey {
    /// The same for longer: what a loader gets, and what it returns.
    type Owned: OwnedFamilyKey;
    /// What [`invalidate_group`](super::TypedCache::invalidate_group) takes. Keys without a group have [`NoGroup`].
    type Group: KeyGroup;

    #[doc(hidden)]
    const FORM: KeyForm;

    #[doc(hidden)]
    fn parts(self) -> KeyParts<'k>;
}

/// A [`FamilyKey`] that owns its text.
pub trait OwnedFamilyKey:
    Clone + Eq + std::hash::Hash + std::fmt::Debug + Send + Sync + sealed::SealedKey + 'static
{
    #[doc(hidden)]
    fn of_parts(parts: KeyParts<'_>) -> Self;

    #[doc(hidden)]
    fn parts(&self) -> KeyParts<'_>;
}

/// What keys are grouped by: the id that they begin with.
pub trait KeyGroup: Copy + sealed::SealedKey {
    /// Whether the groups are guilds.
    #[doc(hidden)]
    const IS_GUILD: bool = false;

    #[doc(hidden)]
    fn number(self) -> u64;
}

/// The group of keys that have none. There is no value of it.
#[derive(Clone, Copy, Debug)]
pub enum NoGroup {}

impl sealed::SealedKey for NoGroup {}

impl KeyGroup for NoGroup {
    fn number(self) -> u64 {
        match self {}
    }
}

mod sealed {
    /// Keys are what this library can write and read back.
    pub trait SealedKey {}
}

/// Ids and plain numbers.
trait Id: KeyGroup + OwnedFamilyKey {
    fn of(number: u64) -> Self;
}

macro_rules! ids {
    ($($type:ident $(guild $is_guild:literal)?: $of:expr, $number:expr;)*) => {$(
        impl sealed::SealedKey for $type {}

        impl KeyGroup for $type {
            $(const IS_GUILD: bool = $is_guild;)?

            #[inline(always)]
            fn number(self) -> u64 {
                $number(self)
            }
        }

        impl Id for $type {
            #[inline(always)]
            fn of(number: u64) -> Self {
                $of(number)
            }
        }

        impl OwnedFamilyKey for $type {
            fn of_parts(parts: KeyParts<'_>) -> Self {
                Self::of(parts.first)
            }

            fn parts(&self) -> KeyParts<'_> {
                FamilyKey::parts(*self)
            }
        }

        impl<'k> FamilyKey<'k> for $type {
            type Owned = Self;
            type Group = Self;
            const FORM: KeyForm = KeyForm::Number;

            #[inline(always)]
            fn parts(self) -> KeyParts<'k> {
                KeyParts::new(self.number(), 0, None)
            }
        }

        impl<'k> FamilyKey<'k> for ($type, &'k str) {
            type Owned = ($type, String);
            type Group = $type;
            const FORM: KeyForm = KeyForm::NumberText;

            #[inline(always)]
            fn parts(self) -> KeyParts<'k> {
                KeyParts::new(self.0.number(), 0, Some(self.1))
            }
        }

        impl OwnedFamilyKey for ($type, String) {
            fn of_parts(parts: KeyParts<'_>) -> Self {
                ($type::of(parts.first), parts.text().to_owned())
            }

            fn parts(&self) -> KeyParts<'_> {
                FamilyKey::parts((self.0, self.1.as_str()))
            }
        }

        impl<'k> FamilyKey<'k> for (&'k str, $type) {
            type Owned = (String, $type);
            type Group = NoGroup;
            const FORM: KeyForm = KeyForm::TextNumber;

            #[inline(always)]
            fn parts(self) -> KeyParts<'k> {
                KeyParts::new(0, self.1.number(), Some(self.0))
            }
        }

        impl OwnedFamilyKey for (String, $type) {
            fn of_parts(parts: KeyParts<'_>) -> Self {
                (parts.text().to_owned(), $type::of(parts.second))
            }

            fn parts(&self) -> KeyParts<'_> {
                FamilyKey::parts((self.0.as_str(), self.1))
            }
        }
    )*};
}

ids! {
    GuildId guild true: GuildId, |id: GuildId| id.0;
    UserId: UserId, |id: UserId| id.0;
    RoleId: RoleId, |id: RoleId| id.0;
    ChannelId: ChannelId, |id: ChannelId| id.0;
    u64: std::convert::identity, std::convert::identity;
}

impl<A: sealed::SealedKey, B: sealed::SealedKey> sealed::SealedKey for (A, B) {}
impl sealed::SealedKey for &str {}
impl sealed::SealedKey for String {}

impl<'k, A: Id, B: Id> FamilyKey<'k> for (A, B) {
    type Owned = Self;
    type Group = A;
    const FORM: KeyForm = KeyForm::Numbers;

    #[inline(always)]
    fn parts(self) -> KeyParts<'k> {
        KeyParts::new(self.0.number(), self.1.number(), None)
    }
}

impl<A: Id, B: Id> OwnedFamilyKey for (A, B) {
    fn of_parts(parts: KeyParts<'_>) -> Self {
        (A::of(parts.first), B::of(parts.second))
    }

    fn parts(&self) -> KeyParts<'_> {
        FamilyKey::parts(*self)
    }
}

impl<'k> FamilyKey<'k> for &'k str {
    type Owned = String;
    type Group = NoGroup;
    const FORM: KeyForm = KeyForm::Text;

    #[inline(always)]
    fn parts(self) -> KeyParts<'k> {
        KeyParts::new(0, 0, Some(self))
    }
}

impl OwnedFamilyKey for String {
    fn of_parts(parts: KeyParts<'_>) -> Self {
        parts.text().to_owned()
    }

    fn parts(&self) -> KeyParts<'_> {
        FamilyKey::parts(self.as_str())
    }
}
