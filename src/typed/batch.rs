//! What callers ask of a cache of one family, several keys at a time.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;

use super::family::Family;
use super::fetch::Loader;
use super::key::{FamilyKey, OwnedFamilyKey};
use super::stats::Event;
use super::{TypedCache, check};
use crate::backend::{Key, KeyRef, Value};
use crate::error::{Error, Result};

/// Entries in one round trip.
const BATCH: usize = 1_000;

/// A family's key, owned.
pub(super) type OwnedKey<F> = <<F as Family>::Key<'static> as FamilyKey<'static>>::Owned;

impl<F: Family> TypedCache<F> {
    /// The cached values of several keys, in their order. One round trip in Valkey.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_many(&self, keys: &[F::Key<'_>]) -> Result<Vec<Option<F::Value>>> {
        let keys: Vec<KeyRef<'_>> = keys.iter().map(|key| self.key(*key)).collect();
        self.get_many_at(&keys).await
    }

    /// The values of several keys, in their order; a key may come twice. One round trip in Valkey, and none more when all
    /// are cached; else one call of `load` for the others that nobody loads yet, each once. Loads under way are waited
    /// for: of two batches that overlap, each key is loaded by one.
    ///
    /// `load` returns the pairs that it finds, in any order. What it has nothing for is `None` in the answer, and is not
    /// cached: whoever asks next loads again. (Where "there is none" shall be remembered, let the family's values be
    /// options.) Pairs with keys that `load` was not given are left aside.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tux_cache::Error> {
    /// # use tux_cache::{Family, TypedCache, managers::{GuildId, UserId}};
    /// # struct Warnings;
    /// # impl Family for Warnings {
    /// #     type Key<'k> = (GuildId, UserId);
    /// #     type Value = u32;
    /// #     const NAME: &'static str = "warnings";
    /// #     const PREFIX: &'static str = "warn";
    /// # }
    /// # async fn rows(_: Vec<(GuildId, UserId)>) -> Result<Vec<(u64, u32)>, std::io::Error> { Ok(vec![(2, 3)]) }
    /// let warnings = TypedCache::<Warnings>::in_memory();
    /// let guild = GuildId(1);
    /// let members = [UserId(2), UserId(5)].map(|user| (guild, user));
    /// let counts = warnings
    ///     .get_or_fetch_many(&members, async move |missing| {
    ///         let rows = rows(missing).await?; // WHERE user_id IN (…)
    ///         Ok::<_, std::io::Error>(rows.into_iter().map(move |(user, count)| ((guild, UserId(user)), count)))
    ///     })
    ///     .await?;
    /// assert_eq!(counts, [Some(3), None]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`get_or_fetch`](Self::get_or_fetch). If another caller that led one of the loads went away, and this caller's
    /// `load` is spent already, kind `Loader`: ask again.
    ///
    /// # Panics, cancel safety
    /// As [`get_or_fetch`](Self::get_or_fetch).
    pub async fn get_or_fetch_many<L, Fut, R, E>(
        &self,
        keys: &[F::Key<'_>],
        load: L,
    ) -> Result<Vec<Option<F::Value>>>
    where
        L: FnOnce(Vec<OwnedKey<F>>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoIterator<Item = (OwnedKey<F>, F::Value)>,
        E: StdError + Send + Sync + 'static,
    {
        let keys = keys.iter().map(|key| self.key(*key).to_key()).collect();
        let declared = self.declared.0;
        let load: Loader<F::Value> = Box::new(move |keys: Vec<Key>| {
            // The loader itself runs inside the future, in its task: a panic in it unwinds there.
            let future: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(async move {
                let asked = keys.iter().map(owned::<OwnedKey<F>>).collect();
                let found = load(asked).await.map_err(Error::loader)?;
                let mut found: HashMap<Key, F::Value> = found
                    .into_iter()
                    .map(|(key, value)| {
                        let (family, parts) = (declared, key.parts());
                        (KeyRef::Custom { family, parts }.to_key(), value)
                    })
                    .collect();
                Ok(keys.iter().map(|key| found.remove(key)).collect())
            });
            future
        });
        self.get_or_load_many(keys, load).await
    }

    /// Writes several values, in batches of a round trip each.
    ///
    /// # Errors
    /// As [`set`](Self::set). All are checked before the first is written; if the store fails on the way, some may have
    /// been written.
    pub async fn set_many<'k>(
        &self,
        entries: impl IntoIterator<Item = (F::Key<'k>, F::Value)>,
    ) -> Result<()> {
        let entries: Vec<(KeyRef<'k>, F::Value)> = entries
            .into_iter()
            .map(|(key, value)| (self.key(key), value))
            .collect();
        for (key, value) in &entries {
            check::<F>(*key, value)?;
        }
        for batch in entries.chunks(BATCH) {
            let values = batch
                .iter()
                .map(|(key, value)| (*key, Value::new(value.clone())))
                .collect();
            self.shared
                .counters
                .add_many(Event::Set, batch.len() as u64);
            let forget = || batch.iter().for_each(|(key, _)| self.shared.forget(*key));
            forget();
            self.backend().put_many(values, self.ttl()).await?;
            // What a read learned while the write was on its way.
            forget();
        }
        Ok(())
    }
}

/// The key of a declared family as its loaders get it.
fn owned<K: OwnedFamilyKey>(key: &Key) -> K {
    match key.as_key_ref() {
        KeyRef::Custom { parts, .. } => K::of_parts(parts),
        _ => unreachable!("only declared families have loaders of many keys"),
    }
}
