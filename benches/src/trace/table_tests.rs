use proptest::prelude::*;

use super::*;

fn read(content: &str, column: Option<&str>) -> Result<Vec<u64>, String> {
    let column: Option<Column> = column.map(|column| column.parse().unwrap());
    keys(
        Path::new("f.csv"),
        content.as_bytes(),
        separator(content.as_bytes()),
        column.as_ref(),
        true,
    )
    .map(|found| found.0)
    .map_err(|error| error.to_string())
}

#[test]
fn headers_are_found() {
    assert_eq!(
        read("time,key\n1,10\n2,20\n", Some("key")).unwrap(),
        [10, 20]
    );
    assert_eq!(read("time,Key\n1,10\n", None).unwrap(), [10]);
    assert_eq!(read("block,size\n1,10\n2,20\n", None).unwrap(), [1, 2]);
    assert_eq!(read("9,10\n2,20\n", None).unwrap(), [9, 2]);
    assert_eq!(read("key\nalpha\nbeta\n", None).unwrap().len(), 2);
    assert_eq!(read("alpha\nbeta\n", None).unwrap().len(), 2);
    assert_eq!(read("anything\n5\n", None).unwrap(), [5]);
    assert_eq!(read("\"5\", x\n", None).unwrap(), [5]);
}

#[test]
fn separators_are_found() {
    for (content, separator) in [
        ("1;2\n3;4\n", Some(Separator::Byte(b';'))),
        ("1\t2\n3\t4\n", Some(Separator::Byte(b'\t'))),
        ("1,2\n3,4\n", Some(Separator::Byte(b','))),
        ("1 2\n3  4\n", Some(Separator::Blanks)),
        ("1,5;2\n3,5;4\n", Some(Separator::Byte(b';'))),
        ("a b,2\nc,4\nd,9\n", Some(Separator::Byte(b','))),
        ("\"a;b\",2\n\"c;d\",4\n", Some(Separator::Byte(b','))),
        ("1, 2, 3\n4, 5, 6\n", Some(Separator::Byte(b','))),
        ("1\n2\n", None),
        ("user:1|x\nuser:2\n", None),
        ("a,b\nc\nd\n", None),
        ("", None),
        ("\n\n", None),
    ] {
        assert_eq!(several(content.as_bytes()), separator, "{content:?}");
    }
    for (content, column) in [
        ("t;key\n1;10\n2;20\n", None),
        ("1\t10\n2\t20\n", Some("2")),
        ("t key n\n1 10 3\n\n2  20\n", None),
    ] {
        assert_eq!(read(content, column).unwrap(), [10, 20], "{content:?}");
    }
}

#[test]
fn a_first_column_that_cannot_be_the_key_is_refused() {
    let ops: String = (0..100)
        .map(|n| format!("{},{n}\n", ["get", "set"][n % 2]))
        .collect();
    for (content, reason) in [
        ("1,7\n2,8\n2,7\n", "column 1 of 2 never falls"),
        ("5,7\n5,8\n", "column 1 of 2 is the same on every line"),
        (ops.as_str(), "has 2 different values on 100 lines"),
    ] {
        let error = read(content, None).unwrap_err();
        for part in [
            reason,
            "line 1",
            "--column",
            "--format u64, oracleGeneral",
            "lrb",
        ] {
            assert!(error.contains(part), "{part} is missing in: {error}");
        }
        assert!(read(content, Some("1")).is_ok(), "asked for, it is taken");
        let plain = keys(
            Path::new("f"),
            content.as_bytes(),
            Separator::Byte(b','),
            None,
            false,
        );
        assert!(plain.is_ok(), "no doubt with --format");
    }
    assert!(read("9,7\n2,8\n", None).is_ok());
    assert!(read("5,7\n", None).is_ok());
}

#[test]
fn errors_name_the_line() {
    let long = "1 2\n".repeat(20) + "5\n";
    for (content, column, part) in [
        ("time,key\n1,10\n", Some("user"), "line 1: no column `user`"),
        ("1,2\n3\n", None, "line 2: 1 columns, expected 2"),
        ("key\n", None, "line 2: nothing after the header"),
        ("1,2\n,3\n", None, "line 2: `` is no key"),
        ("\n\n", None, "line 1: blank"),
        (
            long.as_str(),
            Some("2"),
            "line 21: 1 columns, expected at least 2",
        ),
        (
            "key\n\"a\n1\n2\n",
            None,
            "line 2: a quote that does not end",
        ),
        ("key,n\n\"a\n1,2\n", None, "line 2"),
        (
            "1,2\n3,4\n",
            Some("3"),
            "line 1: no column 3, expected 1 to 2",
        ),
    ] {
        let error = read(content, column).unwrap_err();
        assert!(error.contains(part), "{content:?}: {error}");
    }
    let bytes = b"key,n\n1,2\n\xff,3\n";
    let error = keys(Path::new("f"), bytes, Separator::Byte(b','), None, true).unwrap_err();
    assert_eq!(error.to_string(), "f: line 3: not text, expected UTF-8");
}

#[test]
fn it_says_how_it_read() {
    let how = |content: &str, column: Option<&Column>| {
        keys(
            Path::new("f"),
            content.as_bytes(),
            separator(content.as_bytes()),
            column,
            true,
        )
        .unwrap()
        .1
    };
    assert_eq!(
        how("time;lbn\n1;2\n", None),
        "csv separated by semicolons, column 2 `lbn`"
    );
    assert_eq!(
        how("1\t2\n", Some(&Column::Number(2))),
        "csv separated by tabs, column 2"
    );
    assert_eq!(how("key\n1\n", None), "csv");
}

proptest! {
    #[test]
    fn every_separator_gives_back_the_keys(keys in prop::collection::vec(any::<u64>(), 1..60), with in 0..4_usize) {
        let s = [",", ";", "\t", " "][with];
        let rows: String = keys.iter().enumerate().map(|(n, key)| format!("{n}{s}{key}{s}x\n")).collect();
        prop_assert_eq!(read(&format!("t{s}obj_id{s}s\n{rows}"), None).unwrap(), keys.clone());
        prop_assert_eq!(read(&rows, Some("2")).unwrap(), keys);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[0-9a-c ,;\t\"\n]{0,80}", column in 0..4_usize) {
        let column = (column > 0).then_some(Column::Number(column));
        for content in [&bytes, text.as_bytes()] {
            for separator in [separator(content), Separator::Blanks] {
                if let Err(error) = keys(Path::new("f"), content, separator, column.as_ref(), true) {
                    let error = error.to_string();
                    prop_assert!(error.starts_with("f: line ") && error.contains("expected"), "{}", error);
                }
            }
        }
    }
}
