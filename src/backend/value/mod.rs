//! Values between the managers and a store: typed in memory, JSON on the wire.

use std::fmt;

pub(super) mod json;
pub(super) mod plain;
pub(crate) mod vtable;

pub use json::Json;
use json::wire;
use vtable::{Erased, Internal, ValueVtable, one_vtable};

/// A type that a manager keeps in a backend.
///
/// Numbers, booleans, texts, options and lists of such are values. So is any type with serde's traits, by one line
/// ([`cache_value!`](crate::cache_value)):
///
/// ```
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Profile {
///     name: String,
///     level: u32,
/// }
/// tux_cache::cache_value!(Profile);
/// ```
///
/// In memory the value is kept as it is (in the entry itself if it fits in two words) and a hit clones it (or borrows it, see
/// [`Backend::peek_with`](super::Backend::peek_with)); elsewhere it travels as JSON.
pub trait CacheValue: Clone + Send + Sync + 'static {
    /// The wire form.
    fn to_json(&self) -> Json;

    /// Reads the wire form. `None` when the shape is wrong: the entry then counts as undecodable and
    /// reads as a miss.
    fn from_json(json: &Json) -> Option<Self>;

    /// Reads a wire text without making JSON of it first, where that is quicker. `None` says nothing: the text is then
    /// read as JSON. What it returns must be what [`from_json`](Self::from_json) makes of the text.
    fn from_text(_text: &[u8]) -> Option<Self> {
        None
    }

    /// Whether its wire text is longer than `limit` bytes, as far as that is quickly told: memory refuses such values.
    /// `false` says nothing, and is right for types that cannot grow large.
    fn exceeds(&self, _limit: usize) -> bool {
        false
    }

    /// Not for implementors: they cannot name its parameter.
    #[doc(hidden)]
    #[inline]
    fn vtable(_: Internal) -> &'static ValueVtable {
        ValueVtable::of::<Self>()
    }
}

/// Any value of the cache, in three words. Cloning costs what cloning a small type does, or one counter.
#[derive(Clone)]
pub struct Value(Erased);

impl Value {
    /// A typed value. Allocates unless the type fits in two words.
    pub fn new<T: CacheValue>(value: T) -> Self {
        Self(Erased::new(value))
    }

    /// A value that came as JSON. It stays as it came, whatever a typed reader makes of it.
    #[must_use]
    pub fn from_json(json: Json) -> Self {
        Self::new(json)
    }

    /// The wire form; for a typed value it is built anew.
    #[must_use]
    pub fn to_json(&self) -> Json {
        self.0.to_json()
    }

    /// See [`CacheValue::exceeds`].
    pub(super) fn exceeds(&self, limit: usize) -> bool {
        self.0.exceeds(limit)
    }

    /// The value, if it is kept as a `T`.
    #[inline(always)]
    pub(super) fn typed<T: CacheValue>(&self) -> Option<&T> {
        self.0.get::<T>()
    }

    /// Runs `f` on the value as a `T`, decoding it if it is kept in another form. `None` when its shape
    /// is not that of a `T`.
    #[inline(always)]
    pub fn with<T: CacheValue, R>(&self, f: impl FnOnce(&T) -> R) -> Option<R> {
        match self.0.get::<T>() {
            Some(value) => Some(f(value)),
            None => self.converted().as_ref().map(f),
        }
    }

    /// The value as another type than it is kept in.
    #[cold]
    #[inline(never)]
    fn converted<T: CacheValue>(&self) -> Option<T> {
        match self.0.get::<Json>() {
            Some(json) => T::from_json(json),
            None => T::from_json(&self.to_json()),
        }
    }

    /// The value as a `T`; `None` when its shape is wrong.
    #[must_use]
    pub fn decode<T: CacheValue>(&self) -> Option<T> {
        self.with(T::clone)
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        Self::from_json(json)
    }
}

impl fmt::Debug for Value {
    /// Never the value itself: what is cached belongs in no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(..)")
    }
}

/// Plain JSON is a value of its own kind: every shape is right.
impl CacheValue for Json {
    fn to_json(&self) -> Json {
        self.clone()
    }
    fn from_json(json: &Json) -> Option<Self> {
        Some(json.clone())
    }
    fn exceeds(&self, limit: usize) -> bool {
        wire::exceeds(self, limit)
    }

    one_vtable!(Json);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Flag(bool);
    impl CacheValue for Flag {
        fn to_json(&self) -> Json {
            Json::Bool(self.0)
        }
        fn from_json(json: &Json) -> Option<Self> {
            match json {
                Json::Bool(b) => Some(Self(*b)),
                Json::String(s) => Some(Self(s == "1")),
                _ => None,
            }
        }
    }

    #[derive(Clone, Debug, PartialEq)]
    struct Name(String);
    impl CacheValue for Name {
        fn to_json(&self) -> Json {
            Json::String(self.0.clone())
        }
        fn from_json(json: &Json) -> Option<Self> {
            json.as_str().map(|s| Self(s.to_owned()))
        }
    }

    #[test]
    fn a_value_keeps_its_type_and_its_json() {
        let name = Value::new(Name("x".into()));
        assert_eq!(name.decode::<Name>(), Some(Name("x".into())));
        assert_eq!(name.to_json(), Json::from("x"));
        let flag = Value::new(Flag(true));
        assert_eq!(flag.decode::<Flag>(), Some(Flag(true)));
    }

    #[test]
    fn json_that_does_not_round_trip_stays_as_it_came() {
        let value = Value::from_json(Json::from("1"));
        assert_eq!(value.decode::<Flag>(), Some(Flag(true)));
        assert_eq!(value.to_json(), Json::from("1"));
    }

    #[test]
    fn the_wrong_shape_is_none() {
        assert_eq!(Value::new(Flag(true)).decode::<Name>(), None);
        assert_eq!(Value::from_json(Json::Null).decode::<Flag>(), None);
    }
}
