//! The operations an input is made of.

use std::time::Duration;

use crate::input::Input;

/// One call of the public interface, or a group of look-ups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Get(u16),
    Contains(u16),
    Set(u16),
    SetWithTtl(u16, Duration),
    SetForever(u16),
    /// Stores that many keys in a row: what fills a cache and makes it evict.
    Scan(u16, u8),
    Invalidate(u16),
    /// Invalidates the keys that leave this rest.
    InvalidateMatching {
        modulus: u16,
        rest: u16,
    },
    Clear,
    Fetch(u16),
    /// A fetch whose loader fails.
    FetchFails(u16),
    /// A fetch whose loader panics.
    FetchPanics(u16),
    /// A fetch whose loader stores another value under the same key (T26).
    FetchOvertaken(u16),
    Lease(u16),
    SetLeased(u8, Option<Duration>),
    GetMany(u16, u8),
    Pin(u16, u8),
    Advance(Duration),
    Sweep,
}

impl Op {
    /// Reads the next operation; `None` at the end of the input.
    pub(crate) fn read(input: &mut Input<'_>, keys: u16) -> Option<Self> {
        Some(match input.byte()? % 40 {
            0..=6 => Op::Get(input.key(keys)?),
            7 => Op::Contains(input.key(keys)?),
            8..=15 => Op::Set(input.key(keys)?),
            16..=18 => Op::SetWithTtl(input.key(keys)?, input.ttl()?),
            19 => Op::SetForever(input.key(keys)?),
            20 | 21 => Op::Scan(input.key(keys)?, input.byte()? % 16),
            22 | 23 => Op::Invalidate(input.key(keys)?),
            24 => {
                let modulus = 2 + u16::from(input.byte()?) % 5;
                Op::InvalidateMatching {
                    modulus,
                    rest: u16::from(input.byte()?) % modulus,
                }
            }
            25 => Op::Clear,
            26 | 27 => Op::Fetch(input.key(keys)?),
            28 => Op::FetchFails(input.key(keys)?),
            29 => Op::FetchPanics(input.key(keys)?),
            30 => Op::FetchOvertaken(input.key(keys)?),
            31 => Op::Lease(input.key(keys)?),
            32 => Op::SetLeased(input.byte()?, None),
            33 => Op::SetLeased(input.byte()?, Some(input.ttl()?)),
            34 => Op::GetMany(input.key(keys)?, input.byte()? % 24),
            35 => Op::Pin(input.key(keys)?, input.byte()? % 8),
            36..=38 => Op::Advance(input.step()?),
            _ => Op::Sweep,
        })
    }
}
