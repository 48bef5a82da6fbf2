//! Who is timed.

use serde::Serialize;

/// Who is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Rival {
    #[serde(rename = "tux-cache")]
    Tux,
    #[serde(rename = "quick_cache")]
    Quick,
    #[serde(rename = "moka")]
    Moka,
    #[serde(rename = "mini-moka")]
    MiniMoka,
    #[serde(rename = "TinyUFO")]
    TinyUfo,
    #[serde(rename = "foyer-memory")]
    Foyer,
    #[serde(rename = "papaya (map)")]
    Papaya,
    #[serde(rename = "dashmap (map)")]
    Dashmap,
    #[serde(rename = "hashbrown (unsync)")]
    Hashbrown,
    /// See [`Stamped`](crate::peers::Stamped).
    #[serde(rename = "hashbrown + checks (bound)")]
    Stamped,
    /// See [`Bare`](crate::peers::Bare).
    #[serde(rename = "bare buckets (bound)")]
    Bare,
}

impl Rival {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Rival::Tux => "tux-cache",
            Rival::Quick => "quick_cache",
            Rival::Moka => "moka",
            Rival::MiniMoka => "mini-moka",
            Rival::TinyUfo => "TinyUFO",
            Rival::Foyer => "foyer-memory",
            Rival::Papaya => "papaya (map)",
            Rival::Dashmap => "dashmap (map)",
            Rival::Hashbrown => "hashbrown (unsync)",
            Rival::Stamped => "hashbrown + checks (bound)",
            Rival::Bare => "bare buckets (bound)",
        }
    }

    pub(super) const fn bounded(self) -> bool {
        use Rival::{Bare, Dashmap, Hashbrown, Papaya, Stamped};
        !matches!(self, Papaya | Dashmap | Hashbrown | Stamped | Bare)
    }
}

/// Runs an expression with `$cache` standing for the rival's type; `$other` for one that has no threads.
macro_rules! with_threads {
    ($rival:expr, $cache:ident => $body:expr, else $other:expr) => {
        match $rival {
            Rival::Tux => {
                type $cache = Tux<u64, u64>;
                $body
            }
            Rival::Quick => {
                type $cache = Quick<u64, u64>;
                $body
            }
            Rival::Moka => {
                type $cache = Moka<u64, u64>;
                $body
            }
            Rival::MiniMoka => {
                type $cache = MiniMoka<u64, u64>;
                $body
            }
            Rival::TinyUfo => {
                type $cache = Ufo<u64, u64>;
                $body
            }
            Rival::Foyer => {
                type $cache = Foyer<u64, u64>;
                $body
            }
            Rival::Papaya => {
                type $cache = Papaya<u64, u64>;
                $body
            }
            Rival::Dashmap => {
                type $cache = Dash<u64, u64>;
                $body
            }
            Rival::Hashbrown | Rival::Stamped | Rival::Bare => $other,
        }
    };
}

/// The same for every rival that can be written to.
macro_rules! with_rival {
    ($rival:expr, $cache:ident => $body:expr) => {
        with_threads!($rival, $cache => $body, else { type $cache = Hashbrown; $body })
    };
}

pub(super) use with_rival;
pub(super) use with_threads;
