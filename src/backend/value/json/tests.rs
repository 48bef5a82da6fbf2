use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::error::ErrorKind;

fn read(text: &str) -> Json {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// JSONTestSuite (Nicolas Seriot, MIT): name, tab, bytes with `\xNN` for those that are no printable ASCII.
fn test_suite() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    include_str!("../../../../tests/json/test_suite.tsv")
        .lines()
        .map(|line| {
            let (name, escaped) = line.split_once('\t').unwrap();
            let mut pieces = escaped.split("\\x");
            let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
            for piece in pieces {
                bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
                bytes.extend_from_slice(&piece.as_bytes()[2..]);
            }
            (name, bytes)
        })
}

#[test]
fn the_test_suite_of_json_is_answered_as_it_says() {
    let (mut accepted, mut refused) = (0, 0);
    for (name, bytes) in test_suite() {
        let ours = parse(&bytes).is_ok();
        let expected = match &name[..2] {
            "y_" => true,
            "n_" => false,
            // Up to the parser: numbers of any size are fine, all else is as serde_json has it.
            _ => name.starts_with("i_number") || serde_json::from_slice::<Value>(&bytes).is_ok(),
        };
        assert_eq!(ours, expected, "{name}: {}", bytes.escape_ascii());
        if ours {
            accepted += 1;
        } else {
            refused += 1;
        }
    }
    assert_eq!((accepted, refused), (105, 211));
}

#[test]
fn deep_texts_are_refused_and_nothing_overflows() {
    for (open, close) in [("[", "]"), ("{\"\":", "}"), ("[{\"a\":", "}]"), ("[", "")] {
        for depth in [MAX_DEPTH, MAX_DEPTH + 1, 1_000_000] {
            let text = open.repeat(depth) + "1" + &close.repeat(depth);
            let levels = depth * open.matches(['[', '{']).count();
            let fits = levels <= MAX_DEPTH && !close.is_empty();
            assert_eq!(parse(text.as_bytes()).is_ok(), fits, "{open} {depth}");
        }
    }
    let text = "[".repeat(MAX_DEPTH + 1) + &"]".repeat(MAX_DEPTH + 1);
    let error = text.parse::<Json>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
    assert!(error.to_string().contains("deeper than 127"), "{error}");
}

#[test]
fn no_name_of_an_object_has_a_meaning() {
    for marker in ["Number", "RawValue"] {
        let text = format!("{{\"$serde_json::private::{marker}\":\"12\"}}");
        let json = read(&text);
        assert!(json.is_object(), "{text}");
        assert_eq!(json.to_string(), text);
        assert_eq!(Json::from(Value::try_from(&json).unwrap()), json);
    }
}

#[test]
fn numbers_are_their_texts() {
    for text in [
        "0",
        "-0",
        "-0.0",
        "1.0",
        "1.10",
        "1e+5",
        "-2.50e-07",
        "-1",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "1e+400",
        "1e-400",
        "0.1000000000000000055511151231257827",
    ] {
        let json = read(text);
        assert_eq!(json.to_string(), text);
        assert_eq!(json, Json::Number(text.parse().unwrap()));
        assert_eq!(json.as_u64(), text.parse().ok(), "{text}");
        assert_eq!(json.as_i64(), text.parse().ok(), "{text}");
        let float = text.parse().ok().filter(|float: &f64| float.is_finite());
        assert_eq!(json.as_f64(), float, "{text}");
    }
    assert_ne!(read("1.0"), read("1"));
    for (text, spelled) in [
        ("1e5", "1e+5"),
        ("1.0E5", "1.0e+5"),
        ("1E-5", "1e-5"),
        ("0E+0", "0e+0"),
    ] {
        assert_eq!(read(text).to_string(), spelled);
    }
    assert_eq!(Json::from(1e300), read("1E300"));
    assert_ne!(read("-0"), read("0"));
    for text in ["", "01", "+1", "1.", ".5", "1e", "- 1", "1 ", "0x1", "NaN"] {
        assert!(text.parse::<JsonNumber>().is_err(), "{text}");
    }
}

#[test]
fn zero_is_told_by_the_digits() {
    for (text, zero) in [
        ("0", true),
        ("-0", true),
        ("0.000", true),
        ("0e9", true),
        ("1", false),
        ("-1", false),
        ("1e-999", false),
        ("0.001", false),
        ("18446744073709551616", false),
    ] {
        assert_eq!(
            text.parse::<JsonNumber>().unwrap().is_zero(),
            zero,
            "{text}"
        );
    }
}

#[test]
fn rusts_own_types_become_the_numbers_they_are() {
    assert_eq!(Json::from(u64::MAX), read("18446744073709551615"));
    assert_eq!(Json::from(i64::MIN), read("-9223372036854775808"));
    assert_eq!(
        Json::from(u128::MAX),
        read("340282366920938463463374607431768211455")
    );
    assert_eq!(
        Json::from(i128::MIN),
        read("-170141183460469231731687303715884105728")
    );
    assert_eq!(Json::from(7_u128), Json::from(7));
    assert_eq!(Json::from(-7_i128), Json::from(-7));
    assert_eq!(Json::from(0.5), read("0.5"));
    assert_eq!(Json::from(1.0), read("1.0"));
    assert_eq!(Json::from(f64::NAN), Json::Null);
    assert_eq!(Json::from(f64::INFINITY), Json::Null);
    assert_eq!(Json::from(Some(3)), 3);
    assert_eq!(Json::from(None::<u8>), Json::Null);
    assert_eq!(Json::from(["a", "b"]), read(r#"["a","b"]"#));
    assert_eq!(
        Json::from_iter([("b", 1), ("a", 2)]).to_string(),
        r#"{"b":1,"a":2}"#
    );
}

#[test]
fn objects_keep_their_order_and_are_equal_in_any() {
    let text = r#"{"z":1,"a":{"y":2,"b":3},"m":null}"#;
    assert_eq!(read(text).to_string(), text);
    assert_eq!(read(r#"{"a":1,"b":2}"#), read(r#"{"b":2,"a":1}"#));
    // Python's dict: the first place, the last value.
    assert_eq!(
        read(r#"{"a":1,"b":2,"a":3}"#).to_string(),
        r#"{"a":3,"b":2}"#
    );
    let mut json = read(text);
    let object = json.as_object_mut().unwrap();
    assert_eq!(object.remove("z"), Some(Json::from(1)));
    assert_eq!(object.insert("a", true), Some(read(r#"{"y":2,"b":3}"#)));
    assert_eq!(json.to_string(), r#"{"a":true,"m":null}"#);
}

#[test]
fn an_index_of_what_is_not_there_is_null() {
    let json = read(r#"{"a":[1]}"#);
    assert_eq!(json["a"][0], 1);
    assert!(json["a"][1].is_null() && json["b"]["c"].is_null() && json[0].is_null());
}

#[test]
fn an_error_says_where_and_not_what() {
    for text in ["\"s3cr3t\\q\"", "{\"s3cr3t\" 1}", "s3cr3t", "[1, 2.s3cr3t]"] {
        let error = text.parse::<Json>().unwrap_err().to_string();
        assert!(error.contains("near byte"), "{error}");
        for secret in ["s3cr3t", "q"] {
            assert!(!error.contains(secret), "{error}");
        }
    }
}

#[test]
fn serde_json_gets_what_fits_and_is_told_what_does_not() {
    for text in [
        "[0,-1,18446744073709551615,-9223372036854775808,0.5,-0.0,1e300]",
        r#"{"a":[{}],"b":"é","c":null,"d":true}"#,
    ] {
        let value = Value::try_from(read(text)).unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(
            Value::try_from(Json::from(&value)).unwrap(),
            value,
            "there and back"
        );
    }
    for number in [
        "18446744073709551616",
        "-9223372036854775809",
        "1e+400",
        "-1e+400",
    ] {
        let error = Value::try_from(read(&format!("[{{\"a\":{number}}}]"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Codec);
        assert!(error.to_string().contains(number), "{error}");
    }
    let long = "9".repeat(1_000_000);
    assert!(Value::try_from(read(&long)).unwrap_err().to_string().len() < 200);
}

/// Texts made of what JSON is made of, right and wrong.
fn tokens() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        8 => "[\\[\\]{},:]",
        4 => "\"[ab]\":",
        2 => "[ \t\n\r]",
        4 => "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,3})?([eE][-+]?[0-9]{1,2})?",
        2 => "null|true|false|nul|NaN|-|01|1\\.|\\.5",
        4 => "\"[a-cé\u{1}\u{7f}]{0,4}\"",
        2 => "\"\\\\(u[0-9a-fA-F]{3,4}|ud83d\\\\ude00|ud83d|[nrtbf/\\\\]|q)\"",
    ];
    proptest::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat())
}

/// Any value.
fn values() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u128>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            proptest::collection::vec((any::<String>(), inner), 0..6).prop_map(Json::from_iter),
        ]
    })
}

/// What serde_json, which others take for the rule, makes of a text. Its floats may be off by one unit (no
/// `float_roundtrip`), and it knows no numbers of any size.
fn agrees_with_serde_json(bytes: &[u8]) {
    match (parse(bytes), serde_json::from_slice::<Value>(bytes)) {
        (Ok(ours), Ok(theirs)) => assert!(same(&ours, &theirs), "{ours} {theirs}"),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => assert!(error.to_string().contains("out of range"), "{error}"),
        (Err(wrong), Ok(theirs)) => panic!("{wrong}: {theirs}"),
    }
}

fn same(ours: &Json, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Json::Number(ours), Value::Number(theirs)) => {
            match (ours.as_u64(), ours.as_i64(), theirs.as_f64()) {
                (Some(value), ..) => theirs.as_u64() == Some(value),
                (_, Some(value @ ..0), _) => theirs.as_i64() == Some(value),
                (.., Some(float)) => {
                    let ours = ours.as_f64().unwrap_or_default();
                    // (One unit is much of a subnormal number.)
                    (ours - float).abs() <= (ours.abs() * 1e-15).max(f64::from_bits(8))
                }
                (.., None) => false,
            }
        }
        (Json::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(o, t)| same(o, t))
        }
        (Json::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .all(|(name, value)| theirs.get(name).is_some_and(|t| same(value, t)))
        }
        _ => *ours == Json::from(theirs),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_text_means_what_it_means_to_serde_json(text in tokens()) {
        agrees_with_serde_json(text.as_bytes());
    }

    #[test]
    fn bytes_mean_what_they_mean_to_serde_json(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
        agrees_with_serde_json(&bytes);
        let quoted = [b"\"", bytes.as_slice(), b"\""].concat();
        agrees_with_serde_json(&quoted);
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(json in values()) {
        let text = json.to_string();
        let again = read(&text);
        prop_assert_eq!(&again, &json);
        prop_assert_eq!(again.to_string(), &text[..], "the order of names stays");
        agrees_with_serde_json(text.as_bytes());
        let wire = crate::backend::to_wire_text(&json).unwrap();
        agrees_with_serde_json(wire.as_bytes());
    }

    /// Also serde_json's own texts and values.
    #[test]
    fn values_of_serde_json_come_over(json in values()) {
        if let Ok(value) = Value::try_from(&json) {
            let text = value.to_string();
            prop_assert!(same(&read(&text), &value), "{}", text);
            prop_assert!(same(&Json::from(&value), &value), "{}", text);
        }
    }
}
