//! Generations of groups of keys, such as all keys of one guild (B7), and cells for what is no key.

use super::MadeOnce;
use crate::sync::{AtomicU64, Ordering, Zeros};

/// Two groups may share one of these; a removal of the one then costs a load of the other.
const GROUPS: usize = 1 << 10;

/// What a removal of many keys may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    Everything,
    /// Keys of one group, and keys that belong to none.
    #[cfg_attr(
        not(feature = "backend"),
        allow(dead_code, reason = "keys of a backend have groups")
    )]
    Group(u64),
}

/// The bits of something that is no key but changes as one does, such as all permissions of a guild: leases on them are
/// taken and voided like those on a key. Two things have two cells, and do not void each other (B4).
#[cfg(feature = "backend")]
pub(crate) fn named(kind: &str, number: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |bits: u64| (bits ^ bits >> 32).wrapping_mul(ODD);
    let kind = kind
        .bytes()
        .fold(0, |bits, byte| mix(bits ^ u64::from(byte)));
    mix(mix(kind ^ number.wrapping_mul(ODD)))
}

/// Made by the first removal of a group; before it, all generations are zero. The first one is that of keys without a group.
#[derive(Debug)]
pub(super) struct Groups(MadeOnce<Zeros<AtomicU64>>);

impl Groups {
    pub(super) fn new() -> Self {
        Self(MadeOnce::new())
    }

    /// Which generation a group has.
    pub(super) fn at(group: Option<u64>) -> u16 {
        group.map_or(0, |group| {
            let spread = group.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            1 + (spread % (GROUPS as u64 - 1)) as u16
        })
    }

    pub(super) fn generation(&self, at: u16) -> u64 {
        self.0
            .get()
            .map_or(0, |all| all[usize::from(at)].load(Ordering::SeqCst))
    }

    /// Goes on to a new generation of the group and of keys without one. False: there is no memory for generations.
    pub(super) fn step(&self, group: u64) -> bool {
        let all = self.0.get_or_make(|| Zeros::new(GROUPS));
        let Some(all) = all else { return false };
        for at in [0, Self::at(Some(group))] {
            all[usize::from(at)].fetch_add(1, Ordering::SeqCst);
        }
        true
    }
}
