//! What a program does with serde_json itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, from_str, json};

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Place {
    x: f64,
    y: f64,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    place: Place,
    #[serde(flatten)]
    more: BTreeMap<String, f64>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
enum Either {
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    List(Vec<Either>),
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind")]
enum Tagged {
    Speed { value: f64 },
}

#[test]
fn a_flattened_float_is_read() {
    let expected = Named {
        name: "a".into(),
        place: Place { x: 0.5, y: 250.0 },
        more: BTreeMap::from([("z".into(), -0.001)]),
    };
    let text = r#"{"name": "a", "x": 0.5, "y": 2.5e2, "z": -1E-3}"#;
    let read: Named = from_str(text).unwrap();
    assert_eq!(read, expected);
    let value: Value = from_str(text).unwrap();
    assert_eq!(serde_json::from_value::<Named>(value).unwrap(), expected);
}

#[test]
fn untagged_and_tagged_enums_find_their_numbers() {
    let read: Either = from_str(r#"[true, 7, 2.5, 1e2, "1", [0.1]]"#).unwrap();
    let expected = Either::List(vec![
        Either::Bool(true),
        Either::Integer(7),
        Either::Number(2.5),
        Either::Number(100.0),
        Either::Text("1".into()),
        Either::List(vec![Either::Number(0.1)]),
    ]);
    assert_eq!(read, expected);
    let read: Tagged = from_str(r#"{"value": 1.5e1, "kind": "Speed"}"#).unwrap();
    assert_eq!(read, Tagged::Speed { value: 15.0 });
}

#[test]
fn values_are_written_as_ever() {
    // Sorted by name; a float that was read is written anew.
    let value: Value = from_str(r#"{"b": 1.50, "a": 1e2, "c": 12345678901234567890123}"#).unwrap();
    assert_eq!(
        value.to_string(),
        r#"{"a":100.0,"b":1.5,"c":1.2345678901234568e+22}"#
    );
    assert_eq!(value["b"], json!(1.5));
    assert_eq!(value["c"].as_f64(), Some(1.234_567_890_123_456_8e22));
}

#[test]
fn no_name_of_an_object_has_a_meaning() {
    for marker in ["Number", "RawValue"] {
        let text = format!("{{\"$serde_json::private::{marker}\":\"12\"}}");
        let value: Value = from_str(&text).unwrap();
        assert!(value.is_object(), "{text} became {value}");
        assert_eq!(value.to_string(), text);
    }
}

#[test]
fn a_number_too_large_is_an_error() {
    assert!(from_str::<Value>("1e400").is_err());
}
