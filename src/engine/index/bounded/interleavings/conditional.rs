//! Conditional changes (V1, V2, V4) while others come in between.

use super::*;
use crate::engine::index::version::{Seen, Version};
use crate::lease::Watch;

/// A look at `KEY`, as `update` takes it.
fn look(world: &World) -> (Watch, Option<Seen<u8>>) {
    let watch = world
        .cache
        .leases
        .watch(HASH.bits(), || world.cache.clears());
    let _guard = world.participant().enter();
    let seen = world
        .cache
        .look(HASH, world.cache.at(0), |k| k.0 == KEY, |value| value.0);
    (watch, seen)
}

fn replace(world: &World, id: u8, seen: Version, watch: &Watch) -> bool {
    let _guard = world.participant().enter();
    let write = (Key(KEY), world.value(id));
    let replaced = world.cache.replace_if(
        &world.locals[0],
        HASH,
        write,
        Deadline::NEVER,
        0,
        seen,
        watch,
    );
    replaced.is_ok()
}

fn set_if_absent(world: &World, key: u8, id: u8) -> bool {
    let _guard = world.participant().enter();
    let write = (Key(key), world.value(id));
    let stored = world
        .cache
        .set_if_absent(&world.locals[0], HASH, write, Deadline::NEVER, 0);
    stored.is_ok()
}

fn take(world: &World) -> Option<u8> {
    let _guard = world.participant().enter();
    world
        .cache
        .take(&world.locals[1], HASH, 0, |k| k.0 == KEY, |value| value.0)
}

/// V2: another entry of the key stands where the one stood that was seen; the watch alone knows.
#[test]
fn an_address_that_comes_back_is_another_version() {
    let world = World::freeing_after(1, 100);
    world.set(0, KEY, 1);
    let (watch, seen) = look(&world);
    let version = seen.unwrap().version;
    let comes_back = (0..1_000).any(|_| {
        world.invalidate(0, KEY);
        world.locals[0].collect(&world.domain);
        world.set(0, KEY, 2);
        look(&world).1.unwrap().version == version
    });
    assert!(comes_back, "this test needs the address again");
    assert!(!replace(&world, 3, version, &watch));
    assert_eq!(world.get(KEY), Some(2));
    let (watch, seen) = look(&world);
    assert!(replace(&world, 4, seen.unwrap().version, &watch));
    assert_eq!(world.get(KEY), Some(4));
}

/// V2: the claim of a lease that begins later ends a watch; one that was there before does not, so who has stopped in it holds nobody up.
#[test]
fn claims_end_the_watches_before_them() {
    let world = World::new(100);
    let lease = || {
        world
            .cache
            .leases
            .lease(HASH.bits(), || world.cache.clears())
    };
    let (before, _) = look(&world);
    let publishing = lease();
    let claim = publishing.claim(world.cache.clears()).unwrap();
    let (amid, _) = look(&world);
    let is_valid = |watch: &Watch| watch.is_valid(world.cache.clears());
    assert_eq!((is_valid(&before), is_valid(&amid)), (false, true));
    assert!(!lease().is_valid(world.cache.clears()), "born void");
    drop(claim);
    assert!(!is_valid(&amid), "it may have published");
}

/// The conditional form of [`set_while`]: whether the insert came through.
fn set_if_absent_while(meanwhile: impl Fn(&World) + 'static) -> (Rc<World>, bool) {
    let world = World::new(100);
    for key in [FIRST, 10, 11, LAST] {
        world.set(1, key, key);
    }
    world.invalidate(1, 10);
    world.invalidate(1, 11);
    let (mut done, inside) = (false, Rc::downgrade(&world));
    HOOK.set(Some(Box::new(move |a, b| {
        let world = inside.upgrade().unwrap();
        if !done && [a, b].contains(&LAST) && world.pending() == 1 {
            done = true;
            meanwhile(&world);
        }
    })));
    let stored = set_if_absent(&world, KEY, 1);
    assert!(HOOK.take().is_some());
    (world, stored)
}

/// V4: a set or an insert that comes through first keeps its value.
#[test]
fn an_insert_that_comes_second_comes_to_nothing() {
    let (world, stored) = set_if_absent_while(|world| world.set(1, KEY, 2));
    assert_eq!((world.get(KEY), stored), (Some(2), false));
    world.end();
    let (world, stored) = set_if_absent_while(|world| assert!(set_if_absent(world, KEY, 2)));
    assert_eq!((world.get(KEY), stored), (Some(2), false));
    world.end();
}

/// V4: an invalidation that kills it comes before it.
#[test]
fn an_insert_that_is_killed_starts_again() {
    let (world, stored) = set_if_absent_while(|world| assert!(!world.invalidate(1, KEY)));
    assert_eq!((world.get(KEY), stored), (Some(1), true));
    world.end();
}

/// A removal that hands out values leaves alone what is not live yet.
#[test]
fn a_removal_comes_before_what_is_not_live() {
    let (world, stored) = set_if_absent_while(|world| assert_eq!(take(world), None));
    assert_eq!((world.get(KEY), stored), (Some(1), true));
    assert_eq!(world.sum(|c| c.insertions.get()), 5, "at the first attempt");
    world.end();
    let world = set_while(|world| assert_eq!(take(world), None));
    assert_eq!((world.get(KEY), take(&world)), (Some(1), Some(1)));
    world.end();
}

/// V4, I3: a set that a conditional insert kills comes after it.
#[test]
fn a_set_that_is_killed_by_an_insert_is_not_lost() {
    let world = set_while(|world| assert!(set_if_absent(world, KEY, 2)));
    assert_eq!(world.get(KEY), Some(1));
    world.end();
}
