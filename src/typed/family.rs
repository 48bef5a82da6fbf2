//! What tells one kind of cached values from another.

use std::time::Duration;

use super::key::FamilyKey;
use super::settings::Settings;
use crate::backend::{CacheValue, CustomFamily, KeyFamily, KeyRef, Ttl};

/// One kind of values: its keys, its type, how long it lives, and what its values have to be. A cache of it is a
/// [`TypedCache`](super::TypedCache).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tux_cache::Error> {
/// use std::time::Duration;
/// use tux_cache::managers::{GuildId, UserId};
/// use tux_cache::{Family, TypedCache};
///
/// struct Warnings;
///
/// impl Family for Warnings {
///     type Key<'k> = (GuildId, UserId);
///     type Value = u32;
///     const NAME: &'static str = "warnings";
///     const PREFIX: &'static str = "warn"; // in Valkey: tux:warn:{guild}:{user}
///     const TTL: Option<Duration> = Some(Duration::from_secs(60));
/// }
///
/// let warnings = TypedCache::<Warnings>::in_memory(); // or TypedCache::new(backend)
/// let key = (GuildId(1), UserId(2));
/// warnings.set(key, 3).await?;
/// assert_eq!(warnings.get(key).await?, Some(3));
/// assert_eq!(warnings.invalidate_group(GuildId(1)).await?, 1);
/// # Ok(())
/// # }
/// ```
///
/// A user's id is not taken for a guild's:
///
/// ```compile_fail,E0308
/// # use tux_cache::managers::{GuildId, UserId};
/// # use tux_cache::{Family, TypedCache};
/// # struct Warnings;
/// # impl Family for Warnings {
/// #     type Key<'k> = (GuildId, UserId);
/// #     type Value = u32;
/// #     const NAME: &'static str = "warnings";
/// #     const PREFIX: &'static str = "warn";
/// # }
/// # async fn swapped(warnings: TypedCache<Warnings>) {
/// let _ = warnings.get((UserId(2), GuildId(1))).await;
/// # }
/// ```
pub trait Family: Send + Sync + 'static {
    /// What a caller names a value by.
    type Key<'k>: FamilyKey<'k>;
    /// A value as it is stored: numbers, booleans, texts, options and lists of such, or a type of your own
    /// ([`cache_value!`](crate::cache_value)).
    type Value: CacheValue;

    /// For people: logs, messages and `Debug`.
    const NAME: &'static str;
    /// What its keys begin with, in every store: letters, digits, `_`, `-` and `.`, in one part or several with `:`
    /// between them, at most 128 bytes. It is nobody else's in this process, nor the beginning of somebody else's up to a
    /// `:`. To be changed when values change their form: then old ones are not met.
    const PREFIX: &'static str;
    /// How long values live where the caller asks for nothing else
    /// ([`ManagerOptions::ttl`](crate::managers::ManagerOptions::ttl)), and an in-memory backend has no say in it. `None`:
    /// without a TTL of their own.
    const TTL: Option<Duration> = None;
    /// Whether its values decide who may do what: then stale answers must be asked for twice
    /// ([`allow_stale_security`](crate::managers::ManagerOptions::allow_stale_security)).
    const IS_SECURITY: bool = false;
    /// Entries of a cache without a backend.
    const OWN_SIZE: usize = 10_000;

    /// Whether a value answers every question about its key. Part of one is a hit for `get`, not for `get_or_fetch`. It
    /// is asked on every hit of that.
    #[inline(always)]
    fn is_whole(_value: &Self::Value) -> bool {
        true
    }

    /// Whether a value says that there is nothing: then it may have a TTL of its own
    /// ([`absent_ttl`](crate::managers::ManagerOptions::absent_ttl)). Of an option, whether it is `None`.
    #[must_use]
    fn is_absent(_value: &Self::Value) -> bool {
        false
    }

    /// Whether every reader of the store takes it; `Err` says what is wrong with it. One that is wrong is not written:
    /// `set` is an error then, and what a loader returned is for its callers alone.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    fn check(_value: &Self::Value) -> Result<(), String> {
        Ok(())
    }

    /// A loaded value, with what a load does not know taken over from what stood under the key before.
    fn merge_previous(value: Self::Value, _previous: Option<&Self::Value>) -> Self::Value {
        value
    }

    #[doc(hidden)]
    const BUILT_IN: BuiltInFamily = BuiltInFamily(None);

    /// The key under which the store has it.
    #[doc(hidden)]
    #[inline(always)]
    fn key_ref(key: Self::Key<'_>, declared: Declared) -> KeyRef<'_> {
        KeyRef::Custom {
            family: declared.0,
            parts: key.parts(),
        }
    }

    /// The TTL that the caller asks for; `None` says nothing.
    #[doc(hidden)]
    fn ttl_asked(settings: &Settings) -> Option<Ttl> {
        settings.ttl
    }
}

/// Which of this library's families it is. Applications cannot name it.
#[doc(hidden)]
#[derive(Debug)]
pub struct BuiltInFamily(pub(crate) Option<KeyFamily>);

/// What a family was declared as; of this library's own it says nothing. Applications cannot name it.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Declared(pub(crate) CustomFamily);
