//! The rules of one call.

use std::time::Duration;

use super::rules::FetchRules;

/// Settings of one call of `get_or_fetch_with`. What is not set here goes by the family's
/// [`ManagerOptions`](crate::managers::ManagerOptions), which explains each of them.
///
/// ```
/// use std::time::Duration;
/// use tux_cache::managers::FetchOptions;
///
/// let options = FetchOptions::new()
///     .soft_timeout(Duration::from_millis(50)) // then an old value will do
///     .load_timeout(Duration::from_secs(2));
/// # drop(options);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct FetchOptions {
    pub(crate) rules: FetchRules,
}

macro_rules! rule {
    ($(#[$doc:meta])* $name:ident => $field:ident: $type:ty) => {
        $(#[$doc])*
        pub fn $name(mut self, $name: $type) -> Self {
            self.rules.$field = Some($name);
            self
        }
    };
}

impl FetchOptions {
    /// The family's own.
    pub fn new() -> Self {
        Self::default()
    }

    rule! {
        /// How long this call waits for a load, its own or another's, before it gets `Timeout`; a load that it begins ends
        /// then for all who wait. At most the family's.
        load_timeout => hard: Duration
    }
    rule! {
        /// How long this call waits before a stale value will do.
        soft_timeout => soft: Duration
    }
    rule! {
        /// For how long past its end a value answers this call at once.
        stale_while_revalidating => revalidate: Duration
    }
    rule! {
        /// For how long past its end a value answers this call when the load fails or is slow.
        stale_on_error => on_error: Duration
    }
    rule! {
        /// Refreshes what this call finds once this share of its life is over; for families with `refresh_ahead` or
        /// `keep_stale`.
        refresh_ahead => refresh_ahead: f64
    }
    rule! {
        /// How long nothing is loaded after a load of this call has failed.
        throttle => throttle: Duration
    }
    rule! {
        /// The TTL of what this call loads.
        ttl => ttl: Duration
    }
    rule! {
        /// The TTL of what this call loads, if it says that there is nothing.
        absent_ttl => absent_ttl: Duration
    }
    rule! {
        /// The most extra time of what this call loads.
        jitter => jitter: Duration
    }
}
