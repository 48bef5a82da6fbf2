//! The backend a manager works on now: read by every look-up, replaced once in a bot's life.

use std::fmt;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::backend::Backend;

/// A backend that can be replaced while it is read, for the price of one load per look-up.
///
/// Replaced ones are kept until the slot goes: a reader may still be in one, across an `.await`. What a
/// replaced handle costs is a few dozen bytes; a store that only the slot knew is emptied.
pub(crate) struct Slot {
    current: AtomicPtr<Backend>,
    /// Every backend this slot ever had; boxed, so that their addresses stay.
    #[expect(
        clippy::vec_box,
        reason = "`current` points into the boxes; the vector may move them"
    )]
    all: Mutex<Vec<Box<Backend>>>,
    /// The first one belongs to this slot alone.
    owns_first: bool,
}

impl Slot {
    pub(crate) fn new(backend: Backend, owned: bool) -> Self {
        let slot = Self {
            current: AtomicPtr::new(std::ptr::null_mut()),
            all: Mutex::new(Vec::new()),
            owns_first: owned,
        };
        slot.install(backend);
        slot
    }

    /// The backend. It stays valid for as long as the slot is borrowed, also when it is replaced.
    #[inline(always)]
    pub(crate) fn backend(&self) -> &Backend {
        // SAFETY: `install` has put the address of a boxed `Backend` here before anybody could see the slot.
        // The box stays in `all`, unmoved and never handed out mutably, until the slot is dropped, which the
        // borrow of `self` excludes. Acquire pairs with the release in `install`: the contents are seen.
        unsafe { &*self.current.load(Ordering::Acquire) }
    }

    /// Replaces the backend. Loads under way keep theirs, and do not publish to the new one.
    pub(crate) fn replace(&self, backend: Backend) {
        let replaced = self.install(backend);
        if self.owns_first
            && replaced == 1
            && let Some(Backend::Memory(memory)) = self.lock().first().map(|first| &**first)
        {
            memory.clear();
        }
    }

    /// Says how many there were before.
    fn install(&self, backend: Backend) -> usize {
        let mut all = self.lock();
        let boxed = Box::new(backend);
        let address = std::ptr::from_ref(&*boxed).cast_mut();
        all.push(boxed);
        // Release: see `backend`. Only ever read through.
        self.current.store(address, Ordering::Release);
        all.len() - 1
    }

    #[expect(clippy::vec_box, reason = "see the field")]
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Box<Backend>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.backend().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{InMemoryBackend, KeyRef};
    use std::time::Duration;

    #[tokio::test]
    async fn a_reader_keeps_the_backend_it_has_and_the_slots_own_one_is_emptied() {
        let own = InMemoryBackend::new(Duration::from_secs(300), Some(10));
        let slot = Slot::new(own.clone().into(), true);
        let before = slot.backend();
        let key = KeyRef::Prefix { guild: 1 };
        before
            .put(key, crate::backend::Json::from("!"), None)
            .await
            .unwrap();
        let other = InMemoryBackend::new(Duration::from_secs(300), Some(10));
        slot.replace(other.clone().into());
        assert!(own.is_empty());
        slot.backend()
            .put(key, crate::backend::Json::from("?"), None)
            .await
            .unwrap();
        before
            .put(key, crate::backend::Json::from("!"), None)
            .await
            .unwrap();
        assert_eq!((own.len(), other.len()), (1, 1));
        slot.replace(own.into());
        assert_eq!(other.len(), 1, "a backend of somebody else is left alone");
    }
}
