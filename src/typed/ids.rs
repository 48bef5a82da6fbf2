//! Discord ids as types of their own.
//!
//! A manager takes `impl Into<GuildId>`, `impl Into<UserId>` and so on: one of these, a plain `u64`, or a type of your own
//! with `From` for it. The features `twilight-model` and `serenity` add `From` for their ids, each for the one here that
//! means the same; without them hand over `id.get()`. A user's id is no guild's:
//!
//! ```compile_fail,E0277
//! # use tux_cache::managers::{GuildId, JailStatusCache, UserId};
//! # async fn swapped(jails: JailStatusCache) {
//! let _ = jails.get(UserId(2), GuildId(1)).await;
//! # }
//! ```

use std::fmt;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl From<u64> for $name {
            fn from(id: u64) -> Self {
                Self(id)
            }
        }

        impl From<$name> for u64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

id! {
    /// A guild (server).
    GuildId,
    /// A user.
    UserId,
    /// A role of a guild.
    RoleId,
    /// A channel of a guild.
    ChannelId,
}

#[cfg(feature = "twilight-model")]
mod twilight {
    use twilight_model::id::{Id, marker};

    macro_rules! from_twilight {
        ($($name:ident: $marker:ident,)*) => {$(
            impl From<Id<marker::$marker>> for super::$name {
                fn from(id: Id<marker::$marker>) -> Self {
                    Self(id.get())
                }
            }
        )*};
    }

    from_twilight! {
        GuildId: GuildMarker,
        UserId: UserMarker,
        RoleId: RoleMarker,
        ChannelId: ChannelMarker,
    }
}

#[cfg(feature = "serenity")]
mod serenity {
    macro_rules! from_serenity {
        ($($name:ident,)*) => {$(
            impl From<serenity::model::id::$name> for super::$name {
                fn from(id: serenity::model::id::$name) -> Self {
                    Self(id.get())
                }
            }
        )*};
    }

    from_serenity! { GuildId, UserId, RoleId, ChannelId, }
}
