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
//! | `stale` | values that end while the database is slow or away |
//! | [`_06_your_trace`] | how often your own requests would hit |
//! | `_07_your_family` | a typed cache of values of your own |
//! | `_08_testing` | tests without a server: a clock of yours, an outage on demand |
//! | `events` | which event of Discord's gateway removes what; a prefix per guild in poise |
//! | `metrics` | the numbers on a dashboard: every name, three exporters, spans, alerts |
//!
//! Pages two to five, `events` and `metrics` need the feature `valkey`, seven and eight `backend`. Each block of Rust in the guide is a test
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

#[cfg(feature = "backend")]
#[cfg_attr(docsrs, doc(cfg(feature = "backend")))]
#[doc = include_str!("../../docs/guide/stale.md")]
pub mod stale {}

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

#[cfg(feature = "valkey")]
#[cfg_attr(docsrs, doc(cfg(feature = "valkey")))]
#[doc = include_str!("../../docs/guide/events.md")]
pub mod events {}

#[cfg(feature = "valkey")]
#[cfg_attr(docsrs, doc(cfg(feature = "valkey")))]
#[doc = include_str!("../../docs/guide/metrics.md")]
pub mod metrics {}

/// What `events` says of guards: the second is the first without the view, so that it fails for the view alone.
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

/// The code of the front page is a test, too.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod _readme {}
