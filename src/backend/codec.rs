//! JSON as the Python side writes it, byte for byte, and a reading that never fails.
//!
//! Writing follows `json.dumps` with its defaults: `", "` and `": "`, everything outside printable ASCII
//! as `\uXXXX` (surrogate pairs above U+FFFF), floats as `repr` prints them. Integers keep their digits.
//!
//! Reading takes any JSON. Python also writes texts that are no JSON (`NaN`, `Infinity`, lone surrogates
//! such as `"\ud800"`, nesting beyond [`MAX_DEPTH`]): like any other text that is not JSON they come
//! back as a string, as they stand; bytes that are not UTF-8 are undecodable.

use std::io;

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

use super::value::Json;
use crate::error::{Error, ErrorKind, Result};

/// The deepest nesting of lists and objects that is written, and that is read as JSON.
pub const MAX_DEPTH: usize = 127;

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
    serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()))
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
    if let Some(number) = small_number(bytes) {
        return Decoded::Json(Json::from(number));
    }
    match serde_json::from_slice(bytes) {
        Ok(json) => Decoded::Json(json),
        Err(_) => match std::str::from_utf8(bytes) {
            Ok(text) => Decoded::Text(text.to_owned()),
            Err(_) => Decoded::Bytes,
        },
    }
}

/// An id or a counter, as many values are. Numbers keep their text, and the general way to one is five times as long.
fn small_number(bytes: &[u8]) -> Option<u64> {
    let plain = match bytes {
        [b'0'] => true,
        // 19 digits fit.
        [b'1'..=b'9', rest @ ..] => rest.len() < 19 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let digit = |number: u64, byte: &u8| number * 10 + u64::from(byte - b'0');
    plain.then(|| bytes.iter().fold(0, digit))
}

/// The wire text, at most `limit` bytes long.
pub(crate) fn encode(value: &Json, limit: usize) -> Result<String> {
    check_depth(value)?;
    let mut out = Limited {
        bytes: Vec::with_capacity(64),
        limit,
    };
    let mut serializer = Serializer::with_formatter(&mut out, Python);
    if let Err(error) = value.serialize(&mut serializer) {
        if error.is_io() {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!("the value's JSON is longer than the limit of {limit} bytes"),
            ));
        }
        return Err(Error::codec("the value cannot be written as JSON").with_source(error));
    }
    String::from_utf8(out.bytes)
        .map_err(|error| Error::codec("the JSON written is not UTF-8").with_source(error))
}

/// Refuses what is nested deeper than [`MAX_DEPTH`]. Own stack: depth is not recursion here.
pub(crate) fn check_depth(value: &Json) -> Result<()> {
    let mut open = vec![(value, 1_usize)];
    while let Some((value, depth)) = open.pop() {
        if depth > MAX_DEPTH && (value.is_array() || value.is_object()) {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!("the value is nested deeper than {MAX_DEPTH} lists and objects"),
            ));
        }
        match value {
            Json::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Json::Object(fields) => open.extend(fields.values().map(|item| (item, depth + 1))),
            _ => {}
        }
    }
    Ok(())
}

/// A buffer that refuses to grow past its limit.
struct Limited {
    bytes: Vec<u8>,
    limit: usize,
}

impl io::Write for Limited {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if piece.len() > self.limit - self.bytes.len() {
            return Err(io::Error::other("over the limit"));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `json.dumps` with default arguments.
struct Python;

impl Formatter for Python {
    fn begin_array_value<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut plain_from = 0;
        for (at, c) in fragment.char_indices() {
            // Quotes, backslashes and control characters come through `write_char_escape`.
            if matches!(c, ' '..='~') {
                continue;
            }
            out.write_all(&fragment.as_bytes()[plain_from..at])?;
            plain_from = at + c.len_utf8();
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
        }
        out.write_all(&fragment.as_bytes()[plain_from..])
    }

    fn write_char_escape<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        let text: &[u8] = match escape {
            CharEscape::Quote => b"\\\"",
            CharEscape::ReverseSolidus => b"\\\\",
            CharEscape::Solidus => b"/",
            CharEscape::Backspace => b"\\b",
            CharEscape::FormFeed => b"\\f",
            CharEscape::LineFeed => b"\\n",
            CharEscape::CarriageReturn => b"\\r",
            CharEscape::Tab => b"\\t",
            CharEscape::AsciiControl(byte) => return write!(out, "\\u{byte:04x}"),
        };
        out.write_all(text)
    }

    fn write_f64<W: io::Write + ?Sized>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        out.write_all(python_float(value).as_bytes())
    }

    fn write_f32<W: io::Write + ?Sized>(&mut self, out: &mut W, value: f32) -> io::Result<()> {
        self.write_f64(out, value.into())
    }

    fn write_number_str<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> io::Result<()> {
        if !text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')) {
            return out.write_all(if text == "-0" { b"0" } else { text.as_bytes() });
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => out.write_all(python_float(value).as_bytes()),
            // Too large for a float: the text says more than `Infinity` would.
            _ => out.write_all(text.as_bytes()),
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

    /// The short way to a number says what the long way says.
    #[test]
    fn small_numbers_are_those_of_json() {
        for text in [
            "0",
            "7",
            "10",
            "9999999999999999999",
            "1234567890123456789",
            "00",
            "01",
            "-1",
            "+1",
            "1.0",
            "1e3",
            " 1",
            "1 ",
            "",
            "12345678901234567890",
            "99999999999999999999",
            "1_0",
        ] {
            let long = serde_json::from_str(text).unwrap_or_else(|_| Json::from(text));
            let short = match decode(text.as_bytes()) {
                Decoded::Json(json) => json,
                Decoded::Text(text) => Json::from(text),
                Decoded::Bytes => panic!("{text}"),
            };
            assert_eq!(short, long, "{text}");
        }
        assert_eq!(
            small_number(b"9999999999999999999"),
            Some(9_999_999_999_999_999_999)
        );
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
