//! Warm restart: what a cache holds, in a file, and a cache that begins with it.
//!
//! # Rules
//!
//! - **F1** A file is replaced as a whole or not at all: it is written beside its place, synced, and renamed. Whoever reads the
//!   path meanwhile gets the file before.
//! - **F2** A file is believed as a whole or not at all: it is read twice, and the cache sees the first entry only when every
//!   block, every entry and the end have been found sound. So an unsound one leaves the cache empty.
//! - **F3** No entry lives longer than it would have lived, but for two ticks: what remained is written with a time from before it was
//!   looked at, and what has passed since then is taken off when the entry is inserted. It may end earlier by as long as its block took to
//!   fill, or, of a cache without a bound, the walk.
//! - **F4** Restoring inserts as everybody does: the bound holds at every instant, and the policy decides what stays.
//!
//! The layout of the file stands in [`format`].

mod format;
mod read;
mod write;

use crate::error::{Error, ErrorKind};
use crate::{TtlCache, TtlCacheBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What [`TtlCache::snapshot`] has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotSize {
    /// Entries in the file.
    pub entries: u64,
    /// Its length.
    pub bytes: u64,
}

/// A cache that began with a snapshot, and what became of that. Made by [`TtlCache::restore`].
#[must_use = "it holds the cache"]
#[non_exhaustive]
pub struct Restored<K, V, S> {
    /// The cache, usable whatever became of the file; empty if there is an [`error`](Self::error).
    pub cache: TtlCache<K, V, S>,
    /// Entries that were inserted. If the file had more than the cache may hold, some of them were evicted again.
    pub entries: u64,
    /// Entries that were left out because their time to live had passed.
    pub expired: u64,
    /// Why nothing was restored: kind [`File`](ErrorKind::File) if the file cannot be read (not there on a first start: see
    /// [`is_missing`](Self::is_missing)), kind [`Codec`](ErrorKind::Codec) if it is no snapshot, of a newer version, cut off, damaged, or
    /// of other types, as far as these are encoded differently: a file of `u64` cannot be told from one of `i64`, so change its name with
    /// the types.
    pub error: Option<Error>,
}

impl<K, V, S> Restored<K, V, S> {
    /// Whether there was no file at all, as on a first start.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        let source = self.error.as_ref().and_then(std::error::Error::source);
        let error = source.and_then(|source| source.downcast_ref::<io::Error>());
        error.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
    }
}

impl<K, V, S> fmt::Debug for Restored<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restored")
            .field("entries", &self.entries)
            .field("expired", &self.expired)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl<K, V, S> TtlCache<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    /// Writes the live entries with what remains of their times to live to a file, which replaces the one before as a whole once it is
    /// complete. O(capacity).
    ///
    /// The cache serves meanwhile: the walk is weakly consistent, as that of [`for_each`](Self::for_each), and counts as no use. Blocks
    /// until the file is synced: in an asynchronous program call it where blocking is allowed. Values are in the file as serde
    /// writes them, readable by the user that the program runs as. Types must be such that serde can read them back from a format that does
    /// not describe itself: not `#[serde(untagged)]`, `skip_serializing_if` or `serde_json::Value`. If the process is killed meanwhile, a
    /// file `.tux-cache-…` stays beside it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tux_cache::TtlCache;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("names.snapshot");
    /// let builder = || TtlCache::builder().ttl(Duration::from_secs(300)).max_size(10_000);
    /// let names: TtlCache<u64, String> = builder().build()?;
    /// names.set(7, "seven".to_owned());
    /// names.snapshot(&path)?; // before the program ends, or now and then
    ///
    /// let restored = TtlCache::restore(&path, builder())?; // at the next start
    /// if let Some(error) = restored.error.as_ref().filter(|_| !restored.is_missing()) {
    ///     eprintln!("starting cold: {error}");
    /// }
    /// let names: TtlCache<u64, String> = restored.cache;
    /// assert_eq!(names.get(&7).as_deref(), Some("seven"));
    /// # Ok::<(), tux_cache::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Kind [`File`](ErrorKind::File) if the file cannot be written; [`Codec`](ErrorKind::Codec) if a key or a value cannot be
    /// (which entry is in the text). The file before stays as it is.
    #[doc(alias("save", "dump", "persist"))]
    pub fn snapshot(&self, path: impl AsRef<Path>) -> Result<SnapshotSize, Error>
    where
        K: Serialize,
        V: Serialize,
    {
        write::to_file(self, path.as_ref(), &since_epoch)
    }

    /// Builds a cache and fills it with what a [snapshot](Self::snapshot) held and has not expired since, by the clock of the system. If
    /// that has been set back meanwhile, entries live as long as remained when they were written.
    ///
    /// The bound of the builder holds: what is too much is evicted by the policy. Entries keep their own times to live, whatever
    /// the builder says. The file is read twice, and stays. Blocks until it is read.
    ///
    /// # Errors
    ///
    /// As [`build`](TtlCacheBuilder::build). What is wrong with the file is in [`Restored::error`]: the cache is usable all the
    /// same.
    #[doc(alias("load"))]
    pub fn restore(
        path: impl AsRef<Path>,
        builder: TtlCacheBuilder<K, V, S>,
    ) -> Result<Restored<K, V, S>, Error>
    where
        K: DeserializeOwned,
        V: DeserializeOwned,
    {
        let cache = builder.build()?;
        Ok(match read::from_file(&cache, path.as_ref(), &since_epoch) {
            Ok((entries, expired)) => Restored {
                cache,
                entries,
                expired,
                error: None,
            },
            Err(error) => Restored {
                cache,
                entries: 0,
                expired: 0,
                error: Some(error),
            },
        })
    }
}

/// The time of the system; zero before 1970.
fn since_epoch() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or(Duration::ZERO)
}

/// An error with the file.
fn file_error(path: &Path, what: &str, error: io::Error) -> Error {
    let text = format!("{}: {what}: {error}", path.display());
    Error::new(ErrorKind::File, text).with_source(error)
}

#[cfg(test)]
mod tests;
