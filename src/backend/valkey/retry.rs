//! Failed invalidations, kept until the server takes them (T37): bounded, one entry per key.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is still to be removed from the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Target {
    /// One key, as on the wire.
    Key(String),
    /// Every key that starts with this, as on the wire.
    Prefix(String),
}

impl Target {
    fn len(&self) -> usize {
        match self {
            Self::Key(text) | Self::Prefix(text) => text.len(),
        }
    }
}

/// Under which condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Always,
    /// Only if the key still holds this text.
    Holds(Vec<u8>),
}

pub(super) type Job = (Target, Condition);

/// Texts and keys together may take this much.
const MAX_BYTES: usize = 8 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct RetryQueue {
    inner: Mutex<Inner>,
    /// How many jobs wait; read without the lock on every successful write.
    pending: AtomicUsize,
    /// How many have been taken out and are being carried out.
    taken: AtomicUsize,
    limit: usize,
}

#[derive(Debug, Default)]
struct Inner {
    jobs: HashMap<Target, Condition>,
    bytes: usize,
}

fn cost(target: &Target, condition: &Condition) -> usize {
    // The table's own share is counted roughly.
    64 + target.len()
        + match condition {
            Condition::Always => 0,
            Condition::Holds(text) => text.len(),
        }
}

impl RetryQueue {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            inner: Mutex::default(),
            pending: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            limit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Acquire)
    }

    /// Jobs not settled yet: those that wait and those being carried out.
    pub(super) fn unsettled(&self) -> usize {
        // In this order, against that of `take`: a job on its way from one to the other is seen.
        self.pending() + self.taken.load(Ordering::Acquire)
    }

    /// `count` jobs taken out are done, lost or back in the queue.
    pub(super) fn settle(&self, count: usize) {
        self.taken.fetch_sub(count, Ordering::AcqRel);
    }

    /// Takes a job in; `false` if there is no room.
    #[must_use]
    pub(super) fn push(&self, (target, condition): Job) -> bool {
        let mut inner = self.lock();
        match inner.jobs.get(&target) {
            // An unconditional job covers a conditional one, not the other way round. Of two texts
            // either may be there: then the key goes whatever it holds.
            Some(Condition::Always) => return true,
            Some(old) if *old == condition => return true,
            Some(_) => {
                let old = inner.jobs.remove(&target).unwrap_or(Condition::Always);
                inner.bytes -= cost(&target, &old);
                inner.bytes += cost(&target, &Condition::Always);
                inner.jobs.insert(target, Condition::Always);
                return true;
            }
            None => {}
        }
        let cost = cost(&target, &condition);
        if inner.jobs.len() >= self.limit || inner.bytes + cost > MAX_BYTES {
            return false;
        }
        inner.bytes += cost;
        inner.jobs.insert(target, condition);
        self.pending.store(inner.jobs.len(), Ordering::Release);
        true
    }

    /// Drops the job of a key that has been written or removed since.
    pub(super) fn forget(&self, wire_key: &str) {
        if self.pending() == 0 {
            return;
        }
        let mut inner = self.lock();
        let target = Target::Key(wire_key.to_owned());
        if let Some(condition) = inner.jobs.remove(&target) {
            inner.bytes -= cost(&target, &condition);
            self.pending.store(inner.jobs.len(), Ordering::Release);
        }
    }

    /// Takes up to `most` jobs out, to be [settled](Self::settle).
    pub(super) fn take(&self, most: usize) -> Vec<Job> {
        let mut inner = self.lock();
        let targets: Vec<Target> = inner.jobs.keys().take(most).cloned().collect();
        let jobs: Vec<Job> = targets
            .into_iter()
            .filter_map(|target| inner.jobs.remove_entry(&target))
            .collect();
        for (target, condition) in &jobs {
            inner.bytes -= cost(target, condition);
        }
        self.taken.fetch_add(jobs.len(), Ordering::AcqRel);
        self.pending.store(inner.jobs.len(), Ordering::Release);
        jobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Target {
        Target::Key(text.to_owned())
    }

    #[test]
    fn t37_one_entry_per_key_and_a_bound() {
        let queue = RetryQueue::new(2);
        for _ in 0..100 {
            assert!(queue.push((key("a"), Condition::Always)));
        }
        assert!(queue.push((Target::Prefix("a".into()), Condition::Always)));
        assert_eq!(queue.pending(), 2);
        assert!(!queue.push((key("b"), Condition::Always)));
        assert!(
            queue.push((key("a"), Condition::Always)),
            "known keys need no room"
        );
        assert_eq!(queue.take(10).len(), 2);
        assert_eq!((queue.pending(), queue.lock().bytes), (0, 0));
    }

    #[test]
    fn two_conditions_on_one_key_become_none() {
        let queue = RetryQueue::new(10);
        assert!(queue.push((key("a"), Condition::Holds(b"1".to_vec()))));
        assert!(queue.push((key("a"), Condition::Holds(b"2".to_vec()))));
        assert_eq!(queue.take(10), [(key("a"), Condition::Always)]);
        assert_eq!(queue.lock().bytes, 0);
    }

    #[test]
    fn a_key_written_since_is_forgotten_and_bytes_are_bounded() {
        let queue = RetryQueue::new(10);
        assert!(queue.push((key("a"), Condition::Holds(vec![0; MAX_BYTES / 2]))));
        assert!(!queue.push((key("b"), Condition::Holds(vec![0; MAX_BYTES / 2]))));
        queue.forget("a");
        assert_eq!((queue.pending(), queue.lock().bytes), (0, 0));
    }
}
