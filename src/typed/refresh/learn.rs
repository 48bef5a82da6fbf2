//! What is learned of values beside the store, and how long a value lives.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Backend, Key, KeyRef, StoreLease, TimeLeft, Ttl};
use crate::error::Result;
use crate::single_flight::LeaderGuard;
use crate::typed::TypedCache;
use crate::typed::decode::{self, CountedRead};
use crate::typed::family::Family;
use crate::typed::policy::known::{LastKnown, ReadAsked, Recalled, WriteLearning};
use crate::typed::policy::plan::{LoadPlan, LoadedAnswer};
use crate::typed::stale::MaybeStale;
use crate::typed::stats::Event;

/// Several keys that a store is about to be asked for.
pub(in crate::typed) struct ReadLearning(Vec<ReadAsked>);

impl<F: Family> TypedCache<F> {
    /// What is known beside this store, if anything is to be.
    pub(in crate::typed) fn known(&self, backend: &Backend) -> Option<&Arc<LastKnown>> {
        let known = self.shared.settings().last_known.as_ref();
        known.filter(|known| known.is_of(backend))
    }

    /// [`ask`](Self::ask) where what the store says is learned.
    pub(in crate::typed) async fn ask_and_learn(
        &self,
        backend: &Backend,
        known: &LastKnown,
        key: KeyRef<'_>,
    ) -> Result<Option<F::Value>> {
        let asked = known.asked(key);
        let read = async {
            if self.shared.settings().rules.goes_beyond_a_load() {
                return backend
                    .get_with_time_left::<CountedRead<F::Value>>(key)
                    .await;
            }
            let found = backend.get_as::<CountedRead<F::Value>>(key).await?;
            Ok(found.map(|value| (value, TimeLeft::Unknown)))
        };
        let found = decode::counting_mismatches(&self.shared.counters, read).await?;
        Ok(found.map(|(CountedRead(value), left)| {
            let lifetime = backend.lifetime(self.ttl());
            known.learn_read(key, asked, &value, left, lifetime);
            value
        }))
    }

    /// To be called before several values are read.
    pub(in crate::typed) fn begin_to_learn(
        &self,
        backend: &Backend,
        keys: &[KeyRef<'_>],
    ) -> Option<ReadLearning> {
        let known = self.known(backend)?;
        let asked = keys.iter().map(|key| known.asked(*key));
        Some(ReadLearning(asked.collect()))
    }

    pub(in crate::typed) fn learn_all(
        &self,
        backend: &Backend,
        keys: &[KeyRef<'_>],
        learning: Option<ReadLearning>,
        found: &[Option<F::Value>],
    ) {
        let (Some(known), Some(ReadLearning(asked))) = (self.known(backend), learning) else {
            return;
        };
        let lifetime = backend.lifetime(self.ttl());
        for ((key, asked), value) in keys.iter().zip(asked).zip(found) {
            if let Some(value) = value {
                known.learn_read(*key, asked, value, TimeLeft::Unknown, lifetime);
            }
        }
    }

    /// To be called before values are loaded.
    pub(in crate::typed) fn begin_to_load(
        &self,
        backend: &Backend,
        key: KeyRef<'_>,
    ) -> Option<WriteLearning> {
        self.known(backend).map(|known| known.begin(key))
    }

    /// Whether a live value is to be loaded all the same.
    pub(in crate::typed) fn is_due(
        &self,
        backend: &Backend,
        plan: &LoadPlan,
        guard: &LeaderGuard<Key, Option<F::Value>, StoreLease>,
    ) -> bool {
        let Some(fraction) = plan.refresh_ahead else {
            return false;
        };
        let known = self.known(backend);
        known
            .and_then(|known| known.is_due(guard.key().as_key_ref(), fraction))
            .unwrap_or(true)
    }

    /// What was known last, for a loader that wants to see it.
    pub(in crate::typed) fn last_value(
        &self,
        backend: &Backend,
        key: KeyRef<'_>,
    ) -> Option<F::Value> {
        let known = self.known(backend)?;
        Some(known.recall(key)?.value)
    }

    /// The TTL of a loaded value: its loader's, that of a value that says "nothing", the call's, the family's; with jitter.
    pub(in crate::typed) fn ttl_of(
        &self,
        backend: &Backend,
        plan: &LoadPlan,
        answer: &LoadedAnswer<F::Value>,
    ) -> Ttl {
        let absent = plan.absent_ttl.filter(|_| F::is_absent(&answer.value));
        let own = answer.ttl.or(absent.map(Some)).or(plan.ttl.map(Some));
        let ttl = own.map_or_else(|| self.ttl(), Ttl::from);
        match (plan.jitter, backend.lifetime(ttl)) {
            (Some(most), Some(life)) if !life.is_zero() => {
                let extra = self.shared.settings().jitter.extra(most.min(life));
                Ttl::from(Some(life.saturating_add(extra)))
            }
            _ => ttl,
        }
    }

    /// What is known, as an answer.
    pub(in crate::typed) fn stale(&self, known: Recalled<F::Value>) -> MaybeStale<F::Value> {
        self.count(Event::StaleAnswer);
        MaybeStale::Stale {
            value: known.value,
            age: known.age,
        }
    }

    /// How long a load may take by the family's options.
    pub(in crate::typed) fn load_limit(&self) -> Option<Duration> {
        self.shared.settings().load_timeout
    }

    /// A load as the family's options say.
    pub(in crate::typed) fn plan(&self) -> LoadPlan {
        let settings = self.shared.settings();
        LoadPlan::new(&settings.rules, settings.load_timeout)
    }
}
