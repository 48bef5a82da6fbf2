//! Text, one key a line, and CSV.

use std::{
    hash::{DefaultHasher, Hasher},
    path::Path,
};

use super::error::{TraceError, excerpt};

/// A whole number stands for itself; anything else is hashed, alike in every run. Only the plain spelling counts as
/// a number (`7`, not `07` or `+7`), so that different texts stay different keys.
fn key_of(text: &[u8]) -> u64 {
    let plain = text.len() == 1 || text.first() != Some(&b'0');
    let number = || std::str::from_utf8(text).ok()?.parse().ok();
    if plain
        && text.iter().all(u8::is_ascii_digit)
        && let Some(number) = number()
    {
        return number;
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(text);
    hasher.finish()
}

pub(super) fn text_keys(path: &Path, content: &[u8]) -> Result<Vec<u64>, TraceError> {
    let mut lines: Vec<&[u8]> = content.split(|&byte| byte == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let key = |(index, line): (usize, &&[u8])| {
        let key = line.trim_ascii();
        let wrong = |problem: String| TraceError::new(path, format!("line {}", index + 1), problem);
        if key.is_empty() {
            return Err(wrong("blank, expected one key a line".into()));
        }
        if key.contains(&0) || std::str::from_utf8(key).is_err() {
            return Err(wrong(format!(
                "`{}` is not text, expected one key a line",
                excerpt(key)
            )));
        }
        Ok(key_of(key))
    };
    lines.iter().enumerate().map(key).collect()
}

/// Column titles that are taken for a header even when no number tells.
const TITLES: [&str; 9] = [
    "key",
    "keys",
    "id",
    "obj_id",
    "object",
    "object_id",
    "obj",
    "lbn",
    "block",
];

pub(super) fn csv_keys(
    path: &Path,
    content: &[u8],
    column: Option<&str>,
) -> Result<Vec<u64>, TraceError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_reader(content);
    let mut rows: Vec<(u64, csv::StringRecord)> = Vec::with_capacity(2);
    let mut rest = reader.records();
    let mut next = || -> Result<Option<(u64, csv::StringRecord)>, TraceError> {
        match rest.next() {
            None => Ok(None),
            Some(Ok(record)) => Ok(Some((
                record.position().map_or(0, csv::Position::line),
                record,
            ))),
            Some(Err(error)) => {
                let line = error.position().map_or(0, csv::Position::line);
                let problem = match error.kind() {
                    csv::ErrorKind::UnequalLengths {
                        expected_len, len, ..
                    } => {
                        format!("{len} columns, expected {expected_len} as in the lines before")
                    }
                    csv::ErrorKind::Utf8 { .. } => "not text, expected UTF-8".to_owned(),
                    _ => format!("not CSV ({error}), expected one request a line"),
                };
                Err(TraceError::new(path, format!("line {line}"), problem))
            }
        }
    };
    while rows.len() < 2 {
        match next()? {
            Some(row) => rows.push(row),
            None => break,
        }
    }
    let (index, header) = key_column(path, &rows, column)?;
    let mut keys = Vec::new();
    let mut push = |(line, row): (u64, csv::StringRecord)| {
        let key = row.get(index).unwrap_or_default();
        if key.is_empty() || key.contains('\0') {
            let problem = format!(
                "`{}` is no key, expected one in column {}",
                excerpt(key.as_bytes()),
                index + 1
            );
            return Err(TraceError::new(path, format!("line {line}"), problem));
        }
        keys.push(key_of(key.as_bytes()));
        Ok(())
    };
    rows.drain(..)
        .skip(usize::from(header))
        .try_for_each(&mut push)?;
    while let Some(row) = next()? {
        push(row)?;
    }
    if keys.is_empty() {
        return Err(TraceError::new(
            path,
            "line 2",
            "nothing after the header, expected one request a line",
        ));
    }
    Ok(keys)
}

/// The index of the key's column, and whether the first row is a header.
fn key_column(
    path: &Path,
    rows: &[(u64, csv::StringRecord)],
    column: Option<&str>,
) -> Result<(usize, bool), TraceError> {
    let Some((_, first)) = rows.first() else {
        return Err(TraceError::new(
            path,
            "line 1",
            "blank, expected one request a line",
        ));
    };
    if let Some(column) = column {
        let found = first
            .iter()
            .position(|title| title.eq_ignore_ascii_case(column.trim()));
        let titles: Vec<&str> = first.iter().collect();
        return found.map(|index| (index, true)).ok_or_else(|| {
            let problem = format!(
                "no column `{column}`, expected one of: {}",
                excerpt(titles.join(", ").as_bytes())
            );
            TraceError::new(path, "line 1", problem)
        });
    }
    let number = |text: &str| text.parse::<f64>().is_ok();
    let title = first
        .get(0)
        .is_some_and(|title| TITLES.iter().any(|known| title.eq_ignore_ascii_case(known)));
    let second_has_numbers = rows.get(1).is_some_and(|(_, row)| row.iter().any(number));
    Ok((
        0,
        title || (!first.iter().any(number) && second_has_numbers),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(content: &str) -> Result<Vec<u64>, String> {
        text_keys(Path::new("f.txt"), content.as_bytes()).map_err(|error| error.to_string())
    }

    fn table(content: &str, column: Option<&str>) -> Result<Vec<u64>, String> {
        csv_keys(Path::new("f.csv"), content.as_bytes(), column).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_stand_for_themselves_and_words_are_hashed() {
        let keys = text("7\nuser:1\r\n18446744073709551615\n07\nuser:1").unwrap();
        assert_eq!((keys[0], keys[2]), (7, u64::MAX));
        assert_eq!(keys[1], keys[4]);
        assert_ne!(keys[3], 7);
    }

    #[test]
    fn blank_lines_and_binary_are_named() {
        assert!(text("1\n\n2\n").unwrap_err().contains("line 2: blank"));
        assert!(
            text("1\n2\n\0\u{1}\n")
                .unwrap_err()
                .contains("line 3: `\\0\\u{1}` is not text")
        );
        let error = text_keys(Path::new("f.txt"), b"1\n\xff\xfe\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn headers_are_found() {
        assert_eq!(
            table("time,key\n1,10\n2,20\n", Some("key")).unwrap(),
            [10, 20]
        );
        assert_eq!(table("time,Key\n1,10\n", Some("key")).unwrap(), [10]);
        assert_eq!(table("block,size\n1,10\n2,20\n", None).unwrap(), [1, 2]);
        assert_eq!(table("1,10\n2,20\n", None).unwrap(), [1, 2]);
        assert_eq!(table("key\nalpha\nbeta\n", None).unwrap().len(), 2);
        assert_eq!(table("alpha\nbeta\n", None).unwrap().len(), 2);
        assert_eq!(table("address\n5\n", None).unwrap(), [5]);
        assert_eq!(table("\"5\", x\n", None).unwrap(), [5]);
    }

    #[test]
    fn csv_errors_name_the_line() {
        assert!(
            table("time,key\n1,10\n", Some("user"))
                .unwrap_err()
                .contains("line 1: no column `user`")
        );
        assert!(
            table("1,2\n3\n", None)
                .unwrap_err()
                .contains("line 2: 1 columns, expected 2")
        );
        assert!(
            table("key\n", None)
                .unwrap_err()
                .contains("nothing after the header")
        );
        assert!(
            table("1,2\n,3\n", None)
                .unwrap_err()
                .contains("line 2: `` is no key")
        );
        assert!(table("\n\n", None).unwrap_err().contains("line 1: blank"));
    }

    proptest! {
        #[test]
        fn different_lines_are_different_keys(lines in prop::collection::hash_set("[a-z0-9:]{1,12}", 1..60)) {
            let keys = text(&lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
            prop_assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), lines.len());
        }

        #[test]
        fn csv_and_text_agree(keys in prop::collection::vec(any::<u64>(), 1..60)) {
            let lines = keys.iter().map(|key| format!("{key}\n")).collect::<String>();
            let rows = keys.iter().map(|key| format!("0,{key},x\n")).collect::<String>();
            prop_assert_eq!(text(&lines).unwrap(), keys.clone());
            prop_assert_eq!(table(&format!("t,key,s\n{rows}"), Some("key")).unwrap(), keys);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = text_keys(Path::new("f"), &bytes);
            let _ = csv_keys(Path::new("f"), &bytes, None);
        }
    }
}
