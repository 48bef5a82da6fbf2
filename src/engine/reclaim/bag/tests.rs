//! Bags and chains of them, with one thread.

use super::*;
use crate::engine::reclaim::Domain;

type Small = Bag<u64, u64>;

fn taken() -> TakenBag<u64, u64> {
    // SAFETY: just made, and in one hand.
    unsafe { TakenBag::new(Box::into_raw(Small::with_room(2))) }
}

fn descriptor() -> Retired<u64, u64> {
    Retired::Descriptor(std::ptr::dangling_mut())
}

/// Gives the bags back whose addresses are left, in their order.
fn order(mut chain: Chain<u64, u64>) -> Vec<*mut Small> {
    let mut bags = Vec::new();
    while let Some(bag) = chain.pop() {
        bags.push(bag.0);
        // SAFETY: nothing in them need be freed.
        drop(unsafe { bag.finish(Vec::new()) });
    }
    bags
}

#[test]
fn d2_a_chain_keeps_its_order() {
    let bags = [(); 5].map(|()| taken());
    let [a, b, c, d, e] = bags.each_ref().map(|bag| bag.0);
    let [first, second, third, fourth, fifth] = bags;
    let (mut chain, mut behind) = (Chain::empty(), Chain::empty());
    assert!(chain.is_empty() && chain.pop().is_none());
    chain.push(first);
    chain.push(second);
    chain.append(Chain::empty());
    behind.append(Chain::empty());
    behind.push(third);
    behind.push(fourth);
    chain.append(behind);
    let again = chain.pop().unwrap();
    assert_eq!(again.0, a);
    chain.push(again);
    chain.push_front(fifth);
    // SAFETY: taken from itself.
    let chain = unsafe { Chain::from_raw(chain.into_raw()) };
    let mut seen = Vec::new();
    chain.each(|bag| seen.push(bag.0));
    assert_eq!(seen, [e, b, c, d, a]);
    assert_eq!(order(chain), seen);
}

/// D3 and D4: what came after the seal is seen.
#[test]
fn d4_what_came_late_is_not_sealed() {
    let domain = Domain::new(|| false);
    let bag = taken();
    assert_eq!((bag.note(), bag.counted()), (0, 0));
    bag.seal(domain.seal());
    assert!(bag.has_elapsed() && bag.is_all_sealed());
    bag.bag().reserve(1);
    assert!(bag.bag().add(Memory::dangling()) && !bag.bag().add(Memory::dangling()));
    assert!(!bag.is_all_sealed());
    assert_eq!((bag.note(), bag.counted()), (1, 1));
    assert!(bag.is_all_sealed());
    bag.bag().add_other(descriptor(), 0);
    assert!(!bag.is_all_sealed());
    assert_eq!(
        (bag.note(), bag.counted()),
        (0, 1),
        "records are no entries"
    );
    assert!(bag.is_all_sealed());
    // SAFETY: nobody else has it.
    let (entries, others, reserved) = unsafe { bag.contents() };
    assert_eq!((entries.len(), others.len(), reserved), (1, 1, 1));
    // SAFETY: what it held was no memory.
    let bag = unsafe { bag.finish(others) };
    assert_eq!((bag.room(), bag.entries(), bag.is_idle()), (2, 0, false));
}

#[test]
fn who_adds_nothing_between_two_looks_is_idle() {
    let bag = Small::with_room(2);
    assert!(!bag.is_idle() && !bag.is_idle(), "nothing is in it");
    bag.add_other(descriptor(), 0);
    assert_eq!([(); 3].map(|()| bag.is_idle()), [false, true, true]);
    bag.reserve(2);
    assert!(bag.add(Memory::dangling()));
    assert_eq!([(); 2].map(|()| bag.is_idle()), [false, true]);
}
