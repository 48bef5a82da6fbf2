//! JSON as the Python side writes it, byte for byte, and a reading that never fails.
//!
//! Writing follows `json.dumps` with its defaults: `", "` and `": "`, everything outside printable ASCII
//! as `\uXXXX` (surrogate pairs above U+FFFF), floats as `repr` prints them. Integers keep their digits.
//!
//! Reading takes any JSON. Python also writes texts that are no JSON (`NaN`, `Infinity`, lone surrogates
//! such as `"\ud800"`, nesting beyond [`MAX_DEPTH`]): like any other text that is not JSON they come
//! back as a string, as they stand; bytes that are not UTF-8 are undecodable. Typed reads of a server
//! take such a string only if it does not begin as JSON does: a broken text is no value.

use std::fmt::{self, Write};

use super::write::{Failed, Style, escape_ascii, write};
use super::{Json, JsonNumber, MAX_DEPTH, parse};
use crate::error::{Error, ErrorKind, Result};

/// The wire text of a value.
///
/// # Errors
/// `TooLarge` when it is nested deeper than [`MAX_DEPTH`].
pub fn to_wire_text(value: &Json) -> Result<String> {
    encode(value, usize::MAX)
}

/// The value of a wire text; a text that is not JSON is a string, as it stands.
#[must_use]
pub fn from_wire_text(text: &str) -> Json {
    parse(text.as_bytes()).unwrap_or_else(|_| Json::String(text.to_owned()))
}

/// What a server's bytes turned out to be.
#[derive(Debug, PartialEq)]
pub(crate) enum Decoded {
    Json(Json),
    /// Not JSON.
    Text(String),
    /// Not even UTF-8.
    Bytes,
}

#[cfg_attr(not(feature = "valkey"), allow(dead_code))]
pub(crate) fn decode(bytes: &[u8]) -> Decoded {
    match parse(bytes) {
        Ok(json) => Decoded::Json(json),
        Err(_) => match std::str::from_utf8(bytes) {
            Ok(text) => Decoded::Text(text.to_owned()),
            Err(_) => Decoded::Bytes,
        },
    }
}

/// Whether a text that is no JSON was probably meant to be: it begins with a quote, a bracket or a byte order mark. As a
/// plain text it would be a value that nobody wrote.
#[cfg_attr(not(feature = "valkey"), allow(dead_code))]
pub(crate) fn begins_as_json(text: &str) -> bool {
    text.trim_ascii_start()
        .starts_with(['"', '[', '{', '\u{feff}'])
}

/// The longest wire text of a value, where no other limit is set.
pub(crate) const MAX_VALUE_BYTES: usize = 1024 * 1024;

/// The wire text, at most `limit` bytes long.
pub(crate) fn encode(value: &Json, limit: usize) -> Result<String> {
    let mut out = Limited {
        text: String::with_capacity(64),
        limit,
    };
    match write::<Python, _>(value, MAX_DEPTH, &mut out) {
        Ok(()) => Ok(out.text),
        Err(Failed::TooDeep) => Err(too_deep()),
        Err(Failed::Full) => Err(too_long(limit)),
    }
}

/// Whether the wire text is longer than `limit`; writes nothing, and reads no further than that.
pub(crate) fn exceeds(value: &Json, limit: usize) -> bool {
    let written = write::<Python, _>(value, usize::MAX, &mut Left(limit));
    matches!(written, Err(Failed::Full))
}

/// How many bytes may still be written.
struct Left(usize);

impl Write for Left {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.0 = self.0.checked_sub(piece.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}

pub(crate) fn too_long(limit: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        format!("the value's JSON is longer than the limit of {limit} bytes (max_value_bytes)"),
    )
}

fn too_deep() -> Error {
    Error::new(
        ErrorKind::TooLarge,
        format!("the value is nested deeper than {MAX_DEPTH} lists and objects"),
    )
}

/// Refuses what is nested deeper than [`MAX_DEPTH`]. Own stack: depth is not recursion here.
pub(crate) fn check_depth(value: &Json) -> Result<()> {
    let mut open = vec![(value, 1_usize)];
    while let Some((value, depth)) = open.pop() {
        if depth > MAX_DEPTH && (value.is_array() || value.is_object()) {
            return Err(too_deep());
        }
        match value {
            Json::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Json::Object(fields) => open.extend(fields.values().map(|item| (item, depth + 1))),
            _ => {}
        }
    }
    Ok(())
}

/// A text that refuses to grow past its limit.
struct Limited {
    text: String,
    limit: usize,
}

impl Write for Limited {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if piece.len() > self.limit - self.text.len() {
            return Err(fmt::Error);
        }
        self.text.push_str(piece);
        Ok(())
    }
}

/// `json.dumps` with default arguments.
struct Python;

impl Style for Python {
    const COMMA: &'static str = ", ";
    const COLON: &'static str = ": ";

    fn is_plain(byte: u8) -> bool {
        matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
    }

    fn escape<W: Write>(c: char, out: &mut W) -> fmt::Result {
        if c.is_ascii() {
            return escape_ascii(c, out);
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(out, "\\u{unit:04x}")?;
        }
        Ok(())
    }

    fn number<W: Write>(number: &JsonNumber, out: &mut W) -> fmt::Result {
        let Some(text) = number.as_text() else {
            return write!(out, "{number}");
        };
        if !text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')) {
            return out.write_str(if text == "-0" { "0" } else { text });
        }
        match number.as_f64() {
            Some(value) => out.write_str(&python_float(value)),
            // Too large for a float: the text says more than `Infinity` would.
            None => out.write_str(text),
        }
    }
}

/// `repr` of a finite float: the shortest digits that read back, in exponent form below 1e-4 and from
/// 1e16 on.
fn python_float(value: f64) -> String {
    let shortest = format!("{value:e}");
    let Some((mantissa, exponent)) = shortest.split_once('e') else {
        return shortest;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..16).contains(&exponent) {
        // `Display` of a float is positional, and just as short.
        let text = value.to_string();
        return if text.contains('.') {
            text
        } else {
            text + ".0"
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn again(text: &str) -> String {
        to_wire_text(&from_wire_text(text)).unwrap()
    }

    /// Right-hand sides are what CPython 3.11 prints for `json.dumps(json.loads(left))`.
    #[test]
    fn texts_are_those_of_python() {
        for (given, python) in [
            (
                r#"{"a":[1,2,{}],"b":null}"#,
                r#"{"a": [1, 2, {}], "b": null}"#,
            ),
            ("[]", "[]"),
            (
                "\"é\u{7f}😀\u{2028}/\"",
                r#""\u00e9\u007f\ud83d\ude00\u2028/""#,
            ),
            (r#""\b\f\n\r\t\u0001\"\\""#, r#""\b\f\n\r\t\u0001\"\\""#),
            ("1e5", "100000.0"),
            ("1E16", "1e+16"),
            ("123456789012345680.0", "1.2345678901234568e+17"),
            ("9999999999999998.0", "9999999999999998.0"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("1.5e-7", "1.5e-07"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("-0", "0"),
            ("-0.0", "-0.0"),
            ("1.10", "1.1"),
            ("-7", "-7"),
            ("1234567890123456789", "1234567890123456789"),
            (
                r#"{"$serde_json::private::Number":"12"}"#,
                r#"{"$serde_json::private::Number": "12"}"#,
            ),
            (
                "1234567890123456789012345678901234567890",
                "1234567890123456789012345678901234567890",
            ),
        ] {
            assert_eq!(again(given), python, "from {given}");
        }
    }

    #[test]
    fn what_python_writes_beyond_json_is_a_string_as_it_stands() {
        for text in [
            "NaN",
            "[Infinity]",
            "{\"a\": NaN}",
            r#""\ud800""#,
            "plain",
            "",
            "01",
        ] {
            assert_eq!(from_wire_text(text), Json::String(text.to_owned()));
        }
        assert_eq!(decode(b"\xff"), Decoded::Bytes);
    }

    #[test]
    fn a_number_too_large_for_a_float_keeps_its_text() {
        assert_eq!(again("1e400"), "1e+400");
    }

    fn nested(depth: usize) -> String {
        "[".repeat(depth) + &"]".repeat(depth)
    }

    #[test]
    fn what_is_written_can_be_read_at_every_depth() {
        let deepest = from_wire_text(&nested(MAX_DEPTH));
        assert!(deepest.is_array());
        assert_eq!(to_wire_text(&deepest).unwrap(), nested(MAX_DEPTH));
        assert!(from_wire_text(&nested(MAX_DEPTH + 1)).is_string());
        let error = to_wire_text(&Json::Array(vec![deepest])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn the_limit_counts_encoded_bytes() {
        let value = Json::from("éé");
        assert_eq!(encode(&value, 14).unwrap().len(), 14);
        assert_eq!(encode(&value, 13).unwrap_err().kind(), ErrorKind::TooLarge);
        assert!(exceeds(&value, 13) && !exceeds(&value, 14));
    }

    proptest! {
        #[test]
        fn every_float_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let text = python_float(value);
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits);
            prop_assert!(text.contains('.') || text.contains('e'));
        }

        #[test]
        fn every_string_reads_back_and_is_ascii(text in any::<String>()) {
            let wire = to_wire_text(&Json::from(text.as_str())).unwrap();
            prop_assert!(wire.is_ascii());
            prop_assert_eq!(from_wire_text(&wire), Json::String(text));
        }

        #[test]
        fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
        }
    }
}
