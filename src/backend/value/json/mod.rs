//! A JSON value of our own: numbers are kept as they stand, whatever their size, and objects keep the order of their keys.
//!
//! `serde_json` does neither unless a feature is switched on, and its features reach every crate of a program: with
//! `arbitrary_precision`, flattened structs and untagged enums of others no longer find their numbers. So the parser is
//! `hifijson`'s lexer, which lends the text of a number, and no name inside an object has a meaning of its own.

mod convert;
mod from;
mod number;
mod object;
mod parse;
pub(in crate::backend) mod wire;
mod write;

use std::fmt;
use std::ops::Index;
use std::str::FromStr;

pub use number::JsonNumber;
pub use object::JsonObject;
pub(crate) use parse::leading_string;
use parse::parse;
pub use wire::{from_wire_text, to_wire_text};

use crate::error::{Error, Result};

/// The deepest nesting of lists and objects that is written, and that is read as JSON.
pub const MAX_DEPTH: usize = 127;

/// A JSON value. Numbers keep their text (integers of any size survive) and objects the order of their keys.
///
/// Two values are equal if they have the same shape, in objects whatever the order of their keys; numbers are compared
/// by their [texts](JsonNumber), so that `1.0` is not `1`.
///
/// It is read with [`FromStr`], written with [`Display`](fmt::Display), made from Rust's own types with `From`, and
/// turned into a `serde_json::Value` and back; the way there fails if a number does not fit:
///
/// ```
/// use tux_cache::backend::Json;
/// let json: Json = r#"{"id": 123456789012345678901234567890, "name": "a"}"#.parse()?;
/// assert_eq!(json["name"].as_str(), Some("a"));
/// assert_eq!(json.to_string(), r#"{"id":123456789012345678901234567890,"name":"a"}"#);
/// assert!(serde_json::Value::try_from(&json).is_err());
/// assert_eq!(Json::from(serde_json::json!([1, 2.5])), "[1, 2.5]".parse::<Json>()?);
/// # Ok::<(), tux_cache::Error>(())
/// ```
///
/// What is read is nested at most [`MAX_DEPTH`] deep. Cloning, comparing and dropping a value go as deep as it is, as
/// for every recursive type: one built by hand should not be tens of thousands of levels deep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Json {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number of any size.
    Number(JsonNumber),
    /// A string.
    String(String),
    /// A list.
    Array(Vec<Json>),
    /// An object.
    Object(JsonObject),
}

/// What an index finds where there is nothing.
static NULL: Json = Json::Null;

impl Json {
    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it is a boolean.
    #[must_use]
    pub fn is_boolean(&self) -> bool {
        matches!(self, Self::Bool(_))
    }

    /// Whether it is a number.
    #[must_use]
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }

    /// Whether it is a string.
    #[must_use]
    pub fn is_string(&self) -> bool {
        matches!(self, Self::String(_))
    }

    /// Whether it is a list.
    #[must_use]
    pub fn is_array(&self) -> bool {
        matches!(self, Self::Array(_))
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// The boolean, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<&JsonNumber> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The number, if it is a whole one from 0 to 2^64 - 1, written without fraction and exponent.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.as_u64()
    }

    /// The number, if it is a whole one from -2^63 to 2^63 - 1, written without fraction and exponent.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.as_i64()
    }

    /// The number as the nearest float, if it is one and not too large.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number()?.as_f64()
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(string) => Some(string),
            _ => None,
        }
    }

    /// The list, if it is one.
    #[must_use]
    pub fn as_array(&self) -> Option<&Vec<Json>> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// [`as_array`](Self::as_array), to be changed.
    #[must_use]
    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Json>> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The object, if it is one.
    #[must_use]
    pub fn as_object(&self) -> Option<&JsonObject> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// [`as_object`](Self::as_object), to be changed.
    #[must_use]
    pub fn as_object_mut(&mut self) -> Option<&mut JsonObject> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// What an object has under `name`; `None` also for whatever is no object. O(1).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.as_object()?.get(name)
    }
}

/// What an object has under a name: `null` if it has nothing, or is no object.
impl Index<&str> for Json {
    type Output = Self;

    fn index(&self, name: &str) -> &Self {
        self.get(name).unwrap_or(&NULL)
    }
}

/// What a list has at a place: `null` if it is shorter, or no list.
impl Index<usize> for Json {
    type Output = Self;

    fn index(&self, at: usize) -> &Self {
        self.as_array()
            .and_then(|items| items.get(at))
            .unwrap_or(&NULL)
    }
}

/// Reads exactly one JSON value (RFC 8259). Of a name that an object has twice, the last value counts.
///
/// # Errors
/// Kind `Codec`, with the place and what was expected there, never the text itself.
impl FromStr for Json {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse(text.as_bytes()).map_err(|wrong| Error::codec(format!("no JSON: {wrong}")))
    }
}

/// Writes it as one line without blanks.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match write::write::<write::Compact, _>(self, usize::MAX, f) {
            Ok(()) => Ok(()),
            Err(write::Failed::Full | write::Failed::TooDeep) => Err(fmt::Error),
        }
    }
}

#[cfg(test)]
mod tests;
