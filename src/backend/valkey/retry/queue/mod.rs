//! Removals that the server still owes, kept until it has carried them out (T37): bounded, one entry per key.
//!
//! - **R1** A removal is [owed](RetryQueue::owes) from the moment it is taken in until its own answer has come:
//!   also while it is being carried out, and while the server refuses it.
//! - **R2** Each is settled by its own answer. One that was taken in anew while it was under way is carried out
//!   once more: the answer that comes is that of the request before.
//! - **R3** A write forgets only removals that were taken in before it was sent.
//! - **R4** Entries and bytes are bounded; what finds no room is told to the caller.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How soon a removal that the server refused is tried again.
const REFUSED_PAUSE: Duration = Duration::from_millis(1_000);
/// How soon one that the server could not carry out just now is.
const LATER_PAUSE: Duration = Duration::from_millis(400);

/// What is still to be removed from the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::backend::valkey) enum Target {
    /// One key, as on the wire.
    Key(String),
    /// Every key that starts with this, as on the wire.
    Prefix(String),
}

impl Target {
    pub(in crate::backend::valkey) fn text(&self) -> &str {
        match self {
            Self::Key(text) | Self::Prefix(text) => text,
        }
    }
}

/// Under which condition.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::backend::valkey) enum Condition {
    Always,
    /// Only if the key still holds this text.
    Holds(Vec<u8>),
}

impl std::fmt::Debug for Condition {
    /// Never the value.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Always => f.write_str("Always"),
            Self::Holds(text) => write!(f, "Holds({} bytes)", text.len()),
        }
    }
}

pub(in crate::backend::valkey) type Job = (Target, Condition);

/// A job being carried out.
#[derive(Clone, Debug)]
pub(in crate::backend::valkey) struct TakenRemoval {
    pub(in crate::backend::valkey) target: Target,
    pub(in crate::backend::valkey) condition: Condition,
    number: u64,
}

/// What became of a job that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend::valkey) enum Fate {
    /// The server has done it.
    Done,
    /// The server refuses it as long as nothing is changed there.
    Refused,
    /// The server cannot do it now.
    Later,
    /// It is not known to have been carried out.
    Unknown,
}

/// Texts and keys together may take this much.
const MAX_BYTES: usize = 8 * 1024 * 1024;

pub(in crate::backend::valkey) struct RetryQueue {
    inner: Mutex<QueueState>,
    /// How many jobs there are; read without the lock by every read and every write.
    len: AtomicUsize,
    /// The number given last.
    number: AtomicU64,
    limit: usize,
}

#[derive(Default)]
struct QueueState {
    keys: HashMap<String, OwedRemoval>,
    prefixes: HashMap<String, OwedRemoval>,
    /// How many prefixes there are of each length: a key is looked up once for each.
    lengths: BTreeMap<usize, usize>,
    bytes: usize,
}

struct OwedRemoval {
    condition: Condition,
    number: u64,
    under_way: bool,
    refused: bool,
    not_before: Option<Instant>,
}

impl OwedRemoval {
    fn is_due(&self, now: Instant) -> bool {
        !self.under_way && self.not_before.is_none_or(|not_before| not_before <= now)
    }
}

fn cost(text: &str, condition: &Condition) -> usize {
    // The table's own share is counted roughly.
    64 + text.len()
        + match condition {
            Condition::Always => 0,
            Condition::Holds(text) => text.len(),
        }
}

impl QueueState {
    fn len(&self) -> usize {
        self.keys.len() + self.prefixes.len()
    }

    fn find(&mut self, target: &Target) -> Option<&mut OwedRemoval> {
        match target {
            Target::Key(text) => self.keys.get_mut(text),
            Target::Prefix(text) => self.prefixes.get_mut(text),
        }
    }

    fn insert(&mut self, target: Target, entry: OwedRemoval) {
        self.bytes += cost(target.text(), &entry.condition);
        match target {
            Target::Key(text) => self.keys.insert(text, entry),
            Target::Prefix(text) => {
                *self.lengths.entry(text.len()).or_default() += 1;
                self.prefixes.insert(text, entry)
            }
        };
    }

    fn remove(&mut self, target: &Target) {
        let gone = match target {
            Target::Key(text) => self.keys.remove(text),
            Target::Prefix(text) => {
                let gone = self.prefixes.remove(text);
                if gone.is_some()
                    && let Some(count) = self.lengths.get_mut(&text.len())
                {
                    *count -= 1;
                    if *count == 0 {
                        self.lengths.remove(&text.len());
                    }
                }
                gone
            }
        };
        if let Some(entry) = gone {
            self.bytes -= cost(target.text(), &entry.condition);
        }
    }

    fn owes(&self, key: &str) -> bool {
        self.keys.contains_key(key)
            || self.lengths.range(..=key.len()).any(|(len, _)| {
                key.get(..*len)
                    .is_some_and(|head| self.prefixes.contains_key(head))
            })
    }
}

impl RetryQueue {
    pub(in crate::backend::valkey) fn new(limit: usize) -> Self {
        Self {
            inner: Mutex::default(),
            len: AtomicUsize::new(0),
            number: AtomicU64::new(0),
            limit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Jobs not settled yet: those that wait and those being carried out.
    pub(in crate::backend::valkey) fn len(&self) -> usize {
        self.len.load(Ordering::SeqCst)
    }

    /// Whether the removal of this key is owed: what the server holds under it is outdated (R1).
    pub(in crate::backend::valkey) fn owes(&self, wire_key: &str) -> bool {
        self.len() > 0 && self.lock().owes(wire_key)
    }

    /// To be taken before a write is sent, for [`forget`](Self::forget).
    pub(in crate::backend::valkey) fn mark(&self) -> u64 {
        self.number.load(Ordering::SeqCst)
    }

    /// Takes a job in; `false` if there is no room.
    #[must_use]
    pub(in crate::backend::valkey) fn push(&self, job: Job) -> bool {
        self.take_in(job, None)
    }

    /// Takes in the removal of a key that the server has just refused.
    #[must_use]
    pub(in crate::backend::valkey) fn push_refused(&self, wire_key: String, now: Instant) -> bool {
        self.take_in((Target::Key(wire_key), Condition::Always), Some(now))
    }

    fn take_in(&self, (target, condition): Job, refused: Option<Instant>) -> bool {
        let mut inner = self.lock();
        let number = self.number.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(entry) = inner.find(&target) {
            entry.number = number;
            // What is under way may have been sent before this one was asked for (R2).
            if std::mem::take(&mut entry.under_way) {
                entry.not_before = None;
            }
            // An unconditional job covers a conditional one, not the other way round. Of two texts either
            // may be there: then the key goes whatever it holds.
            if entry.condition != condition && entry.condition != Condition::Always {
                let old = std::mem::replace(&mut entry.condition, Condition::Always);
                inner.bytes -= cost(target.text(), &old);
                inner.bytes += cost(target.text(), &Condition::Always);
            }
            return true;
        }
        if inner.len() >= self.limit || inner.bytes + cost(target.text(), &condition) > MAX_BYTES {
            return false;
        }
        let entry = OwedRemoval {
            condition,
            number,
            under_way: false,
            refused: refused.is_some(),
            not_before: refused.map(|now| now + REFUSED_PAUSE),
        };
        inner.insert(target, entry);
        self.len.store(inner.len(), Ordering::SeqCst);
        true
    }

    /// Drops the job of a key that has been written or removed by a request sent after `mark` (R3).
    pub(in crate::backend::valkey) fn forget(&self, wire_key: &str, mark: u64) {
        if self.len() == 0 {
            return;
        }
        let mut inner = self.lock();
        if inner
            .keys
            .get(wire_key)
            .is_some_and(|entry| entry.number <= mark)
        {
            inner.remove(&Target::Key(wire_key.to_owned()));
            self.len.store(inner.len(), Ordering::SeqCst);
        }
    }

    /// Takes out all jobs that are due, each to be [settled](Self::settle); keys first.
    pub(in crate::backend::valkey) fn take(&self, now: Instant) -> Vec<TakenRemoval> {
        let mut inner = self.lock();
        let QueueState { keys, prefixes, .. } = &mut *inner;
        let refused: Vec<&String> = keys
            .iter()
            .filter(|(_, entry)| entry.refused)
            .map(|(key, _)| key)
            .collect();
        // A prefix that was refused because of its keys waits for them: a pass is dear.
        let waits = |prefix: &str, entry: &OwedRemoval| {
            entry.refused && refused.iter().any(|key| key.starts_with(prefix))
        };
        let mut taken: Vec<TakenRemoval> = Vec::new();
        for (text, entry) in prefixes.iter_mut() {
            if entry.is_due(now) && !waits(text, entry) {
                entry.under_way = true;
                taken.push(taken_of(Target::Prefix(text.clone()), entry));
            }
        }
        for (text, entry) in keys.iter_mut() {
            if entry.is_due(now) {
                entry.under_way = true;
                taken.push(taken_of(Target::Key(text.clone()), entry));
            }
        }
        taken.reverse();
        taken
    }

    /// Makes every job due that waits for its next attempt.
    pub(in crate::backend::valkey) fn make_due(&self) {
        let mut inner = self.lock();
        let QueueState { keys, prefixes, .. } = &mut *inner;
        for entry in keys.values_mut().chain(prefixes.values_mut()) {
            entry.not_before = None;
        }
    }

    /// What became of a job taken out. `true` if it is refused and was not before.
    pub(in crate::backend::valkey) fn settle(
        &self,
        taken: &TakenRemoval,
        fate: Fate,
        now: Instant,
    ) -> bool {
        let mut inner = self.lock();
        let Some(entry) = inner.find(&taken.target) else {
            return false;
        };
        if entry.number != taken.number {
            return false;
        }
        entry.under_way = false;
        match fate {
            Fate::Done => {
                inner.remove(&taken.target);
                self.len.store(inner.len(), Ordering::SeqCst);
                false
            }
            Fate::Refused => {
                entry.not_before = Some(now + REFUSED_PAUSE);
                !std::mem::replace(&mut entry.refused, true)
            }
            Fate::Later => {
                entry.not_before = Some(now + LATER_PAUSE);
                false
            }
            Fate::Unknown => false,
        }
    }
}

fn taken_of(target: Target, entry: &OwedRemoval) -> TakenRemoval {
    TakenRemoval {
        target,
        condition: entry.condition.clone(),
        number: entry.number,
    }
}

#[cfg(test)]
mod tests;
