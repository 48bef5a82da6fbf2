//! Typed keys: what a manager asks for, without a string in between.
//!
//! Every key has one canonical text (`jail_status:1:2`), which is what follows `tux:` in Valkey.
//! [`Key::parse`](super::Key::parse) maps exactly the canonical text of a typed key to the typed key, and every other
//! text (`jail_status:01:2`, `jail_status:1:2:3`, …) to an entry of its own. Both directions are
//! inverse to each other, so the string interface and the typed one meet on the same entries and
//! never confuse two. Which texts are those of an application's own families: `custom`.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::custom::{CustomFamily, KeyParts};
use super::parts::{Head, KeyFamily, KeyKind, OtherKey, Roles, TailRef, WIRE_PREFIX, write_tuple};

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
    /// `case:by_number:{guild}:{number}`
    CaseByNumber { guild: u64, number: u64 },
    /// A key of a family that the application has declared: `{prefix}:…`
    ///
    /// [`Key::parse`](super::Key::parse) makes one, and [`TypedCache::key_ref`](crate::TypedCache::key_ref).
    #[non_exhaustive]
    Custom {
        /// The family.
        family: CustomFamily,
        #[doc(hidden)]
        parts: KeyParts<'a>,
    },
    /// Any other text.
    Other(OtherKey<'a>),
}

impl<'a> KeyRef<'a> {
    /// The family of this library; `None` for those of an application, and for a text of its own.
    #[must_use]
    pub const fn family(&self) -> Option<KeyFamily> {
        Some(match self {
            Self::GuildConfig { .. } => KeyFamily::GuildConfig,
            Self::JailStatus { .. } => KeyFamily::JailStatus,
            Self::Prefix { .. } => KeyFamily::Prefix,
            Self::PermissionRanks { .. } => KeyFamily::PermissionRanks,
            Self::PermissionAssignments { .. } => KeyFamily::PermissionAssignments,
            Self::UserPermissionRank { .. } => KeyFamily::UserPermissionRank,
            Self::CommandPermission { .. } => KeyFamily::CommandPermission,
            Self::CommandPermissionFallback { .. } => KeyFamily::CommandPermissionFallback,
            Self::CaseByNumber { .. } => KeyFamily::CaseByNumber,
            Self::Custom { .. } | Self::Other(_) => return None,
        })
    }

    /// The guild of a typed key. Of a key of an application's family the number that it begins with, by which it is
    /// grouped, whatever that is.
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
            | Self::CommandPermissionFallback { guild, .. }
            | Self::CaseByNumber { guild, .. } => Some(*guild),
            Self::Custom { family, parts } => family.group(parts),
            Self::Other(_) => None,
        }
    }

    /// The key as it stands in Valkey: `tux:` and the canonical text. One allocation.
    #[must_use]
    pub fn to_wire(&self) -> String {
        use fmt::Write;
        let mut out = String::with_capacity(96);
        out.push_str(WIRE_PREFIX);
        if let (
            Some(family),
            Self::CommandPermission { guild, command }
            | Self::CommandPermissionFallback { guild, command },
        ) = (self.family(), self)
        {
            // Sixty at a time: without the formatting machinery.
            out.push_str(family.prefix());
            push_number(&mut out, *guild);
            out.push(':');
            out.push_str(command);
            return out;
        }
        // Writing to a `String` cannot fail.
        let _ = write!(out, "{self}");
        out
    }

    /// The head, if it is the whole key: all families but those with names or role lists.
    #[inline(always)]
    pub(crate) fn numeric_head(&self) -> Option<Head> {
        match self {
            Self::UserPermissionRank { .. }
            | Self::CommandPermission { .. }
            | Self::CommandPermissionFallback { .. }
            | Self::Other(_) => None,
            Self::Custom { parts, .. } if parts.text.is_some() => None,
            _ => Some(self.head()),
        }
    }

    /// The key in two parts.
    #[inline(always)]
    pub(in crate::backend) fn parts(&self) -> (Head, TailRef<'a>) {
        // Apart from the others, of which the kind is a constant each: it is then looked up and not branched to.
        if let Self::Custom { family, parts } = *self {
            let KeyParts {
                first,
                second,
                text,
            } = parts;
            let head = Head {
                guild: first,
                user: second,
                kind: family.kind(),
            };
            return (head, text.map_or(TailRef::None, TailRef::Text));
        }
        let (kind, guild, user) = match *self {
            Self::GuildConfig { guild } => (KeyKind::GuildConfig, guild, 0),
            Self::JailStatus { guild, user } => (KeyKind::JailStatus, guild, user),
            Self::Prefix { guild } => (KeyKind::Prefix, guild, 0),
            Self::PermissionRanks { guild } => (KeyKind::PermissionRanks, guild, 0),
            Self::PermissionAssignments { guild } => (KeyKind::PermissionAssignments, guild, 0),
            Self::UserPermissionRank { guild, user, .. } => {
                (KeyKind::UserPermissionRank, guild, user)
            }
            Self::CommandPermission { guild, .. } => (KeyKind::CommandPermission, guild, 0),
            Self::CommandPermissionFallback { guild, .. } => {
                (KeyKind::CommandPermissionFallback, guild, 0)
            }
            Self::CaseByNumber { guild, number } => (KeyKind::CaseByNumber, guild, number),
            Self::Custom { .. } | Self::Other(_) => (KeyKind::Other, 0, 0),
        };
        let tail = match *self {
            Self::UserPermissionRank { roles, .. } => TailRef::Roles(roles.as_slice()),
            Self::CommandPermission { command, .. }
            | Self::CommandPermissionFallback { command, .. } => TailRef::Text(command),
            Self::Other(other) => TailRef::Text(other.as_str()),
            _ => TailRef::None,
        };
        (Head { guild, user, kind }, tail)
    }

    #[inline(always)]
    pub(in crate::backend) fn head(&self) -> Head {
        self.parts().0
    }

    /// What the head leaves out.
    #[inline(always)]
    pub(in crate::backend) fn tail(&self) -> TailRef<'a> {
        self.parts().1
    }
}

fn push_number(out: &mut String, mut number: u64) {
    // 2^64 has twenty digits.
    let mut digits = [b'0'; 20];
    let mut from = digits.len();
    loop {
        from -= 1;
        digits[from] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend(digits[from..].iter().map(|digit| char::from(*digit)));
}

impl Hash for KeyRef<'_> {
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.head().hash(state);
        self.tail().hash(state);
    }
}

impl fmt::Display for KeyRef<'_> {
    /// The canonical text, without `tux:`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(family) = self.family() else {
            return match self {
                Self::Custom { family, parts } => family.write(parts, f),
                Self::Other(other) => f.write_str(other.as_str()),
                _ => Ok(()),
            };
        };
        f.write_str(family.prefix())?;
        match self {
            Self::GuildConfig { guild }
            | Self::Prefix { guild }
            | Self::PermissionRanks { guild }
            | Self::PermissionAssignments { guild } => write!(f, "{guild}"),
            Self::JailStatus {
                guild,
                user: number,
            }
            | Self::CaseByNumber { guild, number } => write!(f, "{guild}:{number}"),
            Self::UserPermissionRank { guild, user, roles } => {
                write!(f, "{guild}:{user}:")?;
                write_tuple(f, roles.as_slice())
            }
            Self::CommandPermission { guild, command }
            | Self::CommandPermissionFallback { guild, command } => write!(f, "{guild}:{command}"),
            Self::Custom { .. } | Self::Other(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_on_the_wire_is_its_text_behind_the_prefix() {
        for guild in [0, 9, 10, 1_234_567_890_123_456_789, u64::MAX] {
            for command in ["", "ban", "ban list é"] {
                for key in [
                    KeyRef::CommandPermission { guild, command },
                    KeyRef::CommandPermissionFallback { guild, command },
                    KeyRef::Prefix { guild },
                ] {
                    assert_eq!(key.to_wire(), format!("tux:{key}"));
                }
            }
        }
    }
}
