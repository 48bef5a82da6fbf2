//! Which column holds the key.

use std::{path::Path, str::FromStr};

use csv::StringRecord;

use super::{
    error::{TraceError, beginning},
    format, key,
    lines::is_number,
};

/// What `--column` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// The place in each line, from 1 on.
    Number(usize),
    /// The title in the header.
    Name(String),
}

impl FromStr for Column {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("expected a column's title or its number from 1 on".into());
        }
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self::Name(text.to_owned()));
        }
        match text.parse() {
            Ok(number) if number > 0 => Ok(Self::Number(number)),
            _ => Err("expected a column's title or its number from 1 on".into()),
        }
    }
}

/// Titles of key columns as published traces have them, the surest first. Letters and digits only, in lower case.
const KEYS: [&str; 26] = [
    "key",
    "cachekey",
    "anonymizedkey",
    "objid",
    "objectid",
    "obj",
    "object",
    "itemid",
    "item",
    "blockid",
    "blockno",
    "blocknumber",
    "blkno",
    "lbn",
    "lba",
    "block",
    "offset",
    "pageid",
    "page",
    "address",
    "addr",
    "url",
    "uri",
    "fileid",
    "keys",
    "id",
];

/// Titles of columns that hold something else.
const OTHERS: [&str; 46] = [
    "time",
    "timestamp",
    "ts",
    "date",
    "datetime",
    "clocktime",
    "realtime",
    "optime",
    "size",
    "objsize",
    "objectsize",
    "keysize",
    "valuesize",
    "valsize",
    "op",
    "operation",
    "opcount",
    "cmd",
    "command",
    "type",
    "version",
    "ttl",
    "hostname",
    "host",
    "client",
    "clientid",
    "tenant",
    "tenantid",
    "seq",
    "sequence",
    "row",
    "rowid",
    "index",
    "disknumber",
    "responsetime",
    "latency",
    "nextaccessvtime",
    "length",
    "len",
    "bytes",
    "count",
    "rw",
    "lun",
    "namespace",
    "usecase",
    "cachehits",
];

fn plain(title: &str) -> String {
    title
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// How sure a title is as a key's, 0 is surest; none where it is not known.
fn rank(title: &str) -> Option<usize> {
    let title = plain(title);
    KEYS.iter().position(|known| *known == title)
}

fn is_other(title: &str) -> bool {
    let title = plain(title);
    OTHERS.iter().any(|known| *known == title)
}

/// Whether this text is a known title of a key column.
pub(super) fn is_key_title(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| rank(text).is_some())
}

/// A column, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// From 0 on.
    pub(super) index: usize,
    /// Whether the first row is a header.
    pub(super) header: bool,
    /// Its title there.
    pub(super) title: Option<String>,
    /// Asked for, named by a known title, or the only one.
    pub(super) sure: bool,
}

fn number(field: &str) -> bool {
    is_number(field.as_bytes()) || key::address(field.as_bytes()).is_some()
}

/// Whether the first row holds titles: no number is among them, and most are known or the second row has numbers. A few
/// known words are not enough: `index,home` may be keys.
fn is_header(first: &StringRecord, second: Option<&StringRecord>) -> bool {
    let known = |title: &&str| rank(title).is_some() || (first.len() > 1 && is_other(title));
    let most = || 2 * first.iter().filter(known).count() > first.len();
    let numbers = |row: &StringRecord| row.iter().any(number);
    !numbers(first) && (second.is_some_and(numbers) || most())
}

/// The index of the best known title, if the first row is a header with one.
pub(super) fn named(first: &StringRecord, second: Option<&StringRecord>) -> Option<usize> {
    let ranks = first
        .iter()
        .enumerate()
        .filter_map(|(index, title)| Some((rank(title)?, index)));
    let best = ranks.min()?.1;
    is_header(first, second).then_some(best)
}

/// The key's column.
pub(super) fn choose(
    path: &Path,
    first: &StringRecord,
    second: Option<&StringRecord>,
    column: Option<&Column>,
) -> Result<Choice, TraceError> {
    let wrong = |problem: String| Err(TraceError::new(path, "line 1", problem));
    let titles = || beginning(first.iter().collect::<Vec<_>>().join(", ").as_bytes(), 300);
    let mut header = is_header(first, second);
    let (index, sure) = match column {
        Some(&Column::Number(number)) if number > first.len() => {
            return wrong(format!("no column {number}, expected 1 to {}", first.len()));
        }
        Some(&Column::Number(number)) => (number - 1, true),
        Some(Column::Name(name)) => {
            let exact = first
                .iter()
                .position(|title| title.eq_ignore_ascii_case(name));
            let Some(index) =
                exact.or_else(|| first.iter().position(|title| plain(title) == plain(name)))
            else {
                let expected = if header {
                    "expected one of"
                } else {
                    "expected a number from 1 on, or one of"
                };
                return wrong(format!("no column `{name}`, {expected}: {}", titles()));
            };
            header = true;
            (index, true)
        }
        None => match named(first, second) {
            Some(index) => (index, true),
            None if header && first.len() > 1 && first.get(0).is_some_and(is_other) => {
                return wrong(format!(
                    "no title here is known for keys, expected --column with one of: {}; or --format {}",
                    titles(),
                    format::names()
                ));
            }
            None => (0, first.len() == 1),
        },
    };
    let title = first.get(index).filter(|_| header).map(str::to_owned);
    Ok(Choice {
        index,
        header,
        title,
        sure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(rows: &[&str], column: Option<&str>) -> Result<(usize, bool, bool), String> {
        let row = |text: &&str| StringRecord::from(text.split(',').collect::<Vec<_>>());
        let rows: Vec<StringRecord> = rows.iter().map(row).collect();
        let column: Option<Column> = column.map(|column| column.parse().unwrap());
        choose(Path::new("f"), &rows[0], rows.get(1), column.as_ref())
            .map(|choice| (choice.index, choice.header, choice.sure))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn known_titles_are_obeyed() {
        for (header, index) in [
            ("version,time,op,size,lbn", 4),
            ("key,op,size,op_count,key_size", 0),
            ("op_time,key,key_size,op,op_count", 1),
            ("id,obj_id,size", 1),
            ("Timestamp,Object ID", 1),
            ("# time,id,size", 1),
            ("time,objId", 1),
            ("timestamp,anonymized key,key size", 1),
        ] {
            assert_eq!(
                chosen(&[header, "1,2,3,4,5"], None),
                Ok((index, true, true)),
                "{header}"
            );
        }
        assert_eq!(
            chosen(&["time,key", "now,a"], None),
            Ok((1, true, true)),
            "no number needed"
        );
    }

    #[test]
    fn without_a_known_title_it_is_the_first_and_not_sure() {
        assert_eq!(chosen(&["1,10", "2,20"], None), Ok((0, false, false)));
        assert_eq!(chosen(&["user,b", "2,20"], None), Ok((0, true, false)));
        assert_eq!(chosen(&["5"], None), Ok((0, false, true)));
        assert_eq!(
            chosen(&["1,key", "2,x"], None),
            Ok((0, false, false)),
            "a number: no header"
        );
        let error = chosen(&["time,user,size", "1,2,3"], None).unwrap_err();
        assert!(
            error.contains("time, user, size")
                && error.contains("--column")
                && error.contains("lrb"),
            "{error}"
        );
    }

    #[test]
    fn columns_are_asked_for_by_number_or_title() {
        assert_eq!(chosen(&["1,10", "2,20"], Some("2")), Ok((1, false, true)));
        assert_eq!(
            chosen(&["time,key", "2,20"], Some("1")),
            Ok((0, true, true))
        );
        assert_eq!(
            chosen(&["5,2,9"], Some("2")),
            Ok((1, false, true)),
            "a number is a place"
        );
        assert_eq!(chosen(&["a,b", "x,y"], Some("B")), Ok((1, true, true)));
        assert_eq!(
            chosen(&["time,obj_id", "1,2"], Some("objid")),
            Ok((1, true, true))
        );
        let error = chosen(&["1,10"], Some("3")).unwrap_err();
        assert!(
            error.contains("line 1: no column 3, expected 1 to 2"),
            "{error}"
        );
        let error = chosen(&["time,key", "1,2"], Some("user")).unwrap_err();
        assert!(
            error.contains("no column `user`, expected one of: time, key"),
            "{error}"
        );
        let error = chosen(&["1,2"], Some("user")).unwrap_err();
        assert!(error.contains("expected a number from 1 on"), "{error}");
    }

    #[test]
    fn words_are_no_header() {
        assert_eq!(
            chosen(&["index,home", "about,index"], None),
            Ok((0, false, false))
        );
        assert_eq!(chosen(&["index", "home"], None), Ok((0, false, true)));
        assert_eq!(
            chosen(&["key,user", "a,b"], None),
            Ok((0, false, false)),
            "half is not most"
        );
        assert_eq!(chosen(&["key,size,op", "a,b,c"], None), Ok((0, true, true)));
        let wide = format!("time,{}", ["word"; 40].join(","));
        let error = chosen(&[&wide, "1,2"], None).unwrap_err();
        assert_eq!(
            error.matches("word").count(),
            40,
            "every title is listed: {error}"
        );
    }

    #[test]
    fn bad_columns_are_refused() {
        for text in ["", " ", "0", "00", "99999999999999999999"] {
            assert!(text.parse::<Column>().is_err(), "{text:?}");
        }
        assert_eq!(" 2 ".parse(), Ok(Column::Number(2)));
        assert_eq!("-1".parse(), Ok(Column::Name("-1".into())));
    }
}
