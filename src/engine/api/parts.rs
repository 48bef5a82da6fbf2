//! Look-ups of composed keys by their parts.

use papaya::Equivalent;
use std::hash::{Hash, Hasher};

/// Looks a key that is a tuple up by references to its parts, so that none has to be owned: `(&str, &u32)` for `(String, u32)`.
///
/// ```
/// use std::time::Duration;
/// use tux_cache::{Parts, TtlCache};
///
/// let cache: TtlCache<(String, u32), bool> = TtlCache::new(Duration::from_secs(60), 100);
/// cache.set(("guild".to_owned(), 7), true);
/// assert_eq!(cache.get(&Parts(("guild", &7))), Some(true));
/// assert_eq!(cache.get(&Parts(("guild", &8))), None);
/// ```
///
/// Tuples of two to four parts. Other keys are looked up by a type of one's own that is [`Equivalent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<T>(pub T);

impl<T: Hash> Hash for Parts<T> {
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

macro_rules! tuples {
    ($($($part:ident $key:ident $at:tt),*;)*) => {$(
        /// References hash as what they refer to, and a tuple as its parts one after another: so both sides hash alike.
        impl<$($part, $key),*> Equivalent<($($key,)*)> for Parts<($(&$part,)*)>
        where
            $($part: Equivalent<$key> + ?Sized,)*
        {
            #[inline(always)]
            fn equivalent(&self, key: &($($key,)*)) -> bool {
                $(self.0.$at.equivalent(&key.$at))&&*
            }
        }
    )*};
}

tuples! {
    A X 0, B Y 1;
    A X 0, B Y 1, C Z 2;
    A X 0, B Y 1, C Z 2, D W 3;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher, RandomState};

    #[test]
    fn parts_hash_and_compare_as_the_whole() {
        let hasher = RandomState::new();
        let key = ("a".to_owned(), 7_u32, vec![1_u8], 'x');
        let parts = Parts(("a", &7_u32, [1_u8].as_slice(), &'x'));
        assert!(parts.equivalent(&key));
        assert_eq!(hasher.hash_one(parts), hasher.hash_one(&key));
        let pair = (key.0, key.1);
        assert_eq!(
            hasher.hash_one(Parts(("a", &7_u32))),
            hasher.hash_one(&pair)
        );
        assert!(!Parts(("a", &8)).equivalent(&pair) && !Parts(("b", &7)).equivalent(&pair));
    }
}
