//! What depends on the clock of the system, or on bytes at chosen places.

use super::format::{BLOCK_HEAD, HEAD};
use super::*;
use crate::time::ManualTicker;

const TTL: Duration = Duration::from_secs(60);

fn cache(ticker: &ManualTicker) -> TtlCache<u64, String> {
    TtlCache::builder()
        .ttl(TTL)
        .max_size(20_000)
        .ticker(ticker.clone())
        .build()
        .unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// F3: what has passed between writing and reading is taken off, entry by entry.
#[test]
fn time_goes_on_while_nobody_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let (before, after) = (ManualTicker::new(), ManualTicker::new());
    let written = cache(&before);
    written.set_with_ttl(1, "short".into(), seconds(10));
    written.set_with_ttl(2, "long".into(), seconds(100));
    written.set_forever(3, "for ever".into());
    before.advance(seconds(4));
    write::to_file(&written, &path, &|| seconds(1_000)).unwrap();
    // Six seconds remain of the first.
    for (passed, kept) in [(0, 3), (5, 3), (6, 2), (95, 2), (96, 1), (1_000_000, 1)] {
        let restored = cache(&after);
        let now = || seconds(1_000 + passed);
        let counted = read::from_file(&restored, &path, &now).unwrap();
        assert_eq!(counted, (kept, 3 - kept), "{passed} s later");
        assert_eq!(restored.len() as u64, kept);
        assert_eq!(restored.get(&3).as_deref(), Some("for ever"));
    }
    // What remains after that is as long as it would have been.
    let restored = cache(&after);
    read::from_file(&restored, &path, &|| seconds(1_005)).unwrap();
    after.advance(Duration::from_millis(990));
    assert_eq!(restored.get(&1).as_deref(), Some("short"));
    after.advance(Duration::from_millis(20));
    assert_eq!(restored.get(&1), None);
    assert_eq!(restored.get(&2).as_deref(), Some("long"));
}

/// A clock that was set back prolongs nothing beyond what remained.
#[test]
fn a_clock_set_back_prolongs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let ticker = ManualTicker::new();
    let written = cache(&ticker);
    written.set(1, "one".into());
    write::to_file(&written, &path, &|| seconds(1_000)).unwrap();
    let restored = cache(&ticker);
    assert_eq!(
        read::from_file(&restored, &path, &|| seconds(10)).unwrap(),
        (1, 0)
    );
    ticker.advance(TTL + Duration::from_millis(10));
    assert_eq!(restored.get(&1), None);
}

/// F2: no byte can be changed, and no end be cut off, without an error that says so, and nothing is restored then.
#[test]
fn every_byte_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let ticker = ManualTicker::new();
    let written = cache(&ticker);
    (0..20).for_each(|n| written.set(n, format!("value {n}")));
    let size = write::to_file(&written, &path, &|| seconds(1_000)).unwrap();
    let sound = std::fs::read(&path).unwrap();
    assert_eq!((size.entries, size.bytes), (20, sound.len() as u64));
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(&path, bytes).unwrap();
        let restored = cache(&ticker);
        let error = read::from_file(&restored, &path, &|| seconds(1_000)).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Codec, "{what}: {error}");
        assert_eq!(restored.resident(), 0, "{what}: {error}");
        restored.set(1, "usable".into());
        assert_eq!(restored.get(&1).as_deref(), Some("usable"));
        error.to_string()
    };
    for at in 0..sound.len() {
        for bit in [0x01, 0x80] {
            let mut bytes = sound.clone();
            bytes[at] ^= bit;
            refused(&bytes, &format!("byte {at} ^ {bit}"));
        }
        let text = refused(&sound[..at], &format!("cut off at {at}"));
        assert!(text.contains("cut off") || at == 0, "{at}: {text}");
    }
    let longer = [&sound[..], b"x"].concat();
    assert!(refused(&longer, "longer").contains("follows the end"));
}

/// The checksums are right, and yet it is not for this reader.
#[test]
fn newer_versions_and_other_types_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let ticker = ManualTicker::new();
    let written = cache(&ticker);
    written.set(1, "one".into());
    write::to_file(&written, &path, &|| seconds(1_000)).unwrap();
    let sound = std::fs::read(&path).unwrap();
    let mut newer = sound.clone();
    newer[8] = 2;
    let crc = crc32fast::hash(&newer[..HEAD - 4]).to_le_bytes();
    newer[HEAD - 4..HEAD].copy_from_slice(&crc);
    std::fs::write(&path, newer).unwrap();
    let error = read::from_file(&cache(&ticker), &path, &|| seconds(1_000)).unwrap_err();
    assert!(error.message().contains("newer version, 2"), "{error}");
    assert!(
        error.message().contains(&path.display().to_string()),
        "{error}"
    );
    std::fs::write(&path, &sound).unwrap();
    let other: TtlCache<String, Vec<String>> = TtlCache::new(TTL, 10);
    let error = read::from_file(&other, &path, &|| seconds(1_000)).unwrap_err();
    assert!(error.message().contains("other types"), "{error}");
    assert!(other.is_empty());
    // A length beyond the file takes no memory.
    let mut long = sound;
    long[HEAD..HEAD + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    std::fs::write(&path, &long[..HEAD + BLOCK_HEAD + 8]).unwrap();
    let error = read::from_file(&cache(&ticker), &path, &|| seconds(1_000)).unwrap_err();
    assert!(error.message().contains("cut off in block 1"), "{error}");
}
