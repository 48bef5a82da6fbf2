//! The model: a map whose entries have a deadline. It never forgets by itself; the run tells it what the cache
//! has evicted, after checking that it was allowed to.

use std::collections::BTreeMap;
use std::time::Duration;

const TICK: u128 = 1_000_000;

/// What must be true of an entry at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// Before its deadline: the cache must have it.
    Live,
    /// Past it by less than the tick that is under way: the cache may have it.
    Dying,
    /// Past it by a tick: the cache must not have it.
    Dead,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub(crate) id: u64,
    /// Nanoseconds until which it lives, and from which it is dead.
    window: Option<(u128, u128)>,
}

/// The keys written and not removed since, with the time.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) now: u128,
    pub(crate) held: BTreeMap<u16, Held>,
}

impl Model {
    pub(crate) fn life(&self, held: &Held) -> Life {
        match held.window {
            Some((_, dead)) if self.now >= dead => Life::Dead,
            Some((until, _)) if self.now >= until => Life::Dying,
            _ => Life::Live,
        }
    }

    /// The entry of a key unless it must be gone.
    pub(crate) fn may_have(&self, key: u16) -> Option<(Held, Life)> {
        let held = *self.held.get(&key)?;
        let life = self.life(&held);
        (life != Life::Dead).then_some((held, life))
    }

    /// A write; `None` is for ever. A time to live of zero removes.
    pub(crate) fn set(&mut self, key: u16, id: u64, ttl: Option<Duration>) {
        if ttl == Some(Duration::ZERO) {
            self.held.remove(&key);
            return;
        }
        let window = ttl.filter(|&ttl| ttl != Duration::MAX).map(|ttl| {
            let ttl = ttl.as_nanos();
            // Rounded up to whole ticks, and at most one tick late.
            (self.now + ttl, self.now + ttl.next_multiple_of(TICK) + TICK)
        });
        self.held.insert(key, Held { id, window });
    }

    /// Drops what must be gone by now; how many that were.
    pub(crate) fn expire(&mut self) {
        let now = self.now;
        self.held
            .retain(|_, held| held.window.is_none_or(|(_, dead)| now < dead));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_lives_dies_and_is_dead() {
        let mut model = Model {
            now: 500_000,
            ..Model::default()
        };
        model.set(1, 7, Some(Duration::from_nanos(1)));
        let life = |model: &Model| model.life(&model.held[&1]);
        assert_eq!(life(&model), Life::Live);
        model.now += 1;
        assert_eq!(life(&model), Life::Dying);
        model.now = 500_000 + 2 * TICK;
        assert_eq!(life(&model), Life::Dead);
        model.expire();
        assert!(model.held.is_empty());
        model.set(1, 8, None);
        model.now = u128::MAX;
        assert_eq!(model.may_have(1).unwrap().1, Life::Live);
        model.set(1, 9, Some(Duration::ZERO));
        assert!(model.may_have(1).is_none());
    }
}
