//! The layout of a snapshot. Numbers are little-endian.
//!
//! ```text
//! head    "TUXCACHE"  version: u32  crc: u32
//! block   length: u32  entries: u32  time: u64  payload: length bytes  crc: u32        any number of these
//! end     0: u32       0: u32        total: u64                       crc: u32        total: all entries
//! ```
//!
//! A payload is so many entries one after another, each as [postcard](https://docs.rs/postcard) writes
//! `(remaining: Option<u64>, key, value)`: milliseconds, `None` for what does not expire. The time of a block is that of its first
//! entry, in milliseconds since 1970. Each checksum is CRC-32 (IEEE) of what its part has before it.

/// What every snapshot begins with.
pub(super) const MAGIC: &[u8; 8] = b"TUXCACHE";
/// The version of this layout. A reader takes its own alone.
pub(super) const VERSION: u32 = 1;
/// Bytes of a head with its checksum.
pub(super) const HEAD: usize = 16;
/// Bytes of a block before its payload, and of an end before its checksum.
pub(super) const BLOCK_HEAD: usize = 16;
/// A block ends when its payload has grown beyond this and no guard is open, and beyond that in any case.
pub(super) const BLOCK: usize = 64 * 1024;
pub(super) const MOST: usize = 16 * BLOCK;

/// How long an entry will live, in the file: milliseconds, or for ever.
pub(super) type MillisLeft = Option<u64>;

/// A head without its checksum.
pub(super) fn head() -> [u8; HEAD - 4] {
    let mut head = [0; HEAD - 4];
    head[..8].copy_from_slice(MAGIC);
    head[8..].copy_from_slice(&VERSION.to_le_bytes());
    head
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockHead {
    /// Bytes of the payload; 0 in the end.
    pub(super) length: u32,
    pub(super) entries: u32,
    /// Of a block its time, of the end all entries.
    pub(super) number: u64,
}

impl BlockHead {
    pub(super) fn to_bytes(self) -> [u8; BLOCK_HEAD] {
        let mut bytes = [0; BLOCK_HEAD];
        bytes[..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.entries.to_le_bytes());
        bytes[8..].copy_from_slice(&self.number.to_le_bytes());
        bytes
    }

    pub(super) fn of(bytes: [u8; BLOCK_HEAD]) -> Self {
        let [a, b, c, d, e, f, g, h, number @ ..] = bytes;
        Self {
            length: u32::from_le_bytes([a, b, c, d]),
            entries: u32::from_le_bytes([e, f, g, h]),
            number: u64::from_le_bytes(number),
        }
    }
}
