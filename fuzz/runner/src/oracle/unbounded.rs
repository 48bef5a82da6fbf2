//! A cache without a bound: entries leave by removal, and expired ones by a sweep now and then.

use super::{Counts, Deadline, Now, earlier, has_passed};

/// A sweep follows so many writes, or as many as there were entries after the last one.
const WRITES_PER_SWEEP: usize = 256;

#[derive(Debug)]
pub(super) struct Unbounded {
    /// By key: number and deadline of its value.
    held: Vec<Option<(u64, Deadline)>>,
    resident: usize,
    /// No deadline is earlier.
    earliest: Deadline,
    /// Writes until the next sweep.
    until_sweep: usize,
}

impl Unbounded {
    pub(super) fn new(keys: usize) -> Self {
        Self {
            held: vec![None; keys],
            resident: 0,
            earliest: None,
            until_sweep: WRITES_PER_SWEEP,
        }
    }

    pub(super) fn peek(&self, key: u16, now: Now) -> Option<u64> {
        let (id, deadline) = self.held[usize::from(key)]?;
        (!has_passed(deadline, now.tick)).then_some(id)
    }

    pub(super) fn resident(&self) -> usize {
        self.resident
    }

    pub(super) fn set(
        &mut self,
        key: u16,
        id: u64,
        deadline: Deadline,
        now: Now,
        counts: &mut Counts,
    ) {
        if self.peek(key, now).is_some() {
            counts.overwrites += 1;
        } else {
            counts.insertions += 1;
        }
        let old = self.held[usize::from(key)].replace((id, deadline));
        self.resident += usize::from(old.is_none());
        self.earliest = earlier(self.earliest, deadline);
        self.until_sweep = self.until_sweep.saturating_sub(1);
        if has_passed(self.earliest, now.tick) && self.until_sweep == 0 {
            self.sweep(now, counts);
        }
    }

    pub(super) fn invalidate(&mut self, key: u16, now: Now, counts: &mut Counts) -> bool {
        let went = self.peek(key, now).is_some();
        let old = self.held[usize::from(key)].take();
        self.resident -= usize::from(old.is_some());
        counts.invalidations += u64::from(went);
        went
    }

    pub(super) fn clear(&mut self, counts: &mut Counts) {
        counts.cleared += self.resident as u64;
        self.held.fill(None);
        self.resident = 0;
    }

    pub(super) fn sweep(&mut self, now: Now, counts: &mut Counts) -> usize {
        self.earliest = None;
        let before = self.resident;
        for held in &mut self.held {
            let Some((_, deadline)) = *held else { continue };
            if has_passed(deadline, now.tick) {
                *held = None;
                self.resident -= 1;
            } else {
                self.earliest = earlier(self.earliest, deadline);
            }
        }
        self.until_sweep = WRITES_PER_SWEEP.max(self.resident);
        let went = before - self.resident;
        counts.expirations += went as u64;
        went
    }
}
