//! `.u64` and `.oracleGeneral`.

use std::path::Path;

use super::error::TraceError;

pub(super) fn u64_keys(path: &Path, content: &[u8]) -> Result<Vec<u64>, TraceError> {
    let (records, rest) = content.as_chunks::<8>();
    whole(path, records.len(), rest, 8)?;
    Ok(records
        .iter()
        .map(|record| u64::from_le_bytes(*record))
        .collect())
}

/// The key lies behind the 4-byte time stamp.
pub(super) fn oracle_general_keys(path: &Path, content: &[u8]) -> Result<Vec<u64>, TraceError> {
    let (records, rest) = content.as_chunks::<24>();
    whole(path, records.len(), rest, 24)?;
    let key = |record: &[u8; 24]| {
        let mut key = [0; 8];
        key.copy_from_slice(&record[4..12]);
        u64::from_le_bytes(key)
    };
    Ok(records.iter().map(key).collect())
}

fn whole(path: &Path, records: usize, rest: &[u8], size: usize) -> Result<(), TraceError> {
    if rest.is_empty() {
        return Ok(());
    }
    let position = format!("byte {}, record {}", records * size, records + 1);
    let problem = format!(
        "truncated: {} bytes are left, expected whole {size}-byte records",
        rest.len()
    );
    Err(TraceError::new(path, position, problem))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path() -> &'static Path {
        Path::new("f")
    }

    fn oracle_general(keys: &[u64]) -> Vec<u8> {
        let record = |(time, key): (usize, &u64)| {
            let mut record = (time as u32).to_le_bytes().to_vec();
            record.extend(key.to_le_bytes());
            record.extend(4096_u32.to_le_bytes());
            record.extend((-1_i64).to_le_bytes());
            record
        };
        keys.iter().enumerate().flat_map(record).collect()
    }

    proptest! {
        #[test]
        fn keys_come_back(keys in prop::collection::vec(any::<u64>(), 1..100)) {
            let raw: Vec<u8> = keys.iter().flat_map(|key| key.to_le_bytes()).collect();
            prop_assert_eq!(u64_keys(path(), &raw).unwrap(), keys.clone());
            prop_assert_eq!(oracle_general_keys(path(), &oracle_general(&keys)).unwrap(), keys);
        }

        #[test]
        fn a_cut_record_is_found_where_it_begins(keys in prop::collection::vec(any::<u64>(), 1..50), cut in 1..24_usize) {
            let mut raw = oracle_general(&keys);
            raw.truncate(raw.len() - cut);
            let error = oracle_general_keys(path(), &raw).unwrap_err().to_string();
            prop_assert!(error.contains(&format!("byte {}, record {}:", (keys.len() - 1) * 24, keys.len())), "{}", error);
        }
    }
}
