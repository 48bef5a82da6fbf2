//! The calls of the managers that go by the options for stale answers and refreshes.

use std::error::Error as StdError;
use std::future::Future;

use super::case::CaseId;
use super::jail_status::Jailed;
use super::{
    CaseCache, CommandRule, FetchOptions, Fetched, GuildConfig, GuildConfigCacheManager, GuildId,
    JailStatusCache, MaybeStale, PermissionCache, Prefix, PrefixCache, UserId,
};
use crate::error::Result;

/// For a manager with a typed cache: its values, as its callers and as its store know them, and what names one.
macro_rules! policy_calls {
    ($manager:ty, $cache:ident: $value:ty, $stored:expr, $shown:expr; $($name:ident: $type:ty => $one:expr),+) => {
        impl $manager {
            /// The cached value; or what `load` returns; or, as far as the options allow, what was known last, labelled as stale:
            /// at once while a load goes on ([`stale_while_revalidating`](super::ManagerOptions::stale_while_revalidating)),
            /// or when the load fails ([`stale_on_error`](super::ManagerOptions::stale_on_error)) or is slow
            /// ([`soft_timeout`](super::ManagerOptions::soft_timeout)). One load per key in this process.
            ///
            /// # Errors
            /// As `get_or_fetch`, where nothing young enough is known.
            ///
            /// # Panics
            /// When `load` panics while this caller waits for it, this caller unwinds.
            ///
            /// # Cancel safety
            /// A caller that is dropped cancels nobody; its load goes on and is stored.
            pub async fn get_or_fetch_stale<F, Fut, R, E>(
                &self,
                $($name: $type,)+
                load: F,
            ) -> Result<MaybeStale<$value>>
            where
                F: FnOnce() -> Fut + Send + 'static,
                Fut: Future<Output = Result<R, E>> + Send + 'static,
                R: Into<$value>,
                E: StdError + Send + Sync + 'static,
            {
                let load = async move || Ok::<_, E>($stored(load().await?.into()));
                let answer = self.$cache.get_or_fetch_stale(($($one),+), load).await?;
                Ok(answer.map($shown))
            }

            /// [`get_or_fetch_stale`](Self::get_or_fetch_stale) with settings of this call, which go before the manager's. `load`
            /// may say more than a value ([`Fetched`]).
            ///
            /// # Errors, panics, cancel safety
            /// As [`get_or_fetch_stale`](Self::get_or_fetch_stale); and `Config` for settings that contradict each other.
            pub async fn get_or_fetch_with<F, Fut, R, E>(
                &self,
                $($name: $type,)+
                options: &FetchOptions,
                load: F,
            ) -> Result<MaybeStale<$value>>
            where
                F: FnOnce() -> Fut + Send + 'static,
                Fut: Future<Output = Result<R, E>> + Send + 'static,
                R: Into<Fetched<$value>>,
                E: StdError + Send + Sync + 'static,
            {
                let load = async move || Ok::<_, E>(load().await?.into().map($stored));
                let answer = self.$cache.get_or_fetch_with(($($one),+), options, load).await?;
                Ok(answer.map($shown))
            }

            /// `get_or_fetch` with a loader that sees what was known last, if anything is: the live value where it is
            /// [refreshed ahead](super::ManagerOptions::refresh_ahead), else what
            /// [`keep_stale`](super::ManagerOptions::keep_stale) has kept. It may answer [`Fetched::not_modified`]. The
            /// answer is never stale.
            ///
            /// # Errors, panics, cancel safety
            /// As `get_or_fetch`; and kind `Loader` for `not_modified` without an old value.
            pub async fn get_or_fetch_refreshing<F, Fut, R, E>(
                &self,
                $($name: $type,)+
                load: F,
            ) -> Result<$value>
            where
                F: FnOnce(Option<$value>) -> Fut + Send + 'static,
                Fut: Future<Output = Result<R, E>> + Send + 'static,
                R: Into<Fetched<$value>>,
                E: StdError + Send + Sync + 'static,
            {
                let load = async move |old: Option<_>| {
                    Ok::<_, E>(load(old.map($shown)).await?.into().map($stored))
                };
                let value = self.$cache.get_or_fetch_refreshing(($($one),+), load).await?;
                Ok(($shown)(value))
            }
        }
    };
}

policy_calls! {
    JailStatusCache, cache: bool, Jailed::from, |Jailed(jailed)| jailed;
    guild: impl Into<GuildId> => guild.into(), user: impl Into<UserId> => user.into()
}
policy_calls! {
    CaseCache, cache: Option<u64>, CaseId::from, |CaseId(id)| id;
    guild: impl Into<GuildId> => guild.into(), number: u64 => number
}
policy_calls! {
    GuildConfigCacheManager, cache: GuildConfig, std::convert::identity, std::convert::identity;
    guild: impl Into<GuildId> => guild.into()
}
policy_calls! {
    PrefixCache, cache: Prefix, std::convert::identity, std::convert::identity;
    guild: impl Into<GuildId> => guild.into()
}
policy_calls! {
    PermissionCache, commands: CommandRule, std::convert::identity, std::convert::identity;
    guild: impl Into<GuildId> => guild.into(), command: &str => command
}
