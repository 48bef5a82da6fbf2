//! What happens inside the code of keys and values.

use std::cell::RefCell;

/// User code that a cache calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// A comparison of two keys.
    Eq,
    /// A key is hashed.
    Hash,
    /// A key is copied.
    CloneKey,
    /// A value is copied.
    Clone,
    /// A value is dropped.
    Drop,
    /// A test's own predicate, which says so.
    Predicate,
    /// A test's own loader, which says so.
    Loader,
}

type Hook = Box<dyn FnMut(Site)>;

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// From now on this happens at every site that the calling thread passes, until [`unhook`]. Not inside itself: what it
/// does may call the cache.
pub fn hook(hook: impl FnMut(Site) + 'static) {
    HOOK.set(Some(Box::new(hook)));
}

/// Nothing happens any more.
pub fn unhook() {
    HOOK.set(None);
}

/// Called by user code.
pub fn pass(site: Site) {
    // Values may be dropped when the thread's own are gone.
    let Ok(Some(hook)) = HOOK.try_with(RefCell::take) else {
        return;
    };
    let mut running = Running(Some(hook));
    if let Some(hook) = &mut running.0 {
        hook(site);
    }
}

/// A hook while it runs: it is there again afterwards, also if it panics, unless another one has been set.
struct Running(Option<Hook>);

impl Drop for Running {
    fn drop(&mut self) {
        let hook = self.0.take();
        let _ = HOOK.try_with(|place| {
            let mut place = place.borrow_mut();
            if place.is_none() {
                *place = hook;
            }
        });
    }
}
