//! In a model there is one process.

/// See the `std` twin.
pub(crate) fn process_number() -> u32 {
    0
}

/// See the `std` twin: made at once.
pub(crate) struct PerProcess<T>(T);

impl<T> PerProcess<T> {
    pub(crate) fn new(make: fn() -> T) -> Self {
        Self(make())
    }

    pub(crate) fn get(&self) -> &T {
        &self.0
    }
}
