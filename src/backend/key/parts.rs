//! What keys are made of, borrowed or owned: their family, their numbers, and the name or the roles behind them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What every key in Valkey starts with.
pub const WIRE_PREFIX: &str = "tux:";

/// The families of keys shared with the Python side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyFamily {
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
    /// `case:by_number:{guild}:{number}`
    CaseByNumber,
}

impl KeyFamily {
    /// Every family, in the order of the wire's table.
    pub const ALL: [Self; 9] = [
        Self::GuildConfig,
        Self::JailStatus,
        Self::Prefix,
        Self::PermissionRanks,
        Self::PermissionAssignments,
        Self::UserPermissionRank,
        Self::CommandPermission,
        Self::CommandPermissionFallback,
        Self::CaseByNumber,
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
            Self::CaseByNumber => "case:by_number:",
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
    /// Of ids that are known to ascend strictly.
    pub(crate) fn of(ascending: &'a [u64]) -> Self {
        Self(ascending)
    }

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

/// A text that is not the canonical text of a typed key; only [`Key::parse`](super::Key::parse) makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OtherKey<'a>(&'a str);

impl<'a> OtherKey<'a> {
    /// Of a text that is known not to be canonical.
    pub(super) fn of(text: &'a str) -> Self {
        Self(text)
    }

    /// The text without `tux:`.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// The kind and the numbers of a key: for most families the whole of it. Missing numbers are 0, a case's number stands
/// where a user would, and so does the second number of a declared family.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(super) guild: u64,
    pub(super) user: u64,
    pub(super) kind: KeyKind,
}

/// [`KeyFamily`], one of the declared families, or "none of them". A whole word: a byte that is written and then read with
/// its padding would stall the look-up.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct KeyKind(u64);

#[allow(
    non_upper_case_globals,
    reason = "they are matched on as the families are"
)]
impl KeyKind {
    pub(super) const GuildConfig: Self = Self(1);
    pub(super) const JailStatus: Self = Self(2);
    pub(super) const Prefix: Self = Self(3);
    pub(super) const PermissionRanks: Self = Self(4);
    pub(super) const PermissionAssignments: Self = Self(5);
    pub(super) const UserPermissionRank: Self = Self(6);
    pub(super) const CommandPermission: Self = Self(7);
    pub(super) const CommandPermissionFallback: Self = Self(8);
    pub(super) const CaseByNumber: Self = Self(9);
    pub(super) const Other: Self = Self(10);

    /// That of a declared family, whose bits say its form from the 17th on: greater than all of the above.
    #[inline(always)]
    pub(super) const fn custom(bits: u32) -> Self {
        Self(bits as u64)
    }

    /// What [`custom`](Self::custom) was given; of other kinds nothing that makes sense.
    #[inline(always)]
    pub(super) const fn custom_bits(self) -> u32 {
        self.0 as u32
    }
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
    pub(super) fn as_ref(&self) -> TailRef<'_> {
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
        let high = self.guild ^ self.kind.0.rotate_right(5);
        state.write_u128(u128::from(high) << 64 | u128::from(self.user));
    }
}

/// A tuple as Python prints it: `()`, `(5,)`, `(5, 9)`.
pub(super) fn write_tuple(f: &mut fmt::Formatter<'_>, ids: &[u64]) -> fmt::Result {
    f.write_str("(")?;
    for (i, id) in ids.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{id}")?;
    }
    f.write_str(if ids.len() == 1 { ",)" } else { ")" })
}

/// Decimal digits without sign or leading zero.
pub(super) fn parse_id(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if bytes[0] == b'0' && bytes.len() > 1 {
        return None;
    }
    text.parse().ok()
}

/// The inverse of [`write_tuple`]; the ids in whatever order they have.
pub(super) fn parse_tuple(text: &str) -> Option<Vec<u64>> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    if inner.is_empty() {
        return Some(Vec::new());
    }
    if let Some(one) = inner.strip_suffix(',') {
        return Some(vec![parse_id(one)?]);
    }
    let ids = inner
        .split(", ")
        .map(parse_id)
        .collect::<Option<Vec<_>>>()?;
    (ids.len() > 1).then_some(ids)
}
