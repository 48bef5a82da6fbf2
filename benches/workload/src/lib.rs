//! The traffic of a Discord bot shard, seeded and deterministic.
//!
//! A [`Population`] is the world: guilds, how busy each is, how many members it has. A [`Stream`] is one thread's
//! share of what happens in it: messages, each with four [`Key`]s to look up, now and then a change that
//! invalidates one of them, and at 60 % of the run a raid of users that never come back.
//!
//! Nothing here knows a cache. The same seed gives the same events on every machine.

mod key;
mod population;
mod stream;

pub use key::{Key, Kind};
pub use population::{Guild, Population, PopulationConfig};
pub use stream::{Event, Message, Plan, RAID_AT, RAIDERS, Stream};
