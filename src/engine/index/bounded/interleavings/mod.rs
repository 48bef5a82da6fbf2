//! What happens to an operation when others come in between, and after threads that stopped for ever: one thread of the
//! system plays all of them, so every case is met for certain. (The models of `loom-tests` look for the cases by themselves.)

use super::model::Stop;
use super::remove::CLEARS_PER_SWEEP;
use super::*;
use crate::time::{Deadline, Line};
use std::rc::Rc;

mod conditional;
mod world;

use world::{HASH, HOOK, Hook, Key, Value, World};

/// Keys that are there before anything happens; they stand before and after the slots that come into use.
const FIRST: u8 = 100;
const LAST: u8 = 101;
const KEY: u8 = 1;

/// Thread 0 sets `KEY` to 1, in a slot between those of `FIRST` and `LAST`, beside a free one; while it compares itself with
/// `LAST`, having looked at all other slots, `meanwhile` happens.
fn set_while(meanwhile: impl Fn(&World) + 'static) -> Rc<World> {
    let world = World::new(100);
    for key in [FIRST, 10, 11, LAST] {
        world.set(1, key, key);
    }
    world.invalidate(1, 10);
    world.invalidate(1, 11);
    let (mut done, inside) = (false, Rc::downgrade(&world));
    let hook: Hook = Box::new(move |a, b| {
        let world = inside.upgrade().unwrap();
        if !done && [a, b].contains(&LAST) && world.pending() == 1 {
            done = true;
            meanwhile(&world);
        }
    });
    HOOK.set(Some(hook));
    world.set(0, KEY, 1);
    assert!(HOOK.take().is_some());
    world
}

/// I2, I3: the other one's set came through, so this one, which it killed, comes after it.
#[test]
fn overtaken_by_a_set() {
    let world = set_while(|world| world.set(1, KEY, 2));
    assert_eq!(world.get(KEY), Some(1));
    assert_eq!(world.sum(|c| c.insertions.get()), 6);
    assert_eq!(world.sum(|c| c.overwrites.get()), 1);
    assert_eq!(world.sum(|c| c.evictions.get()), 1, "its first entry");
    world.end();
}

/// I3: whoever overtook this set is gone again, so it is made once more.
#[test]
fn overtaken_by_a_set_that_is_gone() {
    let world = set_while(|world| {
        world.set(1, KEY, 2);
        assert!(world.invalidate(1, KEY));
    });
    assert_eq!(world.get(KEY), Some(1));
    world.end();
}

/// I3, I7: whoever overtook this set has stopped, and may not come through.
#[test]
fn overtaken_by_a_set_under_way() {
    let world = set_while(|world| {
        world.stop(KEY, 3, Stop::Published);
        let mut own = None;
        for bucket in 0..world.cache.buckets() {
            world.cache.table.each_in(bucket, |slot, word| {
                // SAFETY: nothing is freed here before the end of the world.
                if word.kind() == WordKind::Entry && unsafe { word.deref() }.value.0 == 3 {
                    own = Some(slot);
                }
            });
        }
        let _guard = world.participant().enter();
        let live = world.cache.overtake(HASH, own.unwrap(), &Key(KEY));
        assert!(live.is_none());
    });
    assert_eq!(world.get(KEY), Some(1));
    assert_eq!(
        world.pending(),
        0,
        "I2: the other one cannot go live any more"
    );
    world.end_with_stopped();
}

/// I5: what was born before a clear and goes live after it goes at once.
#[test]
fn cleared_while_it_is_set() {
    let world = set_while(|world| world.clear(1));
    assert_eq!((world.get(KEY), world.sum(|c| c.cleared.get())), (None, 3));
    assert_eq!(world.resident(), 0, "the set has swept the others too");
    world.end();
}

/// I9: a comparison that panics takes the unfinished entry out again.
#[test]
fn a_panic_while_it_is_set() {
    let world = World::new(100);
    for key in [FIRST, LAST] {
        world.set(1, key, key);
    }
    let inside = Rc::downgrade(&world);
    HOOK.set(Some(Box::new(move |_, _| {
        let world = inside.upgrade().unwrap();
        assert_eq!(world.pending(), 0, "a comparison that panics");
    })));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.set(0, KEY, 1)));
    assert!(caught.is_err());
    assert_eq!(world.slots().len(), 2, "I9: it stands in its slot for ever");
    HOOK.take();
    // It was counted as nothing at all.
    assert_eq!(world.sum(|c| c.insertions.get()), 2);
    world.end();
}

/// I2: a set kills what a stopped thread has published of its key.
#[test]
fn a_published_entry_is_killed() {
    let world = World::new(100);
    world.stop(KEY, 3, Stop::Published);
    world.set(0, KEY, 1);
    assert_eq!(world.slots(), [(WordKind::Entry, Phase::Live, KEY)]);
    assert_eq!(world.get(KEY), Some(1));
    world.end_with_stopped();
}

/// I1, I7: a permit that was on its way when its thread stopped arrives, by whoever comes next.
#[test]
fn a_moving_permit_arrives() {
    let world = World::new(1);
    world.set(0, 10, 10);
    world.stop(KEY, 3, Stop::Moving);
    assert_eq!(world.get(KEY), None);
    world.sweep(1);
    assert_eq!(world.slots(), [(WordKind::Entry, Phase::Live, KEY)]);
    assert_eq!((world.get(KEY), world.resident()), (Some(3), 1));
}

/// I1, I7: a permit that a stopped thread holds is in use, and the others have the rest.
#[test]
fn a_held_permit_is_one_less() {
    let world = World::new(2);
    world.set(0, 10, 10);
    world.set(0, 11, 11);
    world.stop(KEY, 3, Stop::Holding);
    assert_eq!((world.pending(), world.resident()), (1, 2));
    world.set(1, 12, 12);
    world.set(1, 13, 13);
    assert_eq!(world.get(13), Some(13), "I3");
    assert_eq!(world.get(12), None, "I1");
    assert_eq!(
        (world.slots().len(), world.resident()),
        (2, 2),
        "one of them PENDING"
    );
    // Who kills its entry cannot get at the permit.
    assert!(!world.invalidate(1, KEY));
    assert_eq!((world.slots().len(), world.resident()), (1, 2));
}

/// R1: before an entry is retired, the slot that its permit came from names it no longer.
#[test]
fn a_moved_permit_is_settled_before_its_entry_goes() {
    let world = World::new(1);
    world.set(0, 10, 10);
    world.stop(KEY, 3, Stop::Moved);
    assert_eq!(
        world.slots().len(),
        2,
        "the entry, and the slot its permit came from"
    );
    assert!(world.invalidate(1, KEY));
    assert_eq!((world.slots(), world.resident()), (Vec::new(), 0));
}

/// I1, I7: a removal that stopped is carried out by whoever comes next.
#[test]
fn a_leaving_slot_is_emptied() {
    for counted in [false, true] {
        let world = World::new(1);
        world.set(0, KEY, 1);
        let guard = world.participant().enter();
        assert!(world.cache.remove_and_stop(HASH, |k| k.0 == KEY, counted));
        drop(guard);
        assert_eq!(world.slots()[0].0, WordKind::Leaving);
        world.sweep(1);
        assert_eq!((world.slots(), world.resident()), (Vec::new(), 0));
    }
}

/// I1, I3, I7: the only permit is with an entry that its thread never gave to the clock, behind one that is not live.
#[test]
fn the_permit_of_an_entry_outside_the_clock_is_found() {
    let world = World::new(1);
    for key in [10, 20, 21] {
        world.stop(key, key, Stop::Published);
    }
    world.stop(11, 11, Stop::Admitted);
    // The setter takes one of these two slots, the other one stays empty.
    world.invalidate(1, 10);
    world.invalidate(1, 20);
    world.set(0, KEY, 1);
    assert_eq!((world.get(KEY), world.get(11)), (Some(1), None));
    assert_eq!((world.resident(), world.pending()), (1, 1));
    assert_eq!(world.sum(|c| c.evictions.get()), 1);
}

/// I3, I7: stopped threads have filled every slot; a set takes one of them.
#[test]
fn a_slot_is_taken_from_stopped_inserts() {
    let world = World::new(1);
    let slots = world.cache.buckets() * 7;
    for key in 0..slots {
        world.stop(u8::try_from(key).unwrap() + 10, 3, Stop::Published);
    }
    world.set(0, KEY, 1);
    assert_eq!((world.get(KEY), world.resident()), (Some(1), 1));
}

/// I5: a clear that ends generations kills what was published in an earlier one, and only that.
#[test]
fn old_generations_end() {
    let world = World::new(100);
    world.cache.policy.era.set(CLEARS_PER_SWEEP - 2, 0);
    world.set(0, 20, 20);
    world.stop(10, 10, Stop::Published);
    world.clear(1);
    assert_eq!(world.slots().len(), 2);
    world.set(0, 21, 21);
    world.stop(11, 11, Stop::Published);
    world.clear(1);
    assert_eq!(
        world.slots(),
        [
            (WordKind::Entry, Phase::Pending, 11),
            (WordKind::Entry, Phase::Live, 21)
        ]
    );
}

/// I5: a look-up that was stopped for so many clears that an entry's generation has come round again does not find it.
#[test]
fn a_generation_that_comes_round_meets_no_look_up() {
    let world = World::new(100);
    world.set(0, KEY, 1);
    let look = |meanwhile: &dyn Fn()| {
        let _guard = world.participant().enter();
        let is_it = |key: &Key| {
            meanwhile();
            key.0 == KEY
        };
        // SAFETY: the guard is open.
        unsafe { world.cache.probe_first(HASH, || Line::at(0), is_it) }.is_some()
    };
    assert!(look(&|| ()), "it stands where it is looked for first");
    world.clear(1);
    // After the slot was read; the sweeps in between are left out, for they would not take the entry from this look-up.
    assert!(!look(&|| world.cache.policy.era.set(1 << 16, 0)));
    assert!(look(&|| ()), "the generations do meet");
}

/// I9: a drop that panics is not hidden, and the other values are dropped all the same.
#[test]
fn the_cache_goes_and_a_drop_panics() {
    let world = World::new(10);
    let guard = world.participant().enter();
    for key in 0..3 {
        let value = Value(key, Rc::clone(&world.values), key == 1);
        let local = &world.locals[0];
        world
            .cache
            .set(local, HASH, Key(key), value, Deadline::NEVER, 0, None);
    }
    drop(guard);
    let (values, world) = (Rc::clone(&world.values), Rc::into_inner(world).unwrap());
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || drop(world)));
    assert!(caught.is_err());
    assert_eq!(Rc::strong_count(&values), 1);
}

#[test]
fn it_knows_its_capacity() {
    assert_eq!(World::new(12).cache.capacity(), 12);
}
