//! Conditional changes, as the public cache makes them.

use super::*;

impl Actor {
    pub(in super::super) fn set_if_absent(&self, key: &Key, id: u8) -> bool {
        self.try_set_if_absent(key, self.value(id)).is_ok()
    }

    fn try_set_if_absent(&self, key: &Key, value: Value) -> Result<(), Value> {
        let guard = self.guard();
        let write = (key.clone(), value);
        let stored = self
            .cache()
            .set_if_absent(self.local(), key.hash, write, Deadline::NEVER, 0);
        drop(guard);
        self.collect();
        stored.map_err(|(_, value)| value)
    }

    /// What `TtlCache::update` does; what it saw when it came through.
    pub(in super::super) fn update(&self, key: &Key, id: u8) -> Option<u8> {
        let mut value = self.value(id);
        loop {
            let watch = self
                .world
                .leases
                .watch(key.hash.bits(), || self.cache().clears());
            let guard = self.guard();
            let now = self.now(0);
            let seen = self.cache().look(key.hash, now, |k| k == key, Value::read);
            drop(guard);
            let changed = match seen {
                None => self.try_set_if_absent(key, value),
                Some(seen) => {
                    let guard = self.guard();
                    let replaced = self.cache().replace_if(
                        self.local(),
                        key.hash,
                        (key.clone(), value),
                        Deadline::NEVER,
                        0,
                        seen.version,
                        &watch,
                    );
                    drop(guard);
                    self.collect();
                    replaced.map_err(|(_, value)| value)
                }
            };
            match changed {
                Ok(()) => return seen.map(|seen| seen.read),
                Err(again) => value = again,
            }
        }
    }

    pub(in super::super) fn take(&self, key: &Key) -> Option<u8> {
        let guard = self.guard();
        let taken = self
            .cache()
            .take(self.local(), key.hash, 0, |k| k == key, Value::read);
        drop(guard);
        self.collect();
        taken
    }
}
