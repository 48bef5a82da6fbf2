//! `.zst` and `.gz`, and files whose name and content disagree about them.

use std::{io::Read, path::Path};

use super::{error::TraceError, format::Packing};

const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];
/// Large traces are packed with `zstd --long=31`, which the decoder takes only when told; its default is 27.
const WINDOW_LOG: u32 = 31;

/// The content, decompressed as the name says.
pub(super) fn unpack(path: &Path, raw: Vec<u8>, packing: Packing) -> Result<Vec<u8>, TraceError> {
    let found = looks_like(&raw);
    if raw.is_empty() && packing != Packing::Plain {
        return Err(TraceError::new(
            path,
            "byte 0",
            format!("empty, expected {} data", name(packing)),
        ));
    }
    if found != packing && (packing != Packing::Plain || really(&raw, found)) {
        let problem = format!(
            "the content is {}, expected {} as the name says",
            name(found),
            name(packing)
        );
        return Err(TraceError::new(path, "byte 0", problem));
    }
    match packing {
        Packing::Plain => Ok(raw),
        Packing::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(raw.as_slice());
            let decoder = decoder.and_then(|mut decoder| {
                decoder.window_log_max(WINDOW_LOG)?;
                Ok(decoder)
            });
            decode(
                path,
                packing,
                decoder.map_err(|error| broken(path, packing, 0, &error))?,
            )
        }
        Packing::Gzip => decode(
            path,
            packing,
            flate2::bufread::MultiGzDecoder::new(raw.as_slice()),
        ),
    }
}

const fn name(packing: Packing) -> &'static str {
    match packing {
        Packing::Plain => "uncompressed",
        Packing::Zstd => "zstd",
        Packing::Gzip => "gzip",
    }
}

/// By the first bytes. zstd files may begin with a skippable frame.
fn looks_like(raw: &[u8]) -> Packing {
    let skippable = matches!(raw, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
    if raw.starts_with(&ZSTD) || skippable {
        Packing::Zstd
    } else if raw.starts_with(&GZIP) {
        Packing::Gzip
    } else {
        Packing::Plain
    }
}

/// Keys may begin with the same bytes by chance: only content that decompresses is compressed.
fn really(raw: &[u8], packing: Packing) -> bool {
    let mut start = [0; 64];
    match packing {
        Packing::Plain => false,
        Packing::Zstd => zstd::stream::read::Decoder::with_buffer(raw)
            .and_then(|mut d| d.read(&mut start))
            .is_ok(),
        Packing::Gzip => flate2::bufread::MultiGzDecoder::new(raw)
            .read(&mut start)
            .is_ok(),
    }
}

fn decode(path: &Path, packing: Packing, mut decoder: impl Read) -> Result<Vec<u8>, TraceError> {
    let mut content = Vec::new();
    match decoder.read_to_end(&mut content) {
        Ok(_) => Ok(content),
        Err(error) => Err(broken(path, packing, content.len(), &error)),
    }
}

fn broken(path: &Path, packing: Packing, at: usize, error: &std::io::Error) -> TraceError {
    let kind = if error.kind() == std::io::ErrorKind::UnexpectedEof {
        "truncated"
    } else {
        "corrupt"
    };
    let problem = format!(
        "{kind} {name} data ({error}), expected a whole {name} stream",
        name = name(packing)
    );
    TraceError::new(path, format!("byte {at} of the decompressed data"), problem)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zst(data: &[u8]) -> Vec<u8> {
        // With a checksum: without one zstd cannot see that stored bytes have changed.
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn run(raw: Vec<u8>, packing: Packing) -> Result<Vec<u8>, String> {
        unpack(Path::new("f"), raw, packing).map_err(|error| error.to_string())
    }

    #[test]
    fn both_unpack_also_in_several_frames() {
        let twice = |pack: fn(&[u8]) -> Vec<u8>| [pack(b"one"), pack(b"two")].concat();
        assert_eq!(run(twice(gzip), Packing::Gzip).unwrap(), b"onetwo");
        assert_eq!(run(twice(zst), Packing::Zstd).unwrap(), b"onetwo");
    }

    #[test]
    fn truncated_and_corrupt_are_told_apart() {
        let data: Vec<u8> = (0..100_000_u32)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        for (packed, packing) in [(gzip(&data), Packing::Gzip), (zst(&data), Packing::Zstd)] {
            let half = packed[..packed.len() / 2].to_vec();
            let error = run(half, packing).unwrap_err();
            assert!(
                error.contains("truncated") && error.contains("byte "),
                "{error}"
            );
            let mut bad = packed;
            let middle = bad.len() / 2;
            bad[middle..middle + 64].fill(0xff);
            let error = run(bad, packing).unwrap_err();
            assert!(
                error.contains("corrupt") || error.contains("truncated"),
                "{error}"
            );
        }
    }

    #[test]
    fn long_windows_are_taken() {
        // A frame with a window of 2^28 bytes and one raw block, the last.
        let frame = [
            ZSTD.as_slice(),
            &[0, (28 - 10) << 3, 3 << 3 | 1, 0, 0],
            b"abc",
        ]
        .concat();
        assert_eq!(run(frame, Packing::Zstd).unwrap(), b"abc");
    }

    #[test]
    fn name_and_content_must_agree() {
        let error = run(gzip(b"x"), Packing::Zstd).unwrap_err();
        assert!(error.contains("content is gzip, expected zstd"), "{error}");
        let error = run(b"plain".to_vec(), Packing::Gzip).unwrap_err();
        assert!(
            error.contains("content is uncompressed, expected gzip"),
            "{error}"
        );
        let error = run(zst(b"x"), Packing::Plain).unwrap_err();
        assert!(
            error.contains("content is zstd, expected uncompressed"),
            "{error}"
        );
        assert!(
            run(Vec::new(), Packing::Zstd)
                .unwrap_err()
                .contains("empty")
        );
    }

    #[test]
    fn a_key_that_begins_like_gzip_is_a_key() {
        let raw = [GZIP.as_slice(), &[0xff; 13]].concat();
        assert_eq!(run(raw.clone(), Packing::Plain).unwrap(), raw);
    }
}
