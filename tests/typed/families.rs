//! Keys of every form: what is one entry, and what goes together.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tux_cache::backend::{Backend, Json, MAX_KEY_BYTES};
use tux_cache::managers::{ChannelId, GuildId, UserId};
use tux_cache::{ErrorKind, Family, TypedCache};

macro_rules! families {
    ($($name:ident($prefix:literal): $key:ty;)*) => {$(
        pub(crate) struct $name;

        impl Family for $name {
            type Key<'k> = $key;
            type Value = u32;
            const NAME: &'static str = stringify!($name);
            const PREFIX: &'static str = $prefix;
            const TTL: Option<Duration> = Some(Duration::from_secs(60));
        }
    )*};
}

families! {
    Warnings("warn"): (GuildId, UserId);
    Counters("bot:counter"): u64;
    Topics("topic"): ChannelId;
    Tags("tag"): (GuildId, &'k str);
    Words("word"): &'k str;
    Pages("page"): (&'k str, u64);
    Grid("grid"): (u64, u64);
}

const ONE: GuildId = GuildId(1);
const TWELVE: GuildId = GuildId(12);
const GREAT: u64 = u64::MAX;

/// Sets, reads, looks at the text, and removes, for keys of one family of which no two are equal.
async fn kept_apart<F>(backend: &Backend, keys: &[(F::Key<'_>, &str)])
where
    F: Family<Value = u32>,
{
    let cache = TypedCache::<F>::new(backend.clone());
    let count = u32::try_from(keys.len()).unwrap();
    for ((key, text), value) in keys.iter().zip(0..) {
        assert_eq!(cache.get(*key).await.unwrap(), None, "{text}");
        cache.set(*key, value).await.unwrap();
        assert_eq!(cache.key_ref(*key).to_string(), *text);
    }
    let all: Vec<F::Key<'_>> = keys.iter().map(|(key, _)| *key).collect();
    let found = cache.get_many(&all).await.unwrap();
    assert_eq!(found, (0..count).map(Some).collect::<Vec<_>>());
    for ((key, text), value) in keys.iter().zip(0..) {
        assert_eq!(cache.get(*key).await.unwrap(), Some(value), "{text}");
        assert_eq!(backend.get(text).await.unwrap(), Some(Json::from(value)));
    }
    let (first, text) = keys[0];
    assert!(cache.invalidate(first).await.unwrap());
    assert!(!cache.invalidate(first).await.unwrap());
    assert_eq!(cache.get(first).await.unwrap(), None);
    assert!(!backend.exists(text).await.unwrap());
    assert_eq!(cache.clear_all().await.unwrap(), keys.len() - 1);
}

pub(crate) async fn every_form_of_key_keeps_its_values_apart(backend: &Backend) {
    let user = UserId;
    let pairs = [
        ((ONE, user(2)), "warn:1:2"),
        ((ONE, user(1)), "warn:1:1"),
        ((GuildId(2), user(1)), "warn:2:1"),
        ((GuildId(GREAT), user(0)), "warn:18446744073709551615:0"),
    ];
    kept_apart::<Warnings>(backend, &pairs).await;
    kept_apart::<Counters>(backend, &[(0, "bot:counter:0"), (7, "bot:counter:7")]).await;
    let topics = [(ChannelId(7), "topic:7"), (ChannelId(70), "topic:70")];
    kept_apart::<Topics>(backend, &topics).await;
    let tags = [
        ((ONE, "rules"), "tag:1:rules"),
        ((ONE, "2:rules"), "tag:1:2:rules"),
        ((TWELVE, "rules"), "tag:12:rules"),
        ((ONE, ""), "tag:1:"),
        ((ONE, "é *[a]? b"), "tag:1:é *[a]? b"),
    ];
    kept_apart::<Tags>(backend, &tags).await;
    let words = [("a", "word:a"), ("a:b", "word:a:b"), ("", "word:")];
    kept_apart::<Words>(backend, &words).await;
    let pages = [
        (("a", 1), "page:a:1"),
        (("a:1", 1), "page:a:1:1"),
        (("", 1), "page::1"),
        (("a", 11), "page:a:11"),
    ];
    kept_apart::<Pages>(backend, &pages).await;
    kept_apart::<Grid>(backend, &[((1, 12), "grid:1:12"), ((11, 2), "grid:11:2")]).await;
}

pub(crate) async fn text_and_family_meet_on_one_entry(backend: &Backend) {
    let warnings = TypedCache::<Warnings>::new(backend.clone());
    backend.set("tux:warn:1:2", 3, None).await.unwrap();
    assert_eq!(warnings.get((ONE, UserId(2))).await.unwrap(), Some(3));
    warnings.set((ONE, UserId(2)), 4).await.unwrap();
    assert_eq!(backend.get("warn:1:2").await.unwrap(), Some(Json::from(4)));
    // What is not a key's text is somebody else's entry.
    backend.set("warn:01:2", 5, None).await.unwrap();
    assert_eq!(warnings.get((ONE, UserId(2))).await.unwrap(), Some(4));
    assert!(backend.delete("warn:1:2").await.unwrap());
    assert_eq!(warnings.get((ONE, UserId(2))).await.unwrap(), None);
    assert_eq!(backend.get("warn:01:2").await.unwrap(), Some(Json::from(5)));
}

pub(crate) async fn a_group_goes_and_its_neighbours_stay(backend: &Backend) {
    let warnings = TypedCache::<Warnings>::new(backend.clone());
    let tags = TypedCache::<Tags>::new(backend.clone());
    let topics = TypedCache::<Topics>::new(backend.clone());
    for guild in [ONE, TWELVE] {
        for user in [1, 2] {
            warnings.set((guild, UserId(user)), 1).await.unwrap();
        }
        tags.set((guild, "a"), 1).await.unwrap();
        topics.set(ChannelId(guild.0), 1).await.unwrap();
    }
    assert_eq!(warnings.invalidate_group(ONE).await.unwrap(), 2);
    assert_eq!(warnings.get((ONE, UserId(1))).await.unwrap(), None);
    assert_eq!(warnings.get((TWELVE, UserId(1))).await.unwrap(), Some(1));
    assert_eq!(tags.get((ONE, "a")).await.unwrap(), Some(1));
    assert_eq!(tags.invalidate_group(1_u64).await.unwrap(), 1);
    assert_eq!(tags.get((ONE, "a")).await.unwrap(), None);
    assert_eq!(tags.get((TWELVE, "a")).await.unwrap(), Some(1));
    // A key that is one id is its own group.
    assert_eq!(topics.invalidate_group(ChannelId(1)).await.unwrap(), 1);
    assert_eq!(topics.get(ChannelId(12)).await.unwrap(), Some(1));
    assert_eq!(warnings.stats().invalidations, 1);
}

/// A load of a guild's value, begun before the guild is removed, publishes nothing; one of another guild does.
pub(crate) async fn t01_a_group_removed_during_a_load_wins_and_another_group_does_not_matter(
    backend: &Backend,
) {
    let warnings = TypedCache::<Warnings>::new(backend.clone());
    let (running, end) = (Arc::new(Barrier::new(3)), Arc::new(Barrier::new(3)));
    let loads = [ONE, GuildId(3)].map(|guild| {
        let (warnings, running, end) = (warnings.clone(), running.clone(), end.clone());
        tokio::spawn(async move {
            let load = async move || {
                running.wait().await;
                end.wait().await;
                Ok::<_, Infallible>(5)
            };
            warnings.get_or_fetch((guild, UserId(2)), load).await
        })
    });
    running.wait().await;
    warnings.invalidate_group(ONE).await.unwrap();
    end.wait().await;
    for load in loads {
        assert_eq!(load.await.unwrap().unwrap(), 5, "its own caller gets it");
    }
    assert_eq!(warnings.get((ONE, UserId(2))).await.unwrap(), None);
    assert_eq!(
        warnings.get((GuildId(3), UserId(2))).await.unwrap(),
        Some(5)
    );
    let stats = warnings.stats();
    assert_eq!((stats.published, stats.overtaken), (1, 1));
}

pub(crate) async fn all_of_a_family_goes_and_no_other(backend: &Backend) {
    let warnings = TypedCache::<Warnings>::new(backend.clone());
    let words = TypedCache::<Words>::new(backend.clone());
    for n in 0..50 {
        warnings.set((GuildId(n), UserId(n)), 1).await.unwrap();
        words.set(&format!("{n}"), 1).await.unwrap();
    }
    backend.set("warnings:1", 1, None).await.unwrap();
    assert_eq!(warnings.clear_all().await.unwrap(), 50);
    assert_eq!(words.get("7").await.unwrap(), Some(1));
    assert!(backend.exists("warnings:1").await.unwrap());
    assert_eq!(backend.delete_prefix("word:").await.unwrap(), 50);
    assert_eq!(words.get("7").await.unwrap(), None);
}

pub(crate) async fn no_update_is_lost(backend: &Backend) {
    let warnings = TypedCache::<Warnings>::new(backend.clone());
    let key = (ONE, UserId(2));
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let warnings = warnings.clone();
            tokio::spawn(async move {
                let written = warnings.update(key, |old| old.map_or(1, |old| old + 1));
                written.await.unwrap()
            })
        })
        .collect();
    let mut written = Vec::new();
    for task in tasks {
        written.push(task.await.unwrap());
    }
    written.sort_unstable();
    assert_eq!(written, (1..=32).collect::<Vec<_>>());
    assert_eq!(warnings.get(key).await.unwrap(), Some(32));
}

pub(crate) async fn hostile_texts_are_keys(backend: &Backend) {
    let tags = TypedCache::<Tags>::new(backend.clone());
    let texts = [
        "*", "a*", "?", "[a]", "\\", "a\0b", "\n", "tux:", ":", "(5,)", "1:2:3",
    ];
    for (text, value) in texts.into_iter().zip(0..) {
        tags.set((ONE, text), value).await.unwrap();
    }
    for (text, value) in texts.into_iter().zip(0..) {
        assert_eq!(
            tags.get((ONE, text)).await.unwrap(),
            Some(value),
            "{text:?}"
        );
        let by_text = backend.get(&format!("tag:1:{text}")).await.unwrap();
        assert_eq!(by_text, Some(Json::from(value)), "{text:?}");
    }
    assert_eq!(tags.invalidate_group(ONE).await.unwrap(), texts.len());
}

pub(crate) async fn t32_a_key_too_long_is_refused(backend: &Backend) {
    let words = TypedCache::<Words>::new(backend.clone());
    let fits = "x".repeat(MAX_KEY_BYTES - "word:".len());
    words.set(&fits, 1).await.unwrap();
    assert_eq!(words.get(&fits).await.unwrap(), Some(1));
    let too_long = format!("{fits}x");
    let errors = [
        words.set(&too_long, 1).await.unwrap_err(),
        words
            .set_many([("a", 1), (&too_long, 1)])
            .await
            .unwrap_err(),
        words.update(&too_long, |_| 1).await.unwrap_err(),
        words
            .get_or_fetch(&too_long, async || Ok::<_, Infallible>(1))
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::InvalidKey, "{error}");
    }
    assert_eq!(
        words.get("a").await.unwrap(),
        None,
        "checked before it is written"
    );
}
