//! Who is timed.

use serde::{Serialize, Serializer};

/// Who is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rival {
    Tux,
    Quick,
    Moka,
    MiniMoka,
    TinyUfo,
    Foyer,
    Papaya,
    Dashmap,
    Hashbrown,
    /// See [`Stamped`](crate::peers::Stamped).
    Stamped,
    /// See [`Bare`](crate::peers::Bare).
    Bare,
}

impl Rival {
    /// The name in tables and records.
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

impl Serialize for Rival {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Runs an expression with `$cache` standing for the rival's type; `$other` for one that has no threads.
macro_rules! with_threads {
    ($rival:expr, $cache:ident => $body:expr, else $other:expr) => {
        with_threads!(
            @ $rival, $cache, $body, $other;
            Tux Tux, Quick Quick, Moka Moka, MiniMoka MiniMoka, TinyUfo Ufo, Foyer Foyer, Papaya Papaya, Dashmap Dash
        )
    };
    (@ $rival:expr, $cache:ident, $body:expr, $other:expr; $($name:ident $peer:ident),*) => {
        match $rival {
            $(Rival::$name => {
                type $cache = $crate::peers::$peer<u64, u64>;
                $body
            })*
            Rival::Hashbrown | Rival::Stamped | Rival::Bare => $other,
        }
    };
}

/// The same for every rival that can be written to.
macro_rules! with_rival {
    ($rival:expr, $cache:ident => $body:expr) => {
        with_threads!($rival, $cache => $body, else { type $cache = $crate::peers::Hashbrown; $body })
    };
}

pub(super) use with_rival;
pub(super) use with_threads;
