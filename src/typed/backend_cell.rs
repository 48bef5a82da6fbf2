//! The backend and the settings a manager works with now: read by every look-up, replaced once in a bot's life.

use std::fmt;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::settings::Settings;
use crate::backend::Backend;

/// A backend, and how it is used. What a hit asks for comes first.
#[repr(C)]
struct Installed {
    /// The backend, if a hit in it has nothing to do but to answer.
    at_once: Option<Backend>,
    backend: Backend,
    settings: Arc<Settings>,
}

/// A backend that can be replaced while it is read, for the price of one load per look-up.
///
/// Replaced ones are kept until the cell goes: a reader may still be in one, across an `.await`. What a
/// replaced handle costs is a few dozen bytes; a store that only the cell knew is emptied.
pub(crate) struct BackendCell {
    current: AtomicPtr<Installed>,
    /// Everything this cell ever held; boxed, so that the addresses stay.
    #[expect(
        clippy::vec_box,
        reason = "`current` points into the boxes; the vector may move them"
    )]
    all: Mutex<Vec<Box<Installed>>>,
    /// The first one belongs to this cell alone.
    owns_first: bool,
}

impl BackendCell {
    pub(crate) fn new(backend: Backend, settings: Settings, owned: bool) -> Self {
        let cell = Self {
            current: AtomicPtr::new(std::ptr::null_mut()),
            all: Mutex::new(Vec::new()),
            owns_first: owned,
        };
        cell.install(backend, Some(settings));
        cell
    }

    /// The backend. It stays valid for as long as the cell is borrowed, also when it is replaced.
    #[inline(always)]
    pub(crate) fn backend(&self) -> &Backend {
        &self.now().backend
    }

    /// The backend, if a hit has nothing to do but to answer.
    #[inline(always)]
    pub(crate) fn at_once(&self) -> &Option<Backend> {
        &self.now().at_once
    }

    /// How it is used.
    pub(crate) fn settings(&self) -> &Settings {
        &self.now().settings
    }

    #[inline(always)]
    fn now(&self) -> &Installed {
        // SAFETY: `install` has put the address of a boxed `Installed` here before anybody could see the cell.
        // The box stays in `all`, unmoved and never handed out mutably, until the cell is dropped, which the
        // borrow of `self` excludes. Acquire pairs with the release in `install`: the contents are seen.
        unsafe { &*self.current.load(Ordering::Acquire) }
    }

    /// Replaces the backend, and the settings if there are new ones. Loads under way keep theirs, and do not publish to
    /// the new one.
    pub(crate) fn replace(&self, backend: Backend, settings: Option<Settings>) {
        let replaced = self.install(backend, settings);
        if self.owns_first
            && replaced == 1
            && let Some(Backend::Memory(memory)) = self.lock().first().map(|first| &first.backend)
        {
            memory.clear();
        }
    }

    /// Says how many there were before.
    fn install(&self, backend: Backend, settings: Option<Settings>) -> usize {
        let mut all = self.lock();
        let settings = match settings {
            Some(settings) => Arc::new(settings),
            None => Arc::clone(&self.now().settings),
        };
        let at_once = (!settings.hits_may_refresh()).then(|| backend.clone());
        let boxed = Box::new(Installed {
            at_once,
            backend,
            settings,
        });
        let address = std::ptr::from_ref(&*boxed).cast_mut();
        all.push(boxed);
        // Release: see `backend`. Only ever read through.
        self.current.store(address, Ordering::Release);
        all.len() - 1
    }

    #[expect(clippy::vec_box, reason = "see the field")]
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Box<Installed>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for BackendCell {
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
    async fn a_reader_keeps_the_backend_it_has_and_the_cells_own_one_is_emptied() {
        let own = InMemoryBackend::new(Duration::from_secs(300), Some(10));
        let options = crate::typed::options::ManagerOptions::new();
        let settings = Settings::new(&options, &own.clone().into()).unwrap();
        let cell = BackendCell::new(own.clone().into(), settings, true);
        let before = cell.backend();
        let key = KeyRef::Prefix { guild: 1 };
        before
            .put(key, crate::backend::Json::from("!"), None)
            .await
            .unwrap();
        let other = InMemoryBackend::new(Duration::from_secs(300), Some(10));
        cell.replace(other.clone().into(), None);
        assert!(own.is_empty());
        cell.backend()
            .put(key, crate::backend::Json::from("?"), None)
            .await
            .unwrap();
        before
            .put(key, crate::backend::Json::from("!"), None)
            .await
            .unwrap();
        assert_eq!((own.len(), other.len()), (1, 1));
        cell.replace(own.into(), None);
        assert_eq!(other.len(), 1, "a backend of somebody else is left alone");
    }
}
