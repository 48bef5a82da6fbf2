//! Prefixes: whose they are, and what was written before somebody said so.

use tux_cache::backend::{Backend, InMemoryBackend, Json};
use tux_cache::managers::{GuildId, ManagerOptions, UserId};
use tux_cache::{ErrorKind, Family, TypedCache};

use crate::stores::{memory, user_defined, valkey};

macro_rules! families {
    ($($name:ident($prefix:literal): $key:ty;)*) => {$(
        struct $name;

        impl Family for $name {
            type Key<'k> = $key;
            type Value = u32;
            const NAME: &'static str = stringify!($name);
            const PREFIX: &'static str = $prefix;
        }
    )*};
}

families! {
    Notes("note"): (GuildId, UserId);
    OtherNotes("note"): (GuildId, &'k str);
    DeeperNotes("note:deep"): u64;
    SameNotes("note"): (u64, u64);
    Ours("guild_config"): u64;
    Badly("bad prefix"): u64;
    LateInMemory("late:memory"): (GuildId, UserId);
    LateInValkey("late:valkey"): (GuildId, UserId);
    LateInCustom("late:custom"): (GuildId, UserId);
    Moved("moved"): u64;
}

fn refused<F: Family>() -> String {
    let made = TypedCache::<F>::try_with_options(memory(), ManagerOptions::new());
    let error = made.expect_err("a prefix in the way");
    assert_eq!(error.kind(), ErrorKind::Config);
    error.to_string()
}

#[tokio::test]
async fn a_prefix_in_the_way_is_an_error_that_names_both() {
    let backend = memory();
    let notes = TypedCache::<Notes>::new(backend.clone());
    for text in [refused::<OtherNotes>(), refused::<DeeperNotes>()] {
        assert!(
            text.contains("\"Notes\"") && text.contains("OtherNotes")
                || text.contains("DeeperNotes"),
            "{text}"
        );
        assert!(text.contains("note:{number}:{number}"), "{text}");
    }
    assert!(refused::<Ours>().contains("library's own GuildConfig"));
    assert!(refused::<Badly>().contains("such as \"warn\""));
    // The same keys under another name are the same entries.
    let same = TypedCache::<SameNotes>::new(backend);
    notes.set((GuildId(1), UserId(2)), 3).await.unwrap();
    assert_eq!(same.get((1, 2)).await.unwrap(), Some(3));
}

#[test]
#[should_panic(expected = "such as \"warn\"")]
fn a_cache_that_cannot_be_made_says_why() {
    let _ = TypedCache::<Badly>::in_memory();
}

#[test]
fn absurd_options_are_an_error() {
    let options = ManagerOptions::new().keep_stale(std::time::Duration::from_secs(1), usize::MAX);
    let error = TypedCache::<Notes>::try_with_options(memory(), options).unwrap_err();
    assert!(error.to_string().contains("keep_stale"), "{error}");
}

/// N3: what was written by its text before the family was declared may be forgotten; it shadows nothing, comes back
/// never, and leaves no room taken.
#[tokio::test]
async fn a_text_from_before_the_declaration_shadows_nothing_in_memory() {
    let memory = InMemoryBackend::new(std::time::Duration::from_secs(300), Some(100));
    let other = InMemoryBackend::new(std::time::Duration::from_secs(300), Some(100));
    let (backend, second) = (Backend::from(memory.clone()), Backend::from(other.clone()));
    for backend in [&backend, &second] {
        backend.set("late:memory:1:2", 7, None).await.unwrap();
        backend.set("late:memory:1:x", 8, None).await.unwrap();
        backend.set("late", 9, None).await.unwrap();
    }
    let late = TypedCache::<LateInMemory>::new(backend.clone());
    assert_eq!(memory.len(), 2, "looked through when the cache was made");
    let key = (GuildId(1), UserId(2));
    assert_eq!(late.get(key).await.unwrap(), None);
    assert_eq!(backend.get("late:memory:1:2").await.unwrap(), None);
    late.set(key, 1).await.unwrap();
    assert_eq!(
        backend.get("late:memory:1:2").await.unwrap(),
        Some(Json::from(1))
    );
    assert!(backend.delete("late:memory:1:2").await.unwrap());
    assert_eq!(late.get(key).await.unwrap(), None, "it does not come back");
    // What is no key of the family stays what it was.
    assert_eq!(
        backend.get("late:memory:1:x").await.unwrap(),
        Some(Json::from(8))
    );
    // A memory that no cache of the family knows: not found any more, and removed once one does.
    assert_eq!(second.get("late:memory:1:2").await.unwrap(), None);
    assert_eq!(other.len(), 3);
    late.set_backend(second);
    assert_eq!(other.len(), 2);
}

/// Elsewhere an entry goes by its text, whoever has written it when.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_from_before_the_declaration_is_the_entry_elsewhere() {
    let (_server, backend) = valkey().await;
    backend.set("late:valkey:1:2", 7, None).await.unwrap();
    let late = TypedCache::<LateInValkey>::new(backend);
    assert_eq!(late.get((GuildId(1), UserId(2))).await.unwrap(), Some(7));
    let backend = user_defined();
    backend.set("late:custom:1:2", 7, None).await.unwrap();
    let late = TypedCache::<LateInCustom>::new(backend);
    assert_eq!(late.get((GuildId(1), UserId(2))).await.unwrap(), Some(7));
}

#[tokio::test]
async fn a_backend_is_replaced_for_every_clone() {
    let moved = TypedCache::<Moved>::in_memory();
    let clone = moved.clone();
    moved.set(1, 1).await.unwrap();
    let backend = user_defined();
    clone.set_backend(backend.clone());
    assert_eq!(moved.get(1).await.unwrap(), None);
    moved.set(1, 2).await.unwrap();
    assert_eq!(backend.get("moved:1").await.unwrap(), Some(Json::from(2)));
    assert_eq!(moved.backend().name(), "custom");
    assert_eq!(clone.stats(), moved.stats());
    let text = format!("{moved:?}");
    assert!(
        text.contains("Moved") && text.contains("CustomBackend"),
        "{text}"
    );
}
