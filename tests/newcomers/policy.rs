//! The policy as it is meant: the ghost-horizon clock for one thread, with exact queues and exact ghosts, unit weight, no TTL.
//!
//! Two queues share the capacity. S holds new entries in order of arrival, its target size adapts; M is a clock. An evicted
//! key leaves a ghost, and comes into M if it was used again sooner than M's candidate.

use std::collections::{HashMap, VecDeque};

#[derive(Debug, Default)]
struct Entry {
    uses: u32,
    last_access: u64,
    entered: u64,
    lap_start: u64,
    old_ghost: bool,
}

#[derive(Debug, Clone, Copy)]
struct Ghost {
    evictions: u64,
    from_s: bool,
    s_evictions: u64,
    last_access: u64,
}

/// A cache that only knows which keys it has.
#[derive(Debug)]
pub(crate) struct Policy {
    capacity: f64,
    s: VecDeque<u64>,
    m: VecDeque<u64>,
    resident: HashMap<u64, Entry, ahash::RandomState>,
    ghosts: HashMap<u64, Ghost, ahash::RandomState>,
    /// Keys in the order in which they became ghosts; what is too old is forgotten.
    haunted: VecDeque<(u64, u64)>,
    s_target: f64,
    misses: u64,
    epoch_length: u64,
    evictions: u64,
    s_evictions: u64,
    horizon: f64,
}

impl Policy {
    pub(crate) fn new(capacity: usize) -> Self {
        let c = capacity as f64;
        let hasher = || ahash::RandomState::with_seeds(5, 6, 7, 8);
        Self {
            capacity: c,
            s: VecDeque::new(),
            m: VecDeque::new(),
            resident: HashMap::with_hasher(hasher()),
            ghosts: HashMap::with_hasher(hasher()),
            haunted: VecDeque::new(),
            s_target: (0.02 * c).max(2.0).min(c - 1.0),
            misses: 1,
            epoch_length: (capacity as u64 / 16).max(1),
            evictions: 0,
            s_evictions: 0,
            horizon: 2.0 * c,
        }
    }

    fn epoch(&self) -> u64 {
        self.misses / self.epoch_length
    }

    fn m_share(&self) -> usize {
        ((self.capacity - self.s_target) as usize).max(1)
    }

    fn shift(&mut self, by: f64) {
        let (least, most) = (
            (0.01 * self.capacity).max(2.0),
            (0.8 * self.capacity).max(2.0),
        );
        self.s_target = (self.s_target + by).max(least).min(most);
    }

    pub(crate) fn contains(&self, key: u64) -> bool {
        self.resident.contains_key(&key)
    }

    /// Every entry goes by other means than eviction.
    pub(crate) fn remove_all(&mut self) {
        self.s.clear();
        self.m.clear();
        self.resident.clear();
    }

    /// One look-up, followed by a write if it missed. Whether it hit.
    pub(crate) fn access(&mut self, key: u64) -> bool {
        let epoch = self.epoch();
        if let Some(entry) = self.resident.get_mut(&key) {
            entry.last_access = epoch;
            entry.uses = (entry.uses + 1).min(3);
            return true;
        }
        self.misses += 1;
        let farthest = self.horizon.max(2.0 * self.capacity);
        let age = |ghost: &Ghost| (self.evictions - ghost.evictions) as f64;
        let ghost = self.ghosts.remove(&key).map(|ghost| (ghost, age(&ghost)));
        let ghost = ghost.filter(|&(_, age)| age <= 2.0 * self.capacity + 1.0 && age <= farthest);
        let within_horizon = ghost.is_some_and(|(_, age)| age <= self.horizon);
        while self.s.len() + self.m.len() >= self.capacity as usize {
            self.evict();
        }
        let entry = Entry {
            last_access: self.epoch(),
            entered: self.epoch(),
            ..Entry::default()
        };
        if let Some((ghost, age)) = ghost {
            if self.m.len() < self.m_share() {
                self.resident.insert(key, entry);
                self.promote(key, false);
                return false;
            }
            if let Some(candidate) = self.hand() {
                let won = ghost.last_access > self.resident[&candidate].last_access;
                if ghost.from_s && !won {
                    self.shift(-1.0);
                } else if ghost.from_s
                    && (self.s_evictions - ghost.s_evictions) as f64 <= 0.1 * self.capacity
                {
                    self.shift(1.0);
                }
                if won && within_horizon {
                    self.resident.insert(key, entry);
                    self.promote(key, true);
                    let is_old = age > 0.5 * self.horizon;
                    self.resident.get_mut(&key).expect("of M").old_ghost = is_old;
                    return false;
                }
            }
        }
        self.resident.insert(key, entry);
        self.s.push_back(key);
        false
    }

    /// Turns M until an unused entry is in front.
    fn hand(&mut self) -> Option<u64> {
        while let Some(&key) = self.m.front() {
            let now = self.epoch();
            let part = (0.1 * self.capacity / self.m.len() as f64).min(1.0);
            let entry = self.resident.get_mut(&key).expect("of M");
            if entry.uses == 0 {
                return Some(key);
            }
            if std::mem::take(&mut entry.old_ghost) {
                let most = 2.0 * self.capacity + 1.0;
                self.horizon = (self.horizon * (1.0 + 4.0 / self.capacity)).min(most);
            }
            let late = ((now - entry.last_access) as f64) < part * (now - entry.lap_start) as f64;
            (entry.lap_start, entry.uses) = (now, entry.uses - 1);
            if late {
                self.shift(-0.3);
            }
            self.m.rotate_left(1);
        }
        None
    }

    /// Puts a key at the back of M. If M has a candidate and more than its share, that leaves; true if it did.
    fn promote(&mut self, key: u64, has_candidate: bool) -> bool {
        let now = self.epoch();
        let entry = self.resident.get_mut(&key).expect("on its way to M");
        (entry.uses, entry.lap_start) = (0, now);
        self.m.push_back(key);
        let leaves = has_candidate && self.m.len() > self.m_share();
        if leaves {
            self.drop_front_of_m();
        }
        leaves
    }

    fn drop_front_of_m(&mut self) {
        let key = self.m.pop_front().expect("a candidate");
        if self.resident[&key].old_ghost {
            let least = 0.25 * self.capacity;
            self.horizon = (self.horizon * (1.0 - 4.0 / self.capacity)).max(least);
        }
        self.haunt(key, false);
    }

    fn haunt(&mut self, key: u64, from_s: bool) {
        let entry = self.resident.remove(&key).expect("a victim");
        self.evictions += 1;
        self.s_evictions += u64::from(from_s);
        let ghost = Ghost {
            evictions: self.evictions,
            from_s,
            s_evictions: self.s_evictions,
            last_access: entry.last_access,
        };
        self.ghosts.insert(key, ghost);
        self.haunted.push_back((self.evictions, key));
        while let Some(&(then, key)) = self.haunted.front()
            && (self.evictions - then) as f64 > 2.0 * self.capacity + 2.0
        {
            self.haunted.pop_front();
            if self
                .ghosts
                .get(&key)
                .is_some_and(|ghost| ghost.evictions == then)
            {
                self.ghosts.remove(&key);
            }
        }
    }

    fn evict(&mut self) {
        loop {
            let m_is_over = self.m.len() > self.m_share() + 1 || self.s.is_empty();
            if m_is_over && self.hand().is_some() {
                self.drop_front_of_m();
                return;
            }
            let Some(key) = self.s.pop_front() else {
                continue;
            };
            if self.m.len() < self.m_share() {
                self.promote(key, false);
            } else if self.resident[&key].uses < 2 {
                self.haunt(key, true);
                return;
            } else if let Some(candidate) = self.hand()
                && self.resident[&key].entered > self.resident[&candidate].last_access
            {
                if self.promote(key, true) {
                    return;
                }
            } else {
                let entry = self.resident.get_mut(&key).expect("of S");
                (entry.uses, entry.entered) = (0, entry.last_access);
                self.s.push_back(key);
            }
        }
    }
}

/// The figures that the specification's own program prints for a sequence of keys (seed 1: `state = state · A + B` of Knuth's
/// MMIX, `key = (state >> 33) % 400 · (state >> 60) / 15`).
#[test]
fn the_port_counts_as_the_specification_does() {
    let mut state = 1_u64;
    let keys: Vec<u64> = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % 400 * (state >> 60) / 15
    })
    .take(200_000)
    .collect();
    let hits = |capacity| {
        let mut policy = Policy::new(capacity);
        keys.iter().filter(|&&key| policy.access(key)).count()
    };
    assert_eq!([3, 10, 37, 100, 250].map(hits), HITS);
}

const HITS: [usize; 5] = [11_234, 24_004, 55_526, 111_240, 178_915];
