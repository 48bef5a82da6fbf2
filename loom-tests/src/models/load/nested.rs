//! Loaders that ask for each other's keys (L8, T25).

use super::super::check;
use super::support::World;
use crate::sync::{StdArc, thread};

/// Thread A loads 1 and inside asks for 2, thread B the other way round: nobody deadlocks, whoever notes
/// its wait first.
///
/// Seeded faults: `load-look-before-edge` (each looks for a cycle before it notes its own edge: neither
/// sees the other's); `load-no-edges`.
#[test]
fn crosswise_loads_do_not_deadlock() {
    check("load::crosswise", 5, 100, || {
        let world = World::new();
        let cross = |world: &World, outer: u8, inner: u8| {
            let (group, cache) = (&world.group, &world.cache);
            group.get_or_fetch(cache, outer, || group.get_or_fetch(cache, inner, || 1) + 1)
        };
        let other = thread::spawn({
            let world = StdArc::clone(&world);
            move || cross(&world, 2, 1)
        });
        let mine = cross(&world, 1, 2);
        let theirs = other.join().unwrap();
        assert!((1..=3).contains(&mine) && (1..=3).contains(&theirs));
        world.assert_at_rest();
    });
}
