//! The user's guide: how to use the engine, how to use it in a bot, what happens in an outage, and where to look when
//! something is stale, slow or missing.
//!
//! | page | for |
//! |---|---|
//! | [`_01_engine`] | whoever wants a map that expires and is bounded |
//! | `_02_bot` | a bot on twilight or serenity: set-up, look-ups, writes |
//! | `_03_outages` | what each call does while the server is away |
//! | `_04_python` | a Python bot on the same Valkey |
//! | `_05_troubleshooting` | something is stale, slow or missing |
//! | [`_06_your_trace`] | how often your own requests would hit |
//! | `_07_your_family` | a typed cache of values of your own |
//! | `_08_testing` | tests without a server: a clock of yours, an outage on demand |
//! | `_09_stale` | values that end while the database is slow or away |
//! | `_10_events` | which event of Discord's gateway removes what; a prefix per guild in poise |
//! | `_11_metrics` | the numbers on a dashboard: every name, three exporters, spans, alerts |
//! | [`_12_from_moka`], [`_13_from_quick_cache_and_cached`] | whoever has used another cache |
//!
//! Pages two to five, ten and eleven need the feature `valkey`, seven to nine `backend`. Each block of Rust in the guide is a test
//! that runs.

#[doc = include_str!("../../docs/guide/01_engine.md")]
pub mod _01_engine {}

#[cfg(feature = "valkey")]
#[cfg_attr(docsrs, doc(cfg(feature = "valkey")))]
#[doc = include_str!("../../docs/guide/02_bot.md")]
pub mod _02_bot {}

#[cfg(feature = "valkey")]
#[cfg_attr(docsrs, doc(cfg(feature = "valkey")))]
#[doc = include_str!("../../docs/guide/03_outages.md")]
pub mod _03_outages {}

#[cfg(feature = "valkey")]
#[cfg_attr(docsrs, doc(cfg(feature = "valkey")))]
#[doc = include_str!("../../docs/guide/04_python.md")]
pub mod _04_python {}

#[cfg(feature = "valkey")]
#[cfg_attr(docsrs, doc(cfg(feature = "valkey")))]
#[doc = include_str!("../../docs/guide/05_troubleshooting.md")]
pub mod _05_troubleshooting {}

#[doc = include_str!("../../docs/guide/06_your_trace.md")]
pub mod _06_your_trace {}

#[cfg(feature = "backend")]
#[cfg_attr(docsrs, doc(cfg(feature = "backend")))]
#[doc = include_str!("../../docs/guide/07_your_family.md")]
pub mod _07_your_family {}

#[cfg(feature = "backend")]
#[cfg_attr(docsrs, doc(cfg(feature = "backend")))]
#[doc = include_str!("../../docs/guide/08_testing.md")]
pub mod _08_testing {}

#[cfg(feature = "backend")]
#[cfg_attr(docsrs, doc(cfg(feature = "backend")))]
#[doc = include_str!("../../docs/guide/09_stale.md")]
pub mod _09_stale {}

#[cfg(feature = "valkey")]
#[cfg_attr(docsrs, doc(cfg(feature = "valkey")))]
#[doc = include_str!("../../docs/guide/10_events.md")]
pub mod _10_events {}

#[cfg(feature = "valkey")]
#[cfg_attr(docsrs, doc(cfg(feature = "valkey")))]
#[doc = include_str!("../../docs/guide/11_metrics.md")]
pub mod _11_metrics {}

/// What `_10_events` says of guards: the second is the first without the view, so that it fails for the view alone.
///
/// ```compile_fail
/// let cache = tux_cache::TtlCache::<u64, u64>::unbounded(std::time::Duration::from_secs(1));
/// fn send(_: impl Send) {}
/// send(async {
///     let view = cache.pin();
///     std::future::ready(()).await;
///     drop(view.get(&1));
/// });
/// ```
///
/// ```
/// let cache = tux_cache::TtlCache::<u64, u64>::unbounded(std::time::Duration::from_secs(1));
/// fn send(_: impl Send) {}
/// send(async {
///     let view = &cache;
///     std::future::ready(()).await;
///     drop(view.get(&1));
/// });
/// ```
#[cfg(doctest)]
mod _no_view_crosses_an_await {}

#[doc = include_str!("../../docs/guide/12_from_moka.md")]
pub mod _12_from_moka {}

#[doc = include_str!("../../docs/guide/13_from_quick_cache_and_cached.md")]
pub mod _13_from_quick_cache_and_cached {}

/// The code of the front page is a test, too.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod _readme {}
