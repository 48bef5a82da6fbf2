//! What a bot looks up.

use std::time::Duration;

/// One thing a bot looks up. Guild and user ids are shaped like Discord's: a number in the upper 42 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// The command prefix of a guild.
    Prefix(u64),
    /// The configuration of a guild.
    Config(u64),
    /// Who may use a command in a guild: guild, number of the command.
    Permission(u64, u16),
    /// Whether a member is jailed: guild, user.
    Jail(u64, u64),
}

/// The kind of a [`Key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// See [`Key::Prefix`].
    Prefix,
    /// See [`Key::Config`].
    Config,
    /// See [`Key::Permission`].
    Permission,
    /// See [`Key::Jail`].
    Jail,
}

impl Kind {
    /// How long a bot keeps an answer of this kind: what changes often is kept for a shorter time.
    pub const fn ttl(self) -> Duration {
        Duration::from_secs(match self {
            Kind::Prefix | Kind::Permission => 600,
            Kind::Config => 300,
            Kind::Jail => 60,
        })
    }
}

impl Key {
    /// The kind of this key.
    pub const fn kind(&self) -> Kind {
        match self {
            Key::Prefix(_) => Kind::Prefix,
            Key::Config(_) => Kind::Config,
            Key::Permission(..) => Kind::Permission,
            Key::Jail(..) => Kind::Jail,
        }
    }

    /// The guild this key belongs to.
    pub const fn guild(&self) -> u64 {
        match *self {
            Key::Prefix(guild)
            | Key::Config(guild)
            | Key::Permission(guild, _)
            | Key::Jail(guild, _) => guild,
        }
    }

    /// The value a loader returns for this key: a function of the whole key, so that whoever reads the value of
    /// another key sees it.
    pub const fn answer(&self) -> u64 {
        let (tag, guild, rest) = match *self {
            Key::Prefix(guild) => (1, guild, 0),
            Key::Config(guild) => (2, guild, 0),
            Key::Permission(guild, command) => (3, guild, command as u64),
            Key::Jail(guild, user) => (4, guild, user),
        };
        mix(mix(guild ^ mix(tag)).wrapping_add(rest))
    }
}

/// The finaliser of SplitMix64: a bijection.
const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_tell_keys_apart() {
        let keys = [
            Key::Prefix(1),
            Key::Config(1),
            Key::Permission(1, 0),
            Key::Permission(1, 1),
            Key::Permission(0, 1),
            Key::Jail(1, 0),
            Key::Jail(0, 1),
            Key::Prefix(2),
        ];
        let answers: std::collections::HashSet<u64> = keys.iter().map(Key::answer).collect();
        assert_eq!(answers.len(), keys.len());
    }

    #[test]
    fn jail_status_is_kept_shortest() {
        for kind in [Kind::Prefix, Kind::Config, Kind::Permission] {
            assert!(kind.ttl() > Kind::Jail.ttl());
        }
    }
}
