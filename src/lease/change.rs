//! A change under way.

/// Voids leases when a change begins and once more when it is over: answered, failed, or dropped before it was either. So
/// a lease that was taken while it was on its way does not outlive it.
#[must_use = "the change is over when this is dropped"]
pub(crate) struct ChangeGuard<F: Fn()>(F);

impl<F: Fn()> ChangeGuard<F> {
    /// The change begins.
    pub(crate) fn new(void: F) -> Self {
        void();
        Self(void)
    }
}

impl<F: Fn()> Drop for ChangeGuard<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
