//! Keys and values through which a test sees, and steers, what a cache does with them.
//!
//! - [`Key`]: two may have one hash ([`Group`]). [`Value`]: knows its key, and a [`Census`] sees each made and dropped once.
//! - Whatever of theirs the cache calls passes a [`Site`]: there a [`hook()`] may do anything, and a thread may stop at a
//!   [`Gate`].
//! - [`within`] watches over what others do meanwhile.

mod gate;
mod hook;
mod key;
mod value;

pub use gate::{Gate, within};
pub use hook::{Site, hook, pass, unhook};
pub use key::{Group, GroupHasher, Key};
pub use value::{Census, Random, Value};
