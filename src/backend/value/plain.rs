//! Values of Rust's own types, and of any type with serde's traits.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::vtable::one_vtable;
use super::{CacheValue, Json};
use crate::error::{Error, Result};

macro_rules! plain {
    ($($type:ty: $read:expr;)*) => {$(
        impl CacheValue for $type {
            fn to_json(&self) -> Json {
                Json::from(self.clone())
            }

            fn from_json(json: &Json) -> Option<Self> {
                let read: fn(&Json) -> Option<Self> = $read;
                read(json)
            }

            one_vtable!($type);
        }
    )*};
}

plain! {
    bool: |json| json.as_bool();
    u8: |json| json.as_u64()?.try_into().ok();
    u16: |json| json.as_u64()?.try_into().ok();
    u32: |json| json.as_u64()?.try_into().ok();
    u64: |json| json.as_u64();
    i8: |json| json.as_i64()?.try_into().ok();
    i16: |json| json.as_i64()?.try_into().ok();
    i32: |json| json.as_i64()?.try_into().ok();
    i64: |json| json.as_i64();
}

/// In memory as it is. Those that are no numbers, or infinite, are `null` elsewhere, which is no number.
impl CacheValue for f64 {
    fn to_json(&self) -> Json {
        Json::from(*self)
    }

    fn from_json(json: &Json) -> Option<Self> {
        json.as_f64()
    }

    one_vtable!(f64);
}

macro_rules! texts {
    ($($type:ty),*) => {$(
        impl CacheValue for $type {
            fn to_json(&self) -> Json {
                Json::from(&**self)
            }

            fn from_json(json: &Json) -> Option<Self> {
                json.as_str().map(Self::from)
            }

            fn exceeds(&self, limit: usize) -> bool {
                // A character takes at most six times its bytes, and there are two quotes.
                self.len().saturating_mul(6).saturating_add(2) > limit && self.to_json().exceeds(limit)
            }

            one_vtable!($type);
        }
    )*};
}

texts!(String, Arc<str>);

/// `null`, or the value. (So a value that is itself written as `null` is read as `None`.)
impl<T: CacheValue> CacheValue for Option<T> {
    fn to_json(&self) -> Json {
        self.as_ref().map_or(Json::Null, T::to_json)
    }

    fn from_json(json: &Json) -> Option<Self> {
        match json {
            Json::Null => Some(None),
            json => T::from_json(json).map(Some),
        }
    }

    fn exceeds(&self, limit: usize) -> bool {
        self.as_ref().is_some_and(|value| value.exceeds(limit))
    }
}

/// A list. One wrong item makes all of it wrong.
impl<T: CacheValue> CacheValue for Vec<T> {
    fn to_json(&self) -> Json {
        Json::Array(self.iter().map(T::to_json).collect())
    }

    fn from_json(json: &Json) -> Option<Self> {
        json.as_array()?.iter().map(T::from_json).collect()
    }

    fn exceeds(&self, limit: usize) -> bool {
        // Each item takes a byte and a comma at least.
        self.len() > limit / 2 || self.iter().any(|item| item.exceeds(limit))
    }
}

/// As what it points to: cheap to clone, which is what a hit in memory does.
impl<T: CacheValue> CacheValue for Arc<T> {
    fn to_json(&self) -> Json {
        T::to_json(self)
    }

    fn from_json(json: &Json) -> Option<Self> {
        T::from_json(json).map(Self::new)
    }

    fn from_text(text: &[u8]) -> Option<Self> {
        T::from_text(text).map(Self::new)
    }

    fn exceeds(&self, limit: usize) -> bool {
        T::exceeds(self, limit)
    }
}

impl Json {
    /// The JSON of a value with serde's trait.
    ///
    /// # Errors
    /// Kind `Codec` when JSON cannot hold it (a map whose keys are neither texts nor numbers, for one), or it is nested
    /// too deep.
    pub fn serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let text = serde_json::to_string(value)
            .map_err(|error| Error::codec(format!("a value cannot be written as JSON: {error}")))?;
        text.parse()
    }

    /// A value with serde's trait.
    ///
    /// # Errors
    /// Kind `Codec` when this is not the JSON of one.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.to_string()).map_err(|error| {
            Error::codec(format!("the JSON is not of the type: {}", shape_of(&error)))
        })
    }
}

/// What is wrong, without what stands there.
fn shape_of(error: &serde_json::Error) -> String {
    format!("{:?} at column {}", error.classify(), error.column())
}

/// For [`cache_value!`](crate::cache_value).
#[doc(hidden)]
pub fn to_json_or_null<T: Serialize>(value: &T) -> Json {
    Json::serialize(value).unwrap_or_else(|error| {
        let kind = std::any::type_name::<T>();
        tracing::error!(kind, %error, "a value is written as null, which nobody can read");
        Json::Null
    })
}

/// For [`cache_value!`](crate::cache_value).
#[doc(hidden)]
#[must_use]
pub fn from_text<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    serde_json::from_slice(text).ok()
}

/// Makes types with serde's traits ([`Serialize`](serde::Serialize) and [`Deserialize`](serde::Deserialize)) values of a
/// cache, in the form that serde gives them.
///
/// A value that JSON cannot hold, such as a map whose keys are lists, is written as `null`; the log says so, and reading it
/// is a miss. In memory values stay as they are. For types of other crates make a struct around them with
/// `#[serde(transparent)]`.
///
/// ```
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Profile {
///     name: String,
///     level: u32,
/// }
/// tux_cache::cache_value!(Profile);
///
/// use tux_cache::backend::CacheValue;
/// let profile = Profile { name: "ada".into(), level: 3 };
/// assert_eq!(profile.to_json().to_string(), r#"{"name":"ada","level":3}"#);
/// ```
#[macro_export]
macro_rules! cache_value {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::backend::CacheValue for $type {
            fn to_json(&self) -> $crate::backend::Json {
                $crate::backend::to_json_or_null(self)
            }

            fn from_json(json: &$crate::backend::Json) -> ::core::option::Option<Self> {
                json.deserialize().ok()
            }

            fn from_text(text: &[u8]) -> ::core::option::Option<Self> {
                $crate::backend::from_text(text)
            }
        }
    )+};
}
