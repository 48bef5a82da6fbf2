//! A bounded cache: slots, permits, and what makes room for a newcomer.

use super::due::Due;
use super::policy::{Arrival, Policy};
use super::slots::{Entry, Slots};
use super::sweep_order::{SLOTS, SweepOrder};
use super::{Counts, Deadline, Hash, Now, earlier};

/// Entries a bucket holds when the cache is full.
const ENTRIES_IN_TWO_BUCKETS: usize = 7;
/// Groups that one insert looks at for something expired.
const DUE_GROUPS: usize = 16;

#[derive(Debug)]
pub(super) struct Bounded {
    capacity: usize,
    buckets: usize,
    slots: Slots,
    /// The slot of each key.
    slot_of: Vec<Option<usize>>,
    permits: usize,
    due: Due,
    policy: Policy,
    /// How many groups have been swept since the last clear, and which clear that was.
    swept: (u64, usize),
}

impl Bounded {
    pub(super) fn new(capacity: usize, keys: usize) -> Self {
        let buckets = (2 * capacity).div_ceil(ENTRIES_IN_TWO_BUCKETS) + 1;
        Self {
            capacity,
            buckets,
            slots: (0..buckets * SLOTS).map(|_| None).collect(),
            slot_of: vec![None; keys],
            permits: 0,
            due: Due::new(buckets),
            policy: Policy::new(capacity, SweepOrder::new(buckets)),
            swept: (0, 0),
        }
    }

    pub(super) fn resident(&self) -> usize {
        self.permits
    }

    pub(super) fn peek(&self, key: u16, now: Now) -> Option<u64> {
        let entry = self.slots[self.slot_of[usize::from(key)]?].as_ref()?;
        now.sees(entry).then_some(entry.id)
    }

    /// A counted look-up has found the key.
    pub(super) fn touch(&mut self, key: u16) {
        let slot = self.slot_of[usize::from(key)].expect("found");
        let entry = self.slots[slot].as_mut().expect("found");
        entry.uses = (entry.uses + 1).min(3);
        entry.last_access = self.policy.epoch();
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one write")]
    pub(super) fn set(
        &mut self,
        key: u16,
        id: u64,
        hash: Hash,
        deadline: Deadline,
        now: Now,
        counts: &mut Counts,
        evicted: &mut Vec<u16>,
    ) {
        if let Some(slot) = self.slot_of[usize::from(key)] {
            // In place, dead or alive: its standing with the clock passes on.
            let entry = self.slots[slot].as_mut().expect("its slot");
            (entry.id, entry.deadline, entry.clears) = (id, deadline, now.clears);
            self.due.note_bucket(slot / SLOTS, deadline);
            counts.overwrites += 1;
            self.go_on(now, counts);
            return;
        }
        let slot = self.free_slot(hash);
        self.slots[slot] = Some(Entry {
            key,
            id,
            hash,
            deadline,
            clears: now.clears,
            live: false,
            in_main: false,
            old: false,
            grace: false,
            uses: 0,
            last_access: self.policy.epoch(),
            mark: 0,
            position: None,
        });
        self.slot_of[usize::from(key)] = Some(slot);
        counts.insertions += 1;
        let mut arrival = self.policy.arrive(hash);
        self.make_room(&mut arrival, now, counts, evicted);
        self.slots[slot].as_mut().expect("its slot").live = true;
        self.policy.place(&mut self.slots, slot, &arrival);
        self.due.note_bucket(slot / SLOTS, deadline);
    }

    /// The first free slot from the home bucket on.
    fn free_slot(&self, hash: Hash) -> usize {
        let share = u128::from(hash.0) * self.buckets as u128;
        let home = share >> 64;
        let home = usize::try_from(home).expect("below the number of buckets") * SLOTS;
        let mut slots = (home..self.slots.len()).chain(0..home);
        let free = slots.find(|&slot| self.slots[slot].is_none());
        free.expect("more slots than permits")
    }

    fn make_room(
        &mut self,
        arrival: &mut Arrival,
        now: Now,
        counts: &mut Counts,
        evicted: &mut Vec<u16>,
    ) {
        if self.is_unswept(now) || self.permits > self.capacity / 2 {
            self.reclaim_some(now, counts);
        }
        while self.permits == self.capacity {
            // What is dead makes room before what is alive (I6).
            if self.reclaim_some(now, counts) {
                continue;
            }
            let chosen = self.policy.choose(&mut self.slots, arrival, now);
            // Nobody was found: whoever comes first.
            let live = |slot: &Option<Entry>| slot.as_ref().is_some_and(|entry| entry.live);
            let slot = chosen.or_else(|| self.slots.iter().position(live));
            let victim = self.slots[slot.expect("a full cache has entries")].take();
            let victim = victim.expect("a victim stands in its slot");
            self.slot_of[usize::from(victim.key)] = None;
            evicted.push(victim.key);
            self.policy.evicted(&victim);
            counts.evictions += 1;
            // Its permit passes on.
            return;
        }
        self.permits += 1;
        arrival.found_permit = true;
    }

    /// Takes an entry out and gives its permit back; true if it was neither expired nor cleared.
    fn remove(&mut self, slot: usize, now: Now, counts: &mut Counts) -> bool {
        let entry = self.slots[slot].take().expect("somebody");
        self.slot_of[usize::from(entry.key)] = None;
        self.permits -= 1;
        self.policy.gone(&entry);
        let seen = now.sees(&entry);
        if entry.clears != now.clears {
            counts.cleared += 1;
        } else if !seen {
            counts.expirations += 1;
        }
        seen
    }

    pub(super) fn invalidate(&mut self, key: u16, now: Now, counts: &mut Counts) -> bool {
        let went = self.take_out(key, now, counts);
        self.go_on(now, counts);
        went
    }

    /// [`invalidate`](Self::invalidate) as one of many that are removed together.
    pub(super) fn take_out(&mut self, key: u16, now: Now, counts: &mut Counts) -> bool {
        let slot = self.slot_of[usize::from(key)];
        let went = slot.is_some_and(|slot| self.remove(slot, now, counts));
        counts.invalidations += u64::from(went);
        went
    }

    /// [`invalidate`](Self::invalidate) by a lease: others make way first, and again if the key was among them.
    pub(super) fn remove_leased(&mut self, key: u16, now: Now, counts: &mut Counts) {
        loop {
            let found = self.slot_of[usize::from(key)].is_some();
            self.go_on(now, counts);
            if !found || self.slot_of[usize::from(key)].is_some() {
                self.take_out(key, now, counts);
                return;
            }
        }
    }

    /// What a write that needs no permit does for others: it reclaims what is dead in one group.
    fn go_on(&mut self, now: Now, counts: &mut Counts) {
        self.reclaim_some(now, counts);
    }

    /// Whether there are groups that nobody has swept since the last clear.
    fn is_unswept(&self, now: Now) -> bool {
        now.clears > 0 && self.swept != (now.clears, self.due.groups())
    }

    pub(super) fn sweep(&mut self, now: Now, counts: &mut Counts) -> usize {
        let groups = 0..self.due.groups();
        groups
            .map(|group| self.sweep_group(group, now, counts))
            .sum()
    }

    fn sweep_group(&mut self, group: usize, now: Now, counts: &mut Counts) -> usize {
        self.due.forget(group);
        let (mut kept, mut went) = (None, 0);
        let members = self.due.members(group);
        for slot in members.start * SLOTS..members.end * SLOTS {
            match &self.slots[slot] {
                Some(entry) if !entry.live => {}
                Some(entry) if now.sees(entry) => kept = earlier(kept, entry.deadline),
                Some(_) => {
                    self.remove(slot, now, counts);
                    went += 1;
                }
                None => {}
            }
        }
        self.due.note(group, kept);
        went
    }

    /// Reclaims what is dead in one group: after a clear in the next one, otherwise in that which is due first.
    fn reclaim_some(&mut self, now: Now, counts: &mut Counts) -> bool {
        if self.swept.0 != now.clears {
            self.swept = (now.clears, 0);
        }
        while now.clears > 0 && self.swept.1 < self.due.groups() {
            self.swept.1 += 1;
            if self.sweep_group(self.swept.1 - 1, now, counts) > 0 {
                return true;
            }
        }
        for _ in 0..DUE_GROUPS {
            if !self.due.is_due(now.tick) {
                break;
            }
            if let Some(group) = self.due.take_first_due(now.tick)
                && self.sweep_group(group, now, counts) > 0
            {
                return true;
            }
        }
        false
    }
}
