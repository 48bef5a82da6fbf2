//! The caches that run side by side, behind one trait that is resolved at compile time.
//!
//! # Fairness
//! Each is bounded by a number of entries of weight 1 and configured as its own documentation advises; where the
//! hasher is a parameter all use ahash, as tux-cache does by default. What differs is said by
//! [`Contender::fairness`] and printed under every table.

mod bounds;
mod floors;
mod foyer;
mod mini_moka;
mod moka;
mod quick;
mod tiny_ufo;
mod tux;

use std::{hash::Hash, time::Duration};

pub use bounds::{Bare, Bound, Reader, Stamped};
pub use floors::{Dash, Hashbrown, Papaya};
pub use foyer::Foyer;
pub use mini_moka::MiniMoka;
pub use moka::Moka;
pub use quick::Quick;
pub use tiny_ufo::Ufo;
pub use tux::Tux;

/// What a key must be to go into every cache.
pub trait Key: Hash + Eq + Clone + Send + Sync + 'static {}
impl<K: Hash + Eq + Clone + Send + Sync + 'static> Key for K {}

/// What a value must be to go into every cache.
pub trait Value: Clone + Send + Sync + 'static {}
impl<V: Clone + Send + Sync + 'static> Value for V {}

/// What a cache counts itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Look-ups that found something.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Entries that went to make room.
    pub evictions: u64,
    /// Entries that went because their time was up.
    pub expirations: u64,
}

/// One cache of a fixed number of entries.
#[allow(
    clippy::len_without_is_empty,
    reason = "nobody asks a benchmark's cache whether it is empty"
)]
pub trait Peer<K: Key, V: Value>: Sized {
    /// An empty cache of this many entries, whose entries live for `ttl` where the cache can do that.
    ///
    /// # Errors
    /// The cache's own text when it does not take the capacity.
    fn new(capacity: usize, ttl: Option<Duration>) -> Result<Self, String>;
    /// The value, copied out.
    fn get(&self, key: &K) -> Option<V>;
    /// Inserts or overwrites.
    fn set(&self, key: K, value: V);
    /// As `set`, with a time to live of this entry's own where the cache has that.
    fn set_for(&self, key: K, value: V, _ttl: Duration) {
        self.set(key, value);
    }
    /// Drops what is kept for the key.
    fn remove(&self, key: &K);
    /// Entries held now, after doing the upkeep the cache has put off; `None` where it cannot tell.
    fn len(&self) -> Option<usize>;
    /// Does what the cache has put off, evictions above all.
    fn upkeep(&self) {}
    /// What the cache counts itself, if it does.
    fn counters(&self) -> Option<Counters> {
        None
    }
}

/// The caches of `--peers`, tux-cache first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Contender {
    /// This project.
    TuxCache,
    /// moka, the synchronous one.
    Moka,
    /// mini-moka, the synchronous one.
    MiniMoka,
    /// quick_cache, the synchronous one.
    QuickCache,
    /// TinyUFO.
    TinyUfo,
    /// foyer's in-memory cache with S3-FIFO.
    Foyer,
}

impl Contender {
    /// All of them, tux-cache first.
    pub const ALL: [Contender; 6] = [
        Contender::TuxCache,
        Contender::QuickCache,
        Contender::Moka,
        Contender::MiniMoka,
        Contender::TinyUfo,
        Contender::Foyer,
    ];

    /// The name in tables and records.
    pub const fn name(self) -> &'static str {
        match self {
            Contender::TuxCache => "tux-cache",
            Contender::Moka => "moka",
            Contender::MiniMoka => "mini-moka",
            Contender::QuickCache => "quick_cache",
            Contender::TinyUfo => "TinyUFO",
            Contender::Foyer => "foyer-memory",
        }
    }

    /// What a reader must know to compare.
    pub const fn fairness(self) -> &'static str {
        match self {
            Contender::TuxCache => {
                "default builder, statistics on; TTL per entry; never above its capacity"
            }
            Contender::Moka => {
                "one TTL per cache here; upkeep in the callers' threads, put off: above its capacity meanwhile"
            }
            Contender::MiniMoka => "one TTL per cache; upkeep put off as in moka",
            Contender::QuickCache => "no TTL; capacity split over shards",
            Contender::TinyUfo => "no TTL; keys known by their hash alone; has no len()",
            Contender::Foyer => {
                "S3-FIFO; no TTL; hits hand out counted references; 8 shards, 1 below 1,024 entries"
            }
        }
    }
}

/// Runs an expression with `$cache` standing for the contender's type.
#[macro_export]
macro_rules! with_contender {
    ($contender:expr, <$key:ty, $value:ty>, $cache:ident => $body:expr) => {
        match $contender {
            $crate::peers::Contender::TuxCache => {
                type $cache = $crate::peers::Tux<$key, $value>;
                $body
            }
            $crate::peers::Contender::Moka => {
                type $cache = $crate::peers::Moka<$key, $value>;
                $body
            }
            $crate::peers::Contender::MiniMoka => {
                type $cache = $crate::peers::MiniMoka<$key, $value>;
                $body
            }
            $crate::peers::Contender::QuickCache => {
                type $cache = $crate::peers::Quick<$key, $value>;
                $body
            }
            $crate::peers::Contender::TinyUfo => {
                type $cache = $crate::peers::Ufo<$key, $value>;
                $body
            }
            $crate::peers::Contender::Foyer => {
                type $cache = $crate::peers::Foyer<$key, $value>;
                $body
            }
        }
    };
}

#[cfg(test)]
mod tests;
