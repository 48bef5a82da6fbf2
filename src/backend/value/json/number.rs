//! Numbers as they stand.

use std::fmt;
use std::str::FromStr;

use hifijson::SliceLexer;
use hifijson::num::LexWrite as _;

use crate::error::{Error, Result};

/// A JSON number of any size and precision. It is its text, with an exponent spelled `e+5` or `e-5`: `1.0`, `1` and
/// `1e0` are three numbers, `1e0` and `1E+0` are one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct JsonNumber(Repr);

/// One text, one form: whatever fits the first two is in them.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Unsigned(u64),
    /// Below zero.
    Negative(i64),
    /// A larger one, one with fraction or exponent, or `-0`.
    Text(Box<str>),
}

impl JsonNumber {
    /// The nearest JSON has to a float; `None` for those that are no numbers or infinite.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        // As Rust writes it for debugging: the shortest text that reads back, with a fraction or an exponent.
        value
            .is_finite()
            .then(|| Self::lexed(&format!("{value:?}"), false))
    }

    /// A text that the lexer has taken for a number, and whether it has neither fraction nor exponent.
    pub(super) fn lexed(text: &str, whole: bool) -> Self {
        if whole {
            if let Ok(value) = text.parse() {
                return Self(Repr::Unsigned(value));
            }
            if let Ok(value @ ..0) = text.parse() {
                return Self(Repr::Negative(value));
            }
        }
        Self(Repr::Text(match text.split_once(['e', 'E']) {
            Some((digits, exponent)) if exponent.starts_with(['+', '-']) => {
                format!("{digits}e{exponent}").into()
            }
            Some((digits, exponent)) => format!("{digits}e+{exponent}").into(),
            None => text.into(),
        }))
    }

    /// The value, if it is a whole number from 0 to 2^64 - 1, written without fraction and exponent.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match &self.0 {
            Repr::Unsigned(value) => Some(*value),
            Repr::Negative(_) | Repr::Text(_) => None,
        }
    }

    /// The value, if it is a whole number from -2^63 to 2^63 - 1, written without fraction and exponent.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Unsigned(value) => i64::try_from(*value).ok(),
            Repr::Negative(value) => Some(*value),
            // `-0`
            Repr::Text(text) => text.parse().ok(),
        }
    }

    /// The nearest float, unless that is infinite.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match &self.0 {
            Repr::Unsigned(value) => Some(*value as f64),
            Repr::Negative(value) => Some(*value as f64),
            Repr::Text(text) => text.parse().ok().filter(|value: &f64| value.is_finite()),
        }
    }

    /// Whether it is zero, by its digits: one too small for a float is not.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        match &self.0 {
            Repr::Unsigned(value) => *value == 0,
            Repr::Negative(_) => false,
            Repr::Text(text) => text
                .bytes()
                .take_while(|byte| !matches!(byte, b'e' | b'E'))
                .all(|byte| !matches!(byte, b'1'..=b'9')),
        }
    }

    /// The text of one that is neither of the two integers.
    pub(in crate::backend) fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Repr::Text(text) => Some(text),
            Repr::Unsigned(_) | Repr::Negative(_) => None,
        }
    }
}

/// A text that is a JSON number, and nothing else.
impl FromStr for JsonNumber {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut lexer = SliceLexer::new(text.as_bytes());
        match lexer.num_string().validated() {
            Ok((number, parts)) if number.len() == text.len() => {
                Ok(Self::lexed(number, parts.is_int()))
            }
            _ => Err(Error::codec("no JSON number")),
        }
    }
}

impl fmt::Display for JsonNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Unsigned(value) => value.fmt(f),
            Repr::Negative(value) => value.fmt(f),
            Repr::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for JsonNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonNumber({self})")
    }
}

macro_rules! from_unsigned {
    ($($type:ty),*) => {$(
        impl From<$type> for JsonNumber {
            fn from(value: $type) -> Self {
                Self(Repr::Unsigned(value as u64))
            }
        }
    )*};
}
from_unsigned!(u8, u16, u32, u64, usize);

macro_rules! from_signed {
    ($($type:ty),*) => {$(
        impl From<$type> for JsonNumber {
            fn from(value: $type) -> Self {
                let value = value as i64;
                Self(match u64::try_from(value) {
                    Ok(value) => Repr::Unsigned(value),
                    Err(_) => Repr::Negative(value),
                })
            }
        }
    )*};
}
from_signed!(i8, i16, i32, i64, isize);

macro_rules! from_large {
    ($($type:ty),*) => {$(
        impl From<$type> for JsonNumber {
            fn from(value: $type) -> Self {
                Self::lexed(&value.to_string(), true)
            }
        }
    )*};
}
from_large!(u128, i128);
