//! What loaders hand over.

use std::time::Duration;

/// A value that a loader made, and how long it is to be kept: for the cache's time to live, unless the loader says otherwise.
///
/// ```
/// use std::time::Duration;
/// use tux_cache::{Loaded, TtlCache};
///
/// /// What is absent is asked for again soon.
/// fn load(id: u64) -> Loaded<Option<String>> {
///     match id {
///         1 => Loaded::new(Some(String::from("found"))),
///         _ => Loaded::new(None).ttl(Duration::from_secs(5)),
///     }
/// }
///
/// let names = TtlCache::new(Duration::from_secs(300), 1_000);
/// assert_eq!(names.get_or_fetch_with_ttl(1, || load(1)), Some(String::from("found")));
/// assert_eq!(names.get_or_fetch_with_ttl(2, || load(2)), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a loader hands it over by returning it"]
pub struct Loaded<V> {
    pub(crate) value: V,
    pub(crate) ttl: LoadedTtl,
}

/// How long a loaded value is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadedTtl {
    OfCache,
    For(Duration),
    Forever,
}

impl<V> Loaded<V> {
    /// For the cache's time to live.
    pub fn new(value: V) -> Self {
        let ttl = LoadedTtl::OfCache;
        Self { value, ttl }
    }

    /// For so long, rounded up to whole milliseconds. `Duration::ZERO`: everybody who waits gets it, and it is not kept.
    pub fn ttl(self, ttl: Duration) -> Self {
        let ttl = LoadedTtl::For(ttl);
        Self { ttl, ..self }
    }

    /// Without expiry. It can still be evicted.
    pub fn forever(self) -> Self {
        let ttl = LoadedTtl::Forever;
        Self { ttl, ..self }
    }

    /// The value alone.
    #[must_use]
    pub fn into_value(self) -> V {
        self.value
    }
}

/// What a loader may return: a value, or a [`Loaded`] one that says how long it is to be kept.
///
/// If the compiler asks for a type here, the loader's value is one that it infers, such as that of `parse()` or of a loader which only
/// ever fails: give it its type.
pub trait IntoLoaded<V>: sealed::Sealed<V> {
    /// The value, and how long it is to be kept.
    fn into_loaded(self) -> Loaded<V>;
}

impl<V> IntoLoaded<V> for V {
    #[inline]
    fn into_loaded(self) -> Loaded<V> {
        Loaded::new(self)
    }
}

impl<V> IntoLoaded<V> for Loaded<V> {
    #[inline]
    fn into_loaded(self) -> Loaded<V> {
        self
    }
}

mod sealed {
    pub trait Sealed<V> {}
    impl<V> Sealed<V> for V {}
    impl<V> Sealed<V> for super::Loaded<V> {}
}
