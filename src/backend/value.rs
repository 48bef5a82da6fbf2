//! Values between the managers and a store: typed in memory, JSON on the wire.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// A JSON value. Numbers keep their text (integers of any size survive) and objects their order.
pub use serde_json::Value as Json;

/// A type that a manager keeps in a backend.
///
/// In memory the value is kept as it is and a hit clones it (or borrows it, see
/// [`Backend::peek_with`](super::Backend::peek_with)); elsewhere it travels as JSON.
pub trait CacheValue: Clone + Send + Sync + 'static {
    /// The wire form.
    fn to_json(&self) -> Json;

    /// Reads the wire form. `None` when the shape is wrong: the entry then counts as undecodable and
    /// reads as a miss.
    fn from_json(json: &Json) -> Option<Self>;

    /// A value this small is kept in the entry itself, without an allocation of its own.
    fn to_scalar(&self) -> Option<Scalar> {
        None
    }

    /// The inverse of [`to_scalar`](Self::to_scalar).
    fn from_scalar(_scalar: Scalar) -> Option<Self> {
        None
    }
}

/// What fits in an entry without an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
}

impl Scalar {
    fn to_json(self) -> Json {
        match self {
            Self::Bool(b) => Json::Bool(b),
            Self::Int(n) => Json::from(n),
        }
    }
}

/// Any value of the cache. Cloning costs one counter at most.
#[derive(Clone)]
pub struct Value(Repr);

#[derive(Clone)]
enum Repr {
    Scalar(Scalar),
    Typed(Arc<dyn Erased>),
    Json(Arc<Json>),
}

/// A [`CacheValue`] whose type is known at run time only.
trait Erased: Send + Sync {
    fn json(&self) -> Json;
    fn any(&self) -> &dyn Any;
}

impl<T: CacheValue> Erased for T {
    fn json(&self) -> Json {
        self.to_json()
    }
    fn any(&self) -> &dyn Any {
        self
    }
}

impl Value {
    /// A typed value. Allocates unless the type has a [`Scalar`] form.
    pub fn new<T: CacheValue>(value: T) -> Self {
        Self(match value.to_scalar() {
            Some(scalar) => Repr::Scalar(scalar),
            None => Repr::Typed(Arc::new(value)),
        })
    }

    /// A value that came as JSON. It stays as it came, whatever a typed reader makes of it.
    #[must_use]
    pub fn from_json(json: Json) -> Self {
        Self(Repr::Json(Arc::new(json)))
    }

    /// The wire form; for a typed value it is built anew.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match &self.0 {
            Repr::Scalar(scalar) => scalar.to_json(),
            Repr::Typed(value) => value.json(),
            Repr::Json(json) => Json::clone(json),
        }
    }

    /// Runs `f` on the value as a `T`, decoding it if it is kept in another form. `None` when its shape
    /// is not that of a `T`.
    #[inline(always)]
    pub fn with<T: CacheValue, R>(&self, f: impl FnOnce(&T) -> R) -> Option<R> {
        match &self.0 {
            Repr::Scalar(scalar) => match T::from_scalar(*scalar) {
                Some(value) => Some(f(&value)),
                None => T::from_json(&scalar.to_json()).as_ref().map(f),
            },
            // `(**value)`: the trait object itself, not the `Arc`.
            Repr::Typed(value) => match (**value).any().downcast_ref::<T>() {
                Some(value) => Some(f(value)),
                None => T::from_json(&value.json()).as_ref().map(f),
            },
            Repr::Json(json) => T::from_json(json).as_ref().map(f),
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
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({})", self.to_json())
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
        fn to_scalar(&self) -> Option<Scalar> {
            Some(Scalar::Bool(self.0))
        }
        fn from_scalar(scalar: Scalar) -> Option<Self> {
            match scalar {
                Scalar::Bool(b) => Some(Self(b)),
                Scalar::Int(_) => None,
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
        assert!(matches!(flag.0, Repr::Scalar(_)));
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
