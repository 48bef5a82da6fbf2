//! Keys: typed ones that the managers ask for, the texts that stand for them, and sets of them.

mod borrowed;
mod custom;
mod owned;
mod parts;
pub(super) mod set;
pub(super) mod text;

pub use borrowed::KeyRef;
pub(super) use custom::MAX_FAMILIES;
pub use custom::{CustomFamily, KeyForm, KeyParts};
pub use owned::Key;
pub(super) use owned::{AsKeyRef, Named, Ranked};
pub(super) use parts::TailRef;
pub use parts::{KeyFamily, OtherKey, Roles, WIRE_PREFIX};
pub use set::KeySet;
pub(crate) use set::Reach;
pub use text::MAX_KEY_BYTES;

#[cfg(test)]
mod tests;
