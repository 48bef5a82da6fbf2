//! The model: a map with deadlines and leases, and nothing clever. It shares no code with the engine.

use std::collections::BTreeMap;

#[derive(Clone, Copy)]
struct Entry {
    value: u64,
    /// The millisecond at whose beginning it is gone; none: never.
    gone_at: Option<u64>,
}

/// What voids leases.
pub(crate) enum Change<'p> {
    Key(u8),
    Matching(&'p dyn Fn(u8) -> bool),
    All,
}

#[derive(Default)]
pub(crate) struct Model {
    micros: u64,
    entries: BTreeMap<u8, Entry>,
    /// The leases that are out: key, still valid.
    leases: Vec<(u8, bool)>,
}

impl Model {
    fn is_live(&self, entry: &Entry) -> bool {
        entry.gone_at.is_none_or(|gone| self.micros / 1_000 < gone)
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = (u8, u64)> {
        self.entries
            .iter()
            .filter(|(_, entry)| self.is_live(entry))
            .map(|(key, entry)| (*key, entry.value))
    }

    pub(crate) fn get(&self, key: u8) -> Option<u64> {
        let entry = self.entries.get(&key).filter(|e| self.is_live(e))?;
        Some(entry.value)
    }

    /// Time is read in whole milliseconds and a TTL rounded up to those; the one under way is added, so that nothing
    /// expires early. Returns the key if it is stored.
    pub(crate) fn set(&mut self, key: u8, value: u64, ttl_micros: u64) -> Option<u8> {
        self.change(Change::Key(key));
        let gone_at = match ttl_micros {
            0 => return None,
            u64::MAX => None,
            ttl => Some(self.micros / 1_000 + ttl.div_ceil(1_000) + 1),
        };
        self.entries.insert(key, Entry { value, gone_at });
        Some(key)
    }

    /// Another value, with the deadline of the one before. Returns the key.
    pub(crate) fn replace(&mut self, key: u8, value: u64) -> Option<u8> {
        let gone_at = self.entries[&key].gone_at;
        self.change(Change::Key(key));
        self.entries.insert(key, Entry { value, gone_at });
        Some(key)
    }

    /// Whole milliseconds that a live entry has left beyond the one under way; none: for ever.
    pub(crate) fn remaining(&self, key: u8) -> Option<Option<u64>> {
        let entry = self.entries.get(&key).filter(|e| self.is_live(e))?;
        Some(entry.gone_at.map(|gone| gone - self.micros / 1_000 - 1))
    }

    pub(crate) fn void_all(&mut self) {
        self.leases.iter_mut().for_each(|(_, valid)| *valid = false);
    }

    pub(crate) fn advance(&mut self, micros: u64) {
        self.micros += micros;
    }

    pub(crate) fn change(&mut self, change: Change<'_>) {
        for (key, valid) in &mut self.leases {
            *valid &= matches!(change, Change::Key(changed) if changed != *key);
        }
        match change {
            Change::Key(key) => _ = self.entries.remove(&key),
            Change::Matching(matches) => self.entries.retain(|key, _| !matches(*key)),
            Change::All => self.entries.clear(),
        }
    }

    pub(crate) fn evict(&mut self, key: u8) {
        self.entries.remove(&key);
    }

    pub(crate) fn lease(&mut self, key: u8) {
        self.leases.push((key, true));
    }

    /// Takes the `n`th lease away; whether it was valid.
    pub(crate) fn spend(&mut self, n: usize) -> bool {
        self.leases.remove(n).1
    }
}
