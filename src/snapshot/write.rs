//! Writing a snapshot (F1).

use super::format::{BLOCK, BlockHead, MOST, MillisLeft, head};
use super::{SnapshotSize, file_error};
use crate::TtlCache;
use crate::engine::Remaining;
use crate::error::Error;
use serde::Serialize;
use std::hash::{BuildHasher, Hash};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

/// Writes the entries of a cache to where `path` will be, and puts the file there.
pub(super) fn to_file<K, V, S>(
    cache: &TtlCache<K, V, S>,
    path: &Path,
    now: &impl Fn() -> Duration,
) -> Result<SnapshotSize, Error>
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Gone with the value, unless it is put in its place.
    let file = tempfile::Builder::new()
        .prefix(".tux-cache-")
        .tempfile_in(folder)
        .map_err(|error| file_error(path, "no file can be made beside it", error))?;
    let size = write_all(
        cache,
        BufWriter::with_capacity(2 * BLOCK, file.as_file()),
        now,
    )
    .map_err(|failed| match failed {
        WriteFailure::Io(error) => file_error(path, "cannot be written", error),
        WriteFailure::Codec(text) => Error::codec(format!("{}: {text}", path.display())),
    })?;
    let synced = file.as_file().sync_all();
    synced.map_err(|error| file_error(path, "cannot be synced", error))?;
    file.persist(path)
        .map_err(|failed| file_error(path, "cannot be replaced", failed.error))?;
    // The new name too, where folders can be synced; it is there already for every reader.
    if let Ok(folder) = std::fs::File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(size)
}

enum WriteFailure {
    Io(io::Error),
    Codec(String),
}

impl From<io::Error> for WriteFailure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn write_all<K, V, S>(
    cache: &TtlCache<K, V, S>,
    out: impl Write,
    now: &impl Fn() -> Duration,
) -> Result<SnapshotSize, WriteFailure>
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    let mut blocks = Blocks {
        out,
        payload: Vec::with_capacity(BLOCK + BLOCK / 4),
        head: BlockHead {
            length: 0,
            entries: 0,
            number: 0,
        },
        size: SnapshotSize {
            entries: 0,
            bytes: 0,
        },
        step: millis(now()),
        failed: None,
    };
    blocks.put(&[&head()])?;
    cache.for_each_remaining(|entry| {
        // After a failure the walk goes on, to no effect.
        if blocks.failed.is_none()
            && let Err(failed) = match entry {
                Some((key, value, remaining)) => blocks.add(key, value, remaining),
                None => {
                    // Before the next step looks at the ticks.
                    blocks.step = millis(now());
                    blocks.flush_beyond(BLOCK)
                }
            }
        {
            blocks.failed = Some(failed);
        }
    });
    blocks.end()
}

/// Collects entries into blocks.
struct Blocks<W> {
    out: W,
    payload: Vec<u8>,
    /// Of the block that is being filled.
    head: BlockHead,
    size: SnapshotSize,
    /// The time before the step of the walk that is under way, in milliseconds since 1970.
    step: u64,
    failed: Option<WriteFailure>,
}

impl<W: Write> Blocks<W> {
    fn add<K: Serialize, V: Serialize>(
        &mut self,
        key: &K,
        value: &V,
        remaining: Remaining,
    ) -> Result<(), WriteFailure> {
        if self.head.entries == 0 {
            self.head.number = self.step;
        }
        let left: MillisLeft = match remaining {
            Remaining::For(time) => Some(millis(time)),
            Remaining::Forever => None,
        };
        let number = self.size.entries + 1;
        postcard::to_io(&(left, key, value), &mut self.payload).map_err(|error| {
            WriteFailure::Codec(format!("entry {number} cannot be written: {error}"))
        })?;
        if u32::try_from(self.payload.len()).is_err() {
            return Err(WriteFailure::Codec(format!(
                "entry {number} takes {} bytes; at most {} are allowed",
                self.payload.len(),
                u32::MAX
            )));
        }
        self.size.entries = number;
        self.head.entries += 1;
        // A guard is open: the disk is waited for only where so much has come together that memory counts for more, as in a cache
        // without a bound, which is visited in one step.
        self.flush_beyond(MOST)
    }

    /// [`flush`](Self::flush), if so much has come together.
    fn flush_beyond(&mut self, bytes: usize) -> Result<(), WriteFailure> {
        match self.payload.len() > bytes {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Ends the block that is being filled, if there is anything in it.
    fn flush(&mut self) -> Result<(), WriteFailure> {
        if self.head.entries == 0 {
            return Ok(());
        }
        // Looked at where it grew.
        self.head.length = self.payload.len() as u32;
        let payload = std::mem::take(&mut self.payload);
        self.put(&[&self.head.to_bytes(), &payload])?;
        self.payload = payload;
        self.payload.clear();
        self.head.entries = 0;
        Ok(())
    }

    fn end(mut self) -> Result<SnapshotSize, WriteFailure> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        self.flush()?;
        let end = BlockHead {
            length: 0,
            entries: 0,
            number: self.size.entries,
        };
        self.put(&[&end.to_bytes()])?;
        self.out.flush()?;
        Ok(self.size)
    }

    /// One part of the file, and its checksum.
    fn put(&mut self, parts: &[&[u8]]) -> Result<(), WriteFailure> {
        let mut crc = crc32fast::Hasher::new();
        for part in parts {
            crc.update(part);
            self.out.write_all(part)?;
            self.size.bytes += part.len() as u64;
        }
        self.out.write_all(&crc.finalize().to_le_bytes())?;
        self.size.bytes += 4;
        Ok(())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
