//! Reading a snapshot (F2).

use super::file_error;
use super::format::{BLOCK_HEAD, BlockHead, HEAD, MAGIC, MillisLeft, VERSION, head};
use crate::TtlCache;
use crate::error::Error;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::hash::{BuildHasher, Hash};
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;
use std::time::Duration;

/// Inserts what a file holds into a new cache: how many entries, and how many had expired. An error leaves the cache empty.
pub(super) fn from_file<K, V, S>(
    cache: &TtlCache<K, V, S>,
    path: &Path,
    now: &impl Fn() -> Duration,
) -> Result<(u64, u64), Error>
where
    K: DeserializeOwned + Hash + Eq + Clone + Send + Sync + 'static,
    V: DeserializeOwned + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    let unsound = |wrong: ReadFailure| match wrong {
        ReadFailure::Io(error) => file_error(path, "cannot be read", error),
        ReadFailure::Text(text) => Error::codec(format!("{}: {text}", path.display())),
    };
    let mut file = File::open(path).map_err(|error| file_error(path, "cannot be opened", error))?;
    // Looked through first: nothing is believed before everything is found sound.
    each::<K, V>(&file, |_, _, _, _| {}).map_err(unsound)?;
    file.rewind()
        .map_err(|error| unsound(ReadFailure::Io(error)))?;
    let (mut entries, mut expired) = (0, 0);
    each(&file, |written, left: MillisLeft, key: K, value: V| {
        // Now: reading takes its time, too.
        let now = u64::try_from(now().as_millis()).unwrap_or(u64::MAX);
        let passed = now.saturating_sub(written);
        match left {
            None => cache.set_forever(key, value),
            Some(left) if left > passed => {
                cache.set_with_ttl(key, value, Duration::from_millis(left - passed));
            }
            Some(_) => {
                expired += 1;
                return;
            }
        }
        entries += 1;
    })
    .map_err(|wrong| {
        // Changed under our hands since it was looked through.
        cache.clear();
        unsound(wrong)
    })?;
    Ok((entries, expired))
}

#[derive(Debug)]
enum ReadFailure {
    Io(io::Error),
    Text(String),
}

/// A part that is cut off is no error of the disk.
fn read(from: &mut impl Read, into: &mut [u8], part: &str) -> Result<(), ReadFailure> {
    from.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ReadFailure::Text(cut_off(part)),
        _ => ReadFailure::Io(error),
    })
}

fn cut_off(part: &str) -> String {
    format!("cut off in {part}: the snapshot was not written to its end")
}

/// Compares a checksum with the one that follows.
fn check(from: &mut impl Read, parts: &[&[u8]], part: &str) -> Result<(), ReadFailure> {
    let mut crc = crc32fast::Hasher::new();
    parts.iter().for_each(|bytes| crc.update(bytes));
    let mut stored = [0; 4];
    read(from, &mut stored, part)?;
    if u32::from_le_bytes(stored) == crc.finalize() {
        return Ok(());
    }
    Err(ReadFailure::Text(format!(
        "damaged: the checksum of {part} is wrong"
    )))
}

/// Visits each entry: the time of its block, what remained then, key and value.
fn each<K: DeserializeOwned, V: DeserializeOwned>(
    file: &File,
    mut visit: impl FnMut(u64, MillisLeft, K, V),
) -> Result<(), ReadFailure> {
    let mut from = BufReader::with_capacity(1 << 17, file);
    read_head(&mut from)?;
    let (mut total, mut payload) = (0_u64, Vec::new());
    for number in 1_u64.. {
        let part = format!("block {number}");
        let mut bytes = [0; BLOCK_HEAD];
        read(&mut from, &mut bytes, &part)?;
        let block = BlockHead::of(bytes);
        if block.length == 0 {
            check(&mut from, &[&bytes], "the end")?;
            return end(&mut from, block, total);
        }
        payload.clear();
        // Grows with what is there, not with what a damaged length says.
        let length = u64::from(block.length);
        let got = (&mut from).take(length).read_to_end(&mut payload);
        if got.map_err(ReadFailure::Io)? as u64 != length {
            return Err(ReadFailure::Text(cut_off(&part)));
        }
        check(&mut from, &[&bytes, &payload], &part)?;
        let mut rest = payload.as_slice();
        for entry in 1..=block.entries {
            let decoded = postcard::take_from_bytes::<(MillisLeft, K, V)>(rest);
            let ((left, key, value), after) = decoded.map_err(|error| {
                let types = (std::any::type_name::<K>(), std::any::type_name::<V>());
                ReadFailure::Text(format!(
                    "entry {entry} of {part} is no {} and {}, as this cache has: {error}; was the snapshot written with other types?",
                    types.0, types.1
                ))
            })?;
            rest = after;
            visit(block.number, left, key, value);
        }
        if !rest.is_empty() {
            return Err(ReadFailure::Text(format!(
                "{} bytes follow the last entry of {part}; was the snapshot written with other types?",
                rest.len()
            )));
        }
        total += u64::from(block.entries);
    }
    unreachable!("2^64 blocks do not fit in a file")
}

fn read_head(from: &mut impl Read) -> Result<(), ReadFailure> {
    let mut bytes = [0; HEAD - 4];
    let mut filled = 0;
    while filled < bytes.len() {
        match from.read(&mut bytes[filled..]).map_err(ReadFailure::Io)? {
            0 => break,
            more => filled += more,
        }
    }
    if filled == 0 {
        return Err(ReadFailure::Text("empty: no snapshot of a cache".into()));
    }
    let magic = &bytes[..filled.min(MAGIC.len())];
    if magic != &MAGIC[..magic.len()] {
        return Err(ReadFailure::Text(format!(
            "no snapshot of a cache: it begins with {:?}, expected {:?}",
            String::from_utf8_lossy(magic),
            String::from_utf8_lossy(MAGIC)
        )));
    }
    if filled < bytes.len() {
        return Err(ReadFailure::Text(cut_off("the head")));
    }
    let [.., a, b, c, d] = bytes;
    let version = u32::from_le_bytes([a, b, c, d]);
    if bytes != head() {
        let age = if version > VERSION {
            "newer"
        } else {
            "unknown"
        };
        return Err(ReadFailure::Text(format!(
            "a snapshot of a {age} version, {version}; this library reads version {VERSION}"
        )));
    }
    check(from, &[&bytes], "the head")
}

fn end(from: &mut impl Read, end: BlockHead, total: u64) -> Result<(), ReadFailure> {
    if end.entries != 0 || end.number != total {
        return Err(ReadFailure::Text(format!(
            "damaged: {total} entries, where the end says {}",
            end.number
        )));
    }
    match from.read(&mut [0]).map_err(ReadFailure::Io)? {
        0 => Ok(()),
        _ => Err(ReadFailure::Text(
            "damaged: something follows the end".into(),
        )),
    }
}
