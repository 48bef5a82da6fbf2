//! A small cache, three threads of it that are all one, and what may happen while they compare keys.

use super::super::*;
use crate::engine::entry::Hash;
use crate::engine::index::bounded::model::Stop;
use crate::engine::reclaim::supply::{Batches, Budget, Supply};
use crate::engine::reclaim::{Domain, Participant};
use crate::time::Deadline;
use std::cell::RefCell;
use std::rc::Rc;

/// All keys have one hash: each is compared with whatever stands before it.
pub(super) const HASH: Hash = Hash::new(7);

pub(super) type Hook = Box<dyn FnMut(u8, u8)>;

thread_local! {
    /// What happens while two keys are compared.
    pub(super) static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

#[derive(Clone, Debug)]
pub(super) struct Key(pub(super) u8);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        // Out of its place while it runs: what it does compares keys, too.
        let hook = HOOK.take();
        if let Some(mut hook) = hook {
            hook(self.0, other.0);
            HOOK.set(Some(hook));
        }
        self.0 == other.0
    }
}
impl Eq for Key {}

/// A value that is counted, and may panic when it is dropped.
pub(super) struct Value(
    pub(super) u8,
    #[expect(dead_code, reason = "counts")] pub(super) Rc<()>,
    pub(super) bool,
);

impl Drop for Value {
    fn drop(&mut self) {
        assert!(!self.2, "a drop that panics");
    }
}

/// A cache and what three threads keep.
pub(super) struct World {
    pub(super) cache: Bounded<Key, Value>,
    pub(super) locals: [Local<Key, Value>; 3],
    pub(super) domain: Box<Domain>,
    pub(super) values: Rc<()>,
}

/// A thread's number.
pub(super) type Actor = usize;

impl World {
    pub(super) fn new(capacity: usize) -> Rc<Self> {
        Self::freeing_after(1_000, capacity)
    }

    /// One in which so many unlinked entries are freed at a time.
    pub(super) fn freeing_after(batch: usize, capacity: usize) -> Rc<Self> {
        let cache = Bounded::new(capacity, Arc::new(LeaseTable::new(1).unwrap())).unwrap();
        let supply = Supply::new(cache.slab(), 0, Batches::all(batch), Budget::new(100_000));
        Rc::new(Self {
            locals: std::array::from_fn(|participant| Local::new(&supply, participant)),
            domain: Box::new(Domain::new(|| false)),
            values: Rc::new(()),
            cache,
        })
    }

    pub(super) fn participant(&self) -> &Participant {
        self.domain.acquire()
    }

    pub(super) fn value(&self, id: u8) -> Value {
        Value(id, Rc::clone(&self.values), false)
    }

    pub(super) fn set(&self, actor: Actor, key: u8, id: u8) {
        let _guard = self.participant().enter();
        let (key, value) = (Key(key), self.value(id));
        self.cache.set(
            &self.locals[actor],
            HASH,
            key,
            value,
            Deadline::NEVER,
            0,
            None,
        );
    }

    pub(super) fn stop(&self, key: u8, id: u8, stop: Stop) {
        let _guard = self.participant().enter();
        let part = (Key(key), self.value(id));
        assert!(
            self.cache
                .insert_and_stop(&self.locals[2], HASH, part, stop)
        );
    }

    pub(super) fn get(&self, key: u8) -> Option<u8> {
        let _guard = self.participant().enter();
        // SAFETY: the guard is open.
        let found = unsafe { self.cache.probe_all(HASH, self.cache.at(0), |k| k.0 == key) };
        found.map(|entry| entry.value.0)
    }

    pub(super) fn invalidate(&self, actor: Actor, key: u8) -> bool {
        let _guard = self.participant().enter();
        self.cache
            .invalidate(&self.locals[actor], HASH, 0, |k| k.0 == key)
    }

    pub(super) fn clear(&self, actor: Actor) {
        let _guard = self.participant().enter();
        self.cache.clear(&self.locals[actor]);
    }

    pub(super) fn sweep(&self, actor: Actor) {
        let _guard = self.participant().enter();
        self.cache.sweep_all(&self.locals[actor], 0);
    }

    /// The slots that are not empty: kind and, of entries, phase and key.
    pub(super) fn slots(&self) -> Vec<(WordKind, Phase, u8)> {
        let mut slots = Vec::new();
        for bucket in 0..self.cache.buckets() {
            self.cache.table.each_in(bucket, |_, word| {
                if word.kind() != WordKind::Empty {
                    // SAFETY: nothing is freed here before the end of the world.
                    let entry = unsafe { word.deref() };
                    slots.push((word.kind(), entry.phase.load(), entry.key.0));
                }
            });
        }
        slots
    }

    pub(super) fn pending(&self) -> usize {
        let slots = self.slots();
        slots.iter().filter(|slot| slot.1 == Phase::Pending).count()
    }

    pub(super) fn sum(
        &self,
        of: impl Fn(&crate::engine::threads::counters::LocalCounters) -> u64,
    ) -> u64 {
        self.locals.iter().map(|local| of(&local.counters)).sum()
    }

    pub(super) fn resident(&self) -> usize {
        let _guard = self.participant().enter();
        self.cache.resident()
    }

    /// Nobody is in the middle of anything: the books are even (I1), and every value is dropped once (I4).
    pub(super) fn end(self: Rc<Self>) {
        HOOK.take();
        let live = self.slots();
        assert!(
            live.iter()
                .all(|slot| (slot.0, slot.1) == (WordKind::Entry, Phase::Live)),
            "{live:?}"
        );
        assert_eq!(live.len(), self.resident(), "I1");
        assert!(self.cache.table.counts_are_exact());
        let gone = self.sum(|c| {
            c.evictions.get() + c.expirations.get() + c.invalidations.get() + c.cleared.get()
        });
        assert_eq!(self.sum(|c| c.insertions.get()), gone + live.len() as u64);
        self.dropped();
    }

    pub(super) fn dropped(self: Rc<Self>) {
        let values = Rc::clone(&self.values);
        drop(Rc::into_inner(self).expect("no hook is left"));
        assert_eq!(
            Rc::strong_count(&values),
            1,
            "I4: a value was never dropped"
        );
    }
}

impl World {
    /// The end, where a stopped thread never retires its dead entry: that is in no slot, and its value is never dropped.
    pub(super) fn end_with_stopped(self: Rc<Self>) {
        HOOK.take();
        assert_eq!(self.slots().len(), self.resident(), "I1");
        let values = Rc::clone(&self.values);
        drop(Rc::into_inner(self).expect("no hook is left"));
        assert_eq!(Rc::strong_count(&values), 2);
    }
}
