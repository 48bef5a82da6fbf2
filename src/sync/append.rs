//! A list that only grows: what every thread may read at any time, and any thread may add to.
//!
//! # Invariants
//! - **A1** An element has one place for ever: it is neither moved, changed nor freed before the list is.
//! - **A2** There are no gaps: who has seen the element at a place sees all before it.
//! - **A3** One decision: an element is added only if `known` was asked about every element before it, also those that
//!   others add at the same time. So of two that exclude each other one is added, and the other's caller is told.
//!
//! # Progress
//! Reading is wait-free. Adding is lock-free: a failed exchange means that another thread has added. A thread that stops
//! anywhere, or a child of `fork`, leaves nothing half done.

use super::{AtomicPtr, Ordering};

/// A list of at most `N` elements.
pub(crate) struct AppendOnly<T, const N: usize> {
    /// Null from the first free place on (A2).
    places: [AtomicPtr<T>; N],
}

/// What became of an addition.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Appended<R> {
    /// It stands at this place.
    At(usize),
    /// It was not needed, or not allowed: what `known` said.
    Known(R),
    /// There is no place left.
    Full,
}

impl<T, const N: usize> AppendOnly<T, N> {
    #[cfg(not(tux_loom))]
    pub(crate) const fn new() -> Self {
        Self {
            places: [const { AtomicPtr::new(std::ptr::null_mut()) }; N],
        }
    }

    /// Loom's atomics are no constants.
    #[cfg(tux_loom)]
    pub(crate) fn new() -> Self {
        Self {
            places: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
        }
    }

    /// What stands at a place.
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        let there = self.places.get(at)?.load(Ordering::Acquire);
        // SAFETY: null, or a box's address that `find_or_append` has put here, which is freed with `self` alone (A1).
        // Acquire pairs with the release there: its contents are seen.
        unsafe { there.as_ref() }
    }

    /// The elements that are there now, each with its place. Those that are added meanwhile may or may not be among them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        (0..N).map_while(|at| Some((at, self.get(at)?)))
    }

    /// Adds `value`, unless `known` says something about one of those that are there.
    pub(crate) fn find_or_append<R>(
        &self,
        value: T,
        mut known: impl FnMut(usize, &T) -> Option<R>,
    ) -> Appended<R> {
        let mut own = Some(Box::new(value));
        for (at, place) in self.places.iter().enumerate() {
            let mut there = place.load(Ordering::Acquire);
            if there.is_null()
                && let Some(value) = own.take()
            {
                let value = Box::into_raw(value);
                // Release publishes the contents, see `get`. Acquire: the winner's contents are read below.
                let placed = if cfg!(tux_fault = "append-stored") {
                    place.store(value, Ordering::Release);
                    Ok(value)
                } else {
                    place.compare_exchange(there, value, Ordering::Release, Ordering::Acquire)
                };
                match placed {
                    Ok(_) => return Appended::At(at),
                    Err(winner) => {
                        // SAFETY: made above, and not published.
                        own = Some(unsafe { Box::from_raw(value) });
                        if cfg!(tux_fault = "append-unasked") {
                            continue;
                        }
                        there = winner;
                    }
                }
            }
            // SAFETY: as in `get`. Not null: otherwise it was exchanged, or has lost to one that is not.
            if let Some(answer) = unsafe { there.as_ref() }.and_then(|there| known(at, there)) {
                return Appended::Known(answer);
            }
        }
        Appended::Full
    }
}

impl<T, const N: usize> Drop for AppendOnly<T, N> {
    fn drop(&mut self) {
        for place in &self.places {
            // Relaxed: the list is nobody else's any more.
            let there = place.load(Ordering::Relaxed);
            if !there.is_null() {
                // SAFETY: a box's address, freed here alone.
                drop(unsafe { Box::from_raw(there) });
            }
        }
    }
}

// SAFETY: it owns `T`s, hands out shared references to them, and takes them from any thread.
unsafe impl<T: Send + Sync, const N: usize> Sync for AppendOnly<T, N> {}
// SAFETY: as above.
unsafe impl<T: Send, const N: usize> Send for AppendOnly<T, N> {}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type List = AppendOnly<u8, 8>;

    /// Numbers that differ by one exclude each other.
    fn add(list: &List, number: u8) -> Appended<(usize, bool)> {
        list.find_or_append(number, |at, there| {
            (there.abs_diff(number) < 2).then_some((at, *there == number))
        })
    }

    proptest! {
        /// A1 to A3 against a vector.
        #[test]
        fn it_is_a_vector_that_grows(numbers in prop::collection::vec(0_u8..40, 0..30)) {
            let (list, mut model) = (List::new(), Vec::<u8>::new());
            for number in numbers {
                let near = model.iter().position(|there| there.abs_diff(number) < 2);
                let expected = match near {
                    Some(at) => Appended::Known((at, model[at] == number)),
                    None if model.len() == 8 => Appended::Full,
                    None => {
                        model.push(number);
                        Appended::At(model.len() - 1)
                    }
                };
                prop_assert_eq!(add(&list, number), expected);
                let seen: Vec<_> = list.iter().map(|(_, number)| *number).collect();
                prop_assert_eq!(&seen, &model);
            }
        }
    }

    /// A3 under load: whoever comes first, no two that exclude each other are there, and all threads agree on the places.
    #[test]
    fn threads_that_add_the_same_agree_on_its_place() {
        for round in 0..300_usize {
            let (list, start) = (List::new(), std::sync::Barrier::new(4));
            let places: Vec<Vec<usize>> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|thread| {
                        let (list, start) = (&list, &start);
                        scope.spawn(move || {
                            start.wait();
                            let mut places = vec![0; 6];
                            for step in 0..6 {
                                let which = (step * (thread + 1) + round) % 7 % 6;
                                places[which] = match add(list, 10 * which as u8) {
                                    Appended::At(at) | Appended::Known((at, true)) => at + 1,
                                    other => panic!("{other:?}"),
                                };
                            }
                            places
                        })
                    })
                    .collect();
                threads.into_iter().map(|it| it.join().unwrap()).collect()
            });
            for which in 0..6 {
                let mut seen: Vec<_> = places.iter().map(|places| places[which]).collect();
                seen.retain(|place| *place > 0);
                seen.dedup();
                assert!(seen.len() <= 1, "{seen:?}");
            }
        }
    }
}
