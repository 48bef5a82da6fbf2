//! The time to live that a write asks for, and who asked.

use std::time::Duration;

/// The time to live that a write asks for.
///
/// An `Option<Duration>` converts into one: `Some` is honoured by every store, zero deletes, `None` leaves it to the
/// store's own rule. [`built_in`](Self::built_in) is what nobody asked for: the default of a manager, which gives way to
/// the default of an in-memory backend, unless that says otherwise
/// ([`per_entry_ttl`](super::InMemoryBackend::per_entry_ttl)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttl {
    time: Option<Duration>,
    built_in: bool,
}

/// What an in-memory entry gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InMemory {
    /// None: it is removed.
    Delete,
    /// The backend's default.
    Default,
    /// This one; `None` is no expiry.
    Own(Option<Duration>),
}

impl Ttl {
    /// A default that no caller has asked for; `None` is no expiry.
    #[must_use]
    pub const fn built_in(time: Option<Duration>) -> Self {
        Self {
            time,
            built_in: true,
        }
    }

    /// The time on a store that has no default of its own.
    #[must_use]
    pub const fn time(self) -> Option<Duration> {
        self.time
    }

    /// What the entry gets in memory, whose default gives way to everybody's with `per_entry`.
    pub(super) fn in_memory(self, per_entry: bool) -> InMemory {
        match self.time {
            Some(Duration::ZERO) => InMemory::Delete,
            time if per_entry => InMemory::Own(time),
            Some(time) if !self.built_in => InMemory::Own(Some(time)),
            _ => InMemory::Default,
        }
    }
}

impl From<Option<Duration>> for Ttl {
    fn from(time: Option<Duration>) -> Self {
        Self {
            time,
            built_in: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_asks_for_is_honoured_and_a_built_in_default_gives_way() {
        let ten = Some(Duration::from_secs(10));
        for per_entry in [false, true] {
            assert_eq!(Ttl::from(ten).in_memory(per_entry), InMemory::Own(ten));
            for zero in [
                Ttl::from(Some(Duration::ZERO)),
                Ttl::built_in(Some(Duration::ZERO)),
            ] {
                assert_eq!(zero.in_memory(per_entry), InMemory::Delete);
            }
        }
        for default in [Ttl::from(None), Ttl::built_in(None), Ttl::built_in(ten)] {
            assert_eq!(default.in_memory(false), InMemory::Default);
            assert_eq!(default.in_memory(true), InMemory::Own(default.time()));
        }
    }
}
