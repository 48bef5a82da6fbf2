//! From and to `serde_json::Value`.
//!
//! Both go by the variants and never through serde: whoever switches serde_json's `arbitrary_precision` on for the program
//! would make an object of every number that came that way.

use serde_json::Value;

use super::{Json, JsonNumber};
use crate::error::{Error, Result};

/// Always fits.
impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(number.into()),
            Value::String(text) => Self::String(text),
            Value::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Value::Object(object) => Self::from_iter(object),
        }
    }
}

/// Always fits.
impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        Self::from(value.clone())
    }
}

/// Always fits.
impl From<serde_json::Number> for JsonNumber {
    fn from(number: serde_json::Number) -> Self {
        if let Some(value) = number.as_u64() {
            return value.into();
        }
        if let Some(value @ ..0) = number.as_i64() {
            return value.into();
        }
        // A float, or, with that feature of somebody else, any text that is a number.
        let text = number.to_string();
        let whole = !text.contains(['.', 'e', 'E']);
        Self::lexed(&text, whole)
    }
}

/// # Errors
/// Kind `Codec`, with the number, for an integer below -2^63 or from 2^64 on and for a number that is too large for a
/// float. One with more digits than a float has is rounded to the nearest.
impl TryFrom<&JsonNumber> for serde_json::Number {
    type Error = Error;

    fn try_from(number: &JsonNumber) -> Result<Self> {
        if let Some(value) = number.as_u64() {
            return Ok(value.into());
        }
        let text = number.to_string();
        if let Some(value @ ..0) = number.as_i64() {
            return Ok(value.into());
        }
        let whole = text != "-0" && !text.contains(['.', 'e', 'E']);
        number
            .as_f64()
            .filter(|_| !whole)
            .and_then(Self::from_f64)
            .ok_or_else(|| does_not_fit(&text))
    }
}

/// # Errors
/// Kind `Codec`, with the number, if one does not fit: an integer below -2^63 or from 2^64 on, or a number too large for
/// a float. One with more digits than a float has is rounded to the nearest.
impl TryFrom<&Json> for Value {
    type Error = Error;

    fn try_from(json: &Json) -> Result<Self> {
        Ok(match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Number(number.try_into()?),
            Json::String(text) => Self::String(text.clone()),
            Json::Array(items) => {
                Self::Array(items.iter().map(Self::try_from).collect::<Result<_>>()?)
            }
            Json::Object(object) => Self::Object(
                object
                    .iter()
                    .map(|(name, value)| Ok((name.to_owned(), value.try_into()?)))
                    .collect::<Result<_>>()?,
            ),
        })
    }
}

/// # Errors
/// As for a reference.
impl TryFrom<Json> for Value {
    type Error = Error;

    fn try_from(json: Json) -> Result<Self> {
        Self::try_from(&json)
    }
}

/// The number is named; of a very long one its beginning.
fn does_not_fit(text: &str) -> Error {
    const SHOWN: usize = 40;
    let rest = text.len().saturating_sub(SHOWN);
    let shown = &text[..text.len() - rest];
    let more = if rest > 0 { "…" } else { "" };
    Error::codec(format!(
        "the number {shown}{more} does not fit serde_json's numbers"
    ))
}
