//! Reads an input byte by byte; the end of the input is the end of the run.

use std::time::Duration;

/// The bytes that are left.
#[derive(Debug, Clone)]
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl Input<'_> {
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// One of these, by one byte.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        Some(from[usize::from(self.byte()?) % from.len()])
    }

    /// A key below `keys`.
    pub(crate) fn key(&mut self, keys: u16) -> Option<u16> {
        Some(u16::from(self.byte()?) % keys)
    }

    /// A time to live, from nothing to for ever, with and without a fraction of a tick.
    pub(crate) fn ttl(&mut self) -> Option<Duration> {
        const MS: u64 = 1_000_000;
        self.pick(&[
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_nanos(MS - 1),
            Duration::from_nanos(MS),
            Duration::from_nanos(MS + 1),
            Duration::from_millis(2),
            Duration::from_millis(5),
            Duration::from_millis(20),
            Duration::from_millis(100),
            Duration::from_secs(3),
            Duration::from_secs(1 << 40),
            Duration::MAX,
        ])
    }

    /// How far the time moves: often less than a tick.
    pub(crate) fn step(&mut self) -> Option<Duration> {
        self.pick(&[
            Duration::from_nanos(1),
            Duration::from_nanos(400_000),
            Duration::from_nanos(999_999),
            Duration::from_millis(1),
            Duration::from_micros(1_700),
            Duration::from_millis(5),
            Duration::from_millis(19),
            Duration::from_millis(150),
            Duration::from_secs(5),
        ])
    }
}
