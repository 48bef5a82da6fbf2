//! A value of a type that is known at run time only: two words, and what can be done with them.
//!
//! A type of at most two words lies in them; a larger one behind an `Arc` in them. A reader that names the right
//! type gets a reference at the price of one comparison: no virtual call, no second allocation to follow.

use std::any::TypeId;
use std::marker::PhantomData;
use std::mem::{MaybeUninit, align_of, needs_drop, size_of};
use std::sync::Arc;

use super::{CacheValue, Json};

/// The words: a `T`, or an `Arc<T>`, as [`Fits`] says.
type Words = MaybeUninit<[usize; 2]>;

/// A [`CacheValue`] of some type.
pub(super) struct Erased {
    vtable: &'static ValueVtable,
    words: Words,
}

/// What a type can do. Each function is only ever called with words that hold that type.
#[doc(hidden)]
#[derive(Debug)]
pub struct ValueVtable {
    type_id: fn() -> TypeId,
    json: unsafe fn(&Words) -> Json,
    exceeds: unsafe fn(&Words, usize) -> bool,
    clone: unsafe fn(&Words) -> Words,
    drop: Option<unsafe fn(&mut Words)>,
}

/// Only this crate can name it, and so only this crate can say which vtable a type has: a wrong one would be unsound.
#[doc(hidden)]
#[derive(Debug)]
pub struct Internal(());

/// Gives a type the one vtable it has in the whole program. Without it every part of the program that is compiled by
/// itself has a vtable of its own, and a look-up in one of a value made in another has to compare types.
macro_rules! one_vtable {
    ($type:ty) => {
        #[inline]
        fn vtable(_: $crate::backend::value::vtable::Internal) -> &'static $crate::backend::value::vtable::ValueVtable {
            $crate::backend::value::vtable::one_vtable!(of $type)
        }
    };
    (of $type:ty) => {{
        static VTABLE: $crate::backend::value::vtable::ValueVtable =
            $crate::backend::value::vtable::ValueVtable::new::<$type>();
        &VTABLE
    }};
}
pub(crate) use one_vtable;

/// Whether a `T` lies in the words themselves.
struct Fits<T>(PhantomData<T>);

impl<T> Fits<T> {
    const YES: bool =
        size_of::<T>() <= size_of::<Words>() && align_of::<T>() <= align_of::<Words>();
}

impl ValueVtable {
    pub(crate) const fn new<T: CacheValue>() -> Self {
        Self {
            type_id: TypeId::of::<T>,
            json: json::<T>,
            exceeds: exceeds::<T>,
            clone: clone::<T>,
            drop: if Fits::<T>::YES && !needs_drop::<T>() {
                None
            } else {
                Some(drop_in_place::<T>)
            },
        }
    }

    /// One of the vtables of this type. Out of line: then it has one in each crate rather than in each piece of code that
    /// is compiled by itself.
    #[inline(never)]
    pub(super) fn of<T: CacheValue>() -> &'static Self {
        const { &Self::new::<T>() }
    }

    /// For vtables that are not the same.
    #[inline(never)]
    fn is_of<T: CacheValue>(&self) -> bool {
        (self.type_id)() == TypeId::of::<T>()
    }
}

/// Puts something into words.
///
/// # Safety
/// `H` is at most as large and as aligned as words are.
unsafe fn put<H>(held: H) -> Words {
    let mut words = Words::uninit();
    // SAFETY: by the contract there is room, suitably aligned.
    unsafe { words.as_mut_ptr().cast::<H>().write(held) };
    words
}

/// The value in words.
///
/// # Safety
/// The words hold a `T`.
#[inline(always)]
unsafe fn get<T>(words: &Words) -> &T {
    // SAFETY: by the contract the words were filled by `put` with a `T` if it fits, else with an `Arc<T>`, and what is
    // lent lives as long as they do.
    unsafe {
        if Fits::<T>::YES {
            &*words.as_ptr().cast::<T>()
        } else {
            &*words.as_ptr().cast::<Arc<T>>()
        }
    }
}

/// # Safety
/// As [`get`].
unsafe fn json<T: CacheValue>(words: &Words) -> Json {
    // SAFETY: the same contract.
    unsafe { get::<T>(words) }.to_json()
}

/// # Safety
/// As [`get`].
unsafe fn exceeds<T: CacheValue>(words: &Words, limit: usize) -> bool {
    // SAFETY: the same contract.
    unsafe { get::<T>(words) }.exceeds(limit)
}

/// # Safety
/// As [`get`].
unsafe fn clone<T: CacheValue>(words: &Words) -> Words {
    // SAFETY: by the contract; what is put is of the size that `Fits` has checked, or an `Arc`, which is one word.
    unsafe {
        if Fits::<T>::YES {
            put(get::<T>(words).clone())
        } else {
            put(Arc::clone(&*words.as_ptr().cast::<Arc<T>>()))
        }
    }
}

/// # Safety
/// As [`get`]; the words hold nothing afterwards.
unsafe fn drop_in_place<T: CacheValue>(words: &mut Words) {
    // SAFETY: by the contract they hold it, and nobody reads it again.
    unsafe {
        if Fits::<T>::YES {
            words.as_mut_ptr().cast::<T>().drop_in_place();
        } else {
            words.as_mut_ptr().cast::<Arc<T>>().drop_in_place();
        }
    }
}

impl Erased {
    /// Allocates if the type is larger than two words.
    pub(super) fn new<T: CacheValue>(value: T) -> Self {
        // SAFETY: `Fits` has checked the size and the alignment; an `Arc` is one word.
        let words = unsafe {
            if Fits::<T>::YES {
                put(value)
            } else {
                put(Arc::new(value))
            }
        };
        Self {
            vtable: T::vtable(Internal(())),
            words,
        }
    }

    /// The value, if it is a `T`.
    #[inline(always)]
    pub(super) fn get<T: CacheValue>(&self) -> Option<&T> {
        // One vtable means one type: its `type_id` gives one answer. Two vtables may still be of one type, made in
        // different parts of the program.
        if std::ptr::eq(self.vtable, T::vtable(Internal(()))) || self.vtable.is_of::<T>() {
            // SAFETY: the vtable says that the words were filled with a `T`.
            Some(unsafe { get::<T>(&self.words) })
        } else {
            None
        }
    }

    pub(super) fn to_json(&self) -> Json {
        // SAFETY: the vtable belongs to the type in the words.
        unsafe { (self.vtable.json)(&self.words) }
    }

    pub(super) fn exceeds(&self, limit: usize) -> bool {
        // SAFETY: the vtable belongs to the type in the words.
        unsafe { (self.vtable.exceeds)(&self.words, limit) }
    }
}

impl Clone for Erased {
    fn clone(&self) -> Self {
        Self {
            vtable: self.vtable,
            // SAFETY: the vtable belongs to the type in the words.
            words: unsafe { (self.vtable.clone)(&self.words) },
        }
    }
}

impl Drop for Erased {
    fn drop(&mut self) {
        if let Some(drop) = self.vtable.drop {
            // SAFETY: the vtable belongs to the type in the words, which nobody reads again.
            unsafe { drop(&mut self.words) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts its owners by an `Arc`, and fills as many words as asked for.
    #[derive(Clone, Debug)]
    struct Of<const WORDS: usize>(
        [usize; WORDS],
        #[expect(dead_code, reason = "counted")] Arc<()>,
    );

    impl<const WORDS: usize> CacheValue for Of<WORDS> {
        fn to_json(&self) -> Json {
            Json::from(self.0.to_vec())
        }
        fn from_json(_: &Json) -> Option<Self> {
            None
        }
    }

    #[derive(Clone, Debug)]
    #[repr(align(64))]
    struct Aligned(u8);

    impl CacheValue for Aligned {
        fn to_json(&self) -> Json {
            Json::from(self.0)
        }
        fn from_json(_: &Json) -> Option<Self> {
            None
        }
    }

    fn kept<const WORDS: usize>() {
        let owners = Arc::new(());
        let words = std::array::from_fn(|at| at + 7);
        let value = Erased::new(Of::<WORDS>(words, Arc::clone(&owners)));
        let again = value.clone();
        assert!(Arc::strong_count(&owners) >= 2);
        drop(value);
        assert_eq!(again.get::<Of<WORDS>>().unwrap().0, words);
        assert_eq!(again.to_json(), Json::from(words.to_vec()));
        assert!(again.get::<Aligned>().is_none());
        drop(again);
        assert_eq!(
            Arc::strong_count(&owners),
            1,
            "dropped once, with the last clone"
        );
    }

    #[test]
    fn a_value_inline_or_behind_an_arc_is_cloned_read_and_dropped_once() {
        const {
            assert!(Fits::<Of<1>>::YES && !Fits::<Of<2>>::YES && !Fits::<Aligned>::YES);
        }
        kept::<0>();
        kept::<1>();
        kept::<2>();
        kept::<40>();
    }

    #[test]
    fn a_type_that_asks_for_more_alignment_gets_it() {
        let values: Vec<Erased> = (0..3).map(|n| Erased::new(Aligned(n))).collect();
        for (at, value) in values.iter().enumerate() {
            let lent: &Aligned = value.get().unwrap();
            assert_eq!(usize::from(lent.0), at);
            assert_eq!(std::ptr::from_ref(lent).addr() % 64, 0);
        }
        assert!(values[0].get::<Of<1>>().is_none());
    }

    #[test]
    fn it_takes_three_words() {
        assert_eq!(size_of::<Erased>(), 3 * size_of::<usize>());
        assert_eq!(size_of::<Option<Erased>>(), 3 * size_of::<usize>());
    }
}
