//! Keys: typed ones that the managers ask for, the texts that stand for them, and sets of them.

mod borrowed;
mod owned;
pub(super) mod set;
pub(super) mod text;

pub use borrowed::{Family, KeyRef, OtherKey, Roles, WIRE_PREFIX};
pub use owned::Key;
pub(super) use owned::{AsKeyRef, Named, Ranked, TailRef};
pub use set::KeySet;
pub(crate) use set::Reach;
pub use text::MAX_KEY_BYTES;
