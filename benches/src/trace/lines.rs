//! Formats of one request a line: text, LIRS, ARC, addresses, LRB.

use std::path::Path;

use super::{
    error::{TraceError, excerpt},
    format::Format,
    key,
};

/// Blocks of one line of an ARC trace, at most. Published traces ask for a few hundred at once.
const MOST_BLOCKS: u64 = 1 << 20;
/// Requests of a trace, at most: what a few lines of an ARC trace may ask for is not memory to hold it.
pub(super) const MOST_REQUESTS: usize = 1 << 31;

/// The lines with their numbers, trimmed; blank lines at the end are none.
pub(super) fn lines(content: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let end = content.trim_ascii_end();
    let some = !end.is_empty();
    let lines = end.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    lines
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .take_while(move |_| some)
}

/// The fields between blanks and tabs.
pub(super) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty())
}

/// The keys of a file of this format; with `title` the first line is none.
pub(super) fn keys(
    path: &Path,
    content: &[u8],
    format: Format,
    title: bool,
) -> Result<Vec<u64>, TraceError> {
    let mut keys = Vec::new();
    for (number, line) in lines(content).skip(usize::from(title)) {
        let wrong = |problem: String| {
            let problem = format!("{problem}, expected {}", format.expects());
            TraceError::new(path, format!("line {number}"), problem)
        };
        if line.is_empty() && format != Format::Lirs {
            return Err(wrong("blank".into()));
        }
        if line.contains(&0) || std::str::from_utf8(line).is_err() {
            return Err(wrong(format!("`{}` is not text", excerpt(line))));
        }
        match format {
            Format::Arc => arc(line, &mut keys),
            Format::Address => address(line).map(|key| keys.push(key)),
            Format::Lrb => lrb(line).map(|key| keys.push(key)),
            Format::Lirs => lirs(line).map(|key| keys.extend(key)),
            _ => {
                keys.push(key::of_text(line));
                Ok(())
            }
        }
        .map_err(|problem| wrong(format!("`{}`: {problem}", excerpt(line))))?;
        if keys.len() > MOST_REQUESTS {
            return Err(wrong(format!(
                "more than {MOST_REQUESTS} requests up to here"
            )));
        }
    }
    if keys.is_empty() {
        let problem = format!("no request in it, expected {}", format.expects());
        return Err(TraceError::new(path, "line 1", problem));
    }
    Ok(keys)
}

/// Four whole numbers; the first is the first block, the second how many follow each other.
fn arc(line: &[u8], keys: &mut Vec<u64>) -> Result<(), String> {
    let mut all = fields(line);
    let mut next = || all.next().ok_or("fewer than four fields");
    let (start, count) = (next()?, next()?);
    let (_, _) = (whole(next()?)?, whole(next()?)?);
    if all.next().is_some() {
        return Err("more than four fields".into());
    }
    let (start, count) = (whole(start)?, whole(count)?);
    if count > MOST_BLOCKS {
        return Err(format!("{count} blocks are more than {MOST_BLOCKS}"));
    }
    let end = start.checked_add(count).ok_or("blocks beyond 64 bits")?;
    keys.extend(start..end);
    Ok(())
}

fn whole(field: &[u8]) -> Result<u64, String> {
    key::number(field).ok_or_else(|| format!("`{}` is no whole number of 64 bits", excerpt(field)))
}

fn address(line: &[u8]) -> Result<u64, String> {
    let mut all = fields(line);
    let kind = all.next().unwrap_or_default();
    if !kind.iter().all(u8::is_ascii_alphabetic) {
        return Err(format!("`{}` is no kind of access", excerpt(kind)));
    }
    let at = all.next().ok_or("one field")?;
    key::address(at).ok_or_else(|| format!("`{}` is no address of 64 bits", excerpt(at)))
}

/// The time may have a fraction and the id a sign, features are not looked at.
fn lrb(line: &[u8]) -> Result<u64, String> {
    let mut all = fields(line);
    let mut next = || all.next().ok_or("fewer than three fields");
    let (time, id, size) = (next()?, next()?, next()?);
    if !is_number(time) {
        return Err(format!("`{}` is no time", excerpt(time)));
    }
    if key::number(size).is_none() {
        return Err(format!("`{}` is no size", excerpt(size)));
    }
    key::signed(id).ok_or_else(|| format!("`{}` is no id of 64 bits", excerpt(id)))
}

pub(super) fn is_number(field: &[u8]) -> bool {
    let digit = field.last().is_some_and(u8::is_ascii_digit);
    digit && std::str::from_utf8(field).is_ok_and(|text| text.parse::<f64>().is_ok())
}

/// None for a mark.
fn lirs(line: &[u8]) -> Result<Option<u64>, String> {
    match line {
        b"" | b"*" => Ok(None),
        number => whole(number).map(Some),
    }
}

/// The line-based format that a line looks like, if it has several fields.
pub(super) fn guess(line: &[u8]) -> Option<Format> {
    let arc_like = || {
        let all: Vec<&[u8]> = fields(line).collect();
        all.len() == 4 && all[2] == b"0" && arc(line, &mut Vec::new()).is_ok()
    };
    if arc_like() {
        Some(Format::Arc)
    } else if address(line).is_ok() {
        Some(Format::Address)
    } else if lrb(line).is_ok() {
        Some(Format::Lrb)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(format: Format, content: &str) -> Result<Vec<u64>, String> {
        keys(Path::new("f"), content.as_bytes(), format, false).map_err(|error| error.to_string())
    }

    #[test]
    fn text_is_one_key_a_line() {
        let keys = read(
            Format::Text,
            "7\nuser:1\r\n18446744073709551615\n07\nuser:1\n\r\n\n",
        )
        .unwrap();
        assert_eq!((keys[0], keys[2], keys.len()), (7, u64::MAX, 5));
        assert_eq!(keys[1], keys[4]);
        assert_ne!(keys[3], 7);
        assert_eq!(read(Format::Text, "a b\na c\na b").unwrap().len(), 3);
    }

    #[test]
    fn arc_lines_are_runs_of_blocks() {
        assert_eq!(
            read(Format::Arc, "10 3 0 0\n5 1 0 1\r\n7 0 0 2\n11\t2  0 3").unwrap(),
            [10, 11, 12, 5, 11, 12]
        );
    }

    #[test]
    fn addresses_are_hexadecimal() {
        assert_eq!(
            read(Format::Address, "l 0x1f 4\ns 0xFFFFFFFFFFFFFFFF 1\nL 0x0").unwrap(),
            [31, u64::MAX, 0]
        );
    }

    #[test]
    fn lrb_keys_are_the_second_column() {
        assert_eq!(
            read(Format::Lrb, "1 10 120\n1.5 -1 64 3 4\n2 10 0\n").unwrap(),
            [10, u64::MAX, 10]
        );
    }

    #[test]
    fn lirs_marks_are_no_keys() {
        assert_eq!(read(Format::Lirs, "1\n*\n\n2\n1\n*\n").unwrap(), [1, 2, 1]);
        assert_eq!(read(Format::Text, "1\n*\n1").unwrap().len(), 3);
    }

    #[test]
    fn refusals_name_the_line_and_what_was_expected() {
        for (format, content, parts) in [
            (
                Format::Text,
                "1\n\n2\n",
                ["line 2: blank", "one key a line"],
            ),
            (
                Format::Text,
                "1\n2\n\0\u{1}\n",
                ["line 3: `\\0\\u{1}` is not text", "one key a line"],
            ),
            (
                Format::Text,
                "\n\n",
                ["line 1: no request", "one key a line"],
            ),
            (
                Format::Arc,
                "1 1 0\n",
                [
                    "line 1: `1 1 0`: fewer than four",
                    "`start count ignored number`",
                ],
            ),
            (
                Format::Arc,
                "1 1 0 1\n1 1 0 1 5\n",
                ["line 2", "more than four"],
            ),
            (
                Format::Arc,
                "1 1 0 x\n",
                ["line 1", "`x` is no whole number"],
            ),
            (
                Format::Arc,
                "1 -1 0 1\n",
                ["line 1", "`-1` is no whole number"],
            ),
            (
                Format::Arc,
                "1 0 0 1\n",
                ["no request in it", "start count"],
            ),
            (
                Format::Arc,
                "1 18446744073709551615 0 1\n",
                ["line 1", "are more than 1048576"],
            ),
            (
                Format::Arc,
                "18446744073709551615 1 0 1\n",
                ["line 1", "beyond 64 bits"],
            ),
            (
                Format::Address,
                "l 1f 4\n",
                ["line 1", "`1f` is no address"],
            ),
            (
                Format::Address,
                "l 0x1 4\n\nl 0x1 4\n",
                ["line 2: blank", "`l 0x1fffff50 4`"],
            ),
            (Format::Address, "l\n", ["line 1", "one field"]),
            (
                Format::Address,
                "0x1f 4\n",
                ["line 1", "`0x1f` is no kind of access"],
            ),
            (Format::Lrb, "1 2\n", ["line 1", "fewer than three"]),
            (Format::Lrb, "x 2 3\n", ["line 1", "`x` is no time"]),
            (Format::Lrb, "1 2.5 3\n", ["line 1", "`2.5` is no id"]),
            (Format::Lrb, "1 2 -3\n", ["line 1", "`-3` is no size"]),
            (
                Format::Lrb,
                "time id size\n1 2 3\n",
                ["line 1", "`time` is no time"],
            ),
            (
                Format::Lirs,
                "1\n*\nx\n",
                ["line 3", "one block number a line"],
            ),
            (
                Format::Lirs,
                "*\n*\n",
                ["no request", "one block number a line"],
            ),
        ] {
            let error = read(format, content).unwrap_err();
            for part in parts {
                assert!(
                    error.contains(part),
                    "{format} {content:?}: {part} is missing in: {error}"
                );
            }
        }
        let error = keys(Path::new("f.txt"), b"1\n\xff\xfe\n", Format::Text, false).unwrap_err();
        assert!(error.to_string().contains("f.txt: line 2"), "{error}");
    }

    #[test]
    fn formats_are_guessed_from_a_line() {
        for (line, format) in [
            ("123 4 0 17", Some(Format::Arc)),
            ("l 0x1fffff50 1", Some(Format::Address)),
            ("1535 98 4096", Some(Format::Lrb)),
            ("1535 98 4096 1 0 3", Some(Format::Lrb)),
            ("some words here", None),
        ] {
            assert_eq!(guess(line.as_bytes()), format, "{line}");
        }
    }

    proptest! {
        #[test]
        fn every_format_gives_back_its_keys(keys in prop::collection::vec(any::<u64>(), 1..60)) {
            let lines = |line: fn((usize, &u64)) -> String| keys.iter().enumerate().map(line).collect::<String>();
            prop_assert_eq!(read(Format::Text, &lines(|(_, key)| format!("{key}\n"))).unwrap(), keys.clone());
            prop_assert_eq!(read(Format::Lirs, &lines(|(n, key)| format!("{key}\r\n{}", if n % 3 == 0 { "*\n" } else { "" }))).unwrap(), keys.clone());
            prop_assert_eq!(read(Format::Address, &lines(|(_, key)| format!("l {key:#x} 4\n"))).unwrap(), keys.clone());
            prop_assert_eq!(read(Format::Lrb, &lines(|(n, key)| format!("{n} {key} 512\n"))).unwrap(), keys.clone());
        }

        #[test]
        fn arc_runs_are_as_long_as_they_say(runs in prop::collection::vec((0..1_000_u64, 0..50_u64), 1..30)) {
            let text: String = runs.iter().enumerate().map(|(n, (start, count))| format!("{start} {count} 0 {n}\n")).collect();
            let expected: Vec<u64> = runs.iter().flat_map(|&(start, count)| start..start + count).collect();
            match read(Format::Arc, &text) {
                Ok(keys) => prop_assert_eq!(keys, expected),
                Err(error) => prop_assert!(expected.is_empty() && error.contains("no request"), "{}", error),
            }
        }

        #[test]
        fn different_lines_are_different_keys(lines in prop::collection::hash_set("[a-z0-9:]{1,12}", 1..60)) {
            let keys = read(Format::Text, &lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
            prop_assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), lines.len());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[0-9 lx\n*-]{0,80}") {
            for format in Format::ALL {
                let _ = keys(Path::new("f"), &bytes, format, false);
                if let Err(error) = keys(Path::new("f"), text.as_bytes(), format, false) {
                    let error = error.to_string();
                    prop_assert!(error.starts_with("f: line ") && error.contains("expected"), "{}", error);
                }
            }
        }
    }
}
