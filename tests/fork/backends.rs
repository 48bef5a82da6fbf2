//! Backends.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{TTL, in_child, in_turn};

/// Updates take turns by key: a turn that another thread had does not count in the child.
#[test]
fn the_in_memory_backend_works_in_a_child() {
    use tux_cache::backend::{Backend, InMemoryBackend, Json, KeyRef, Value};
    let _turn = in_turn();
    let backend = Backend::from(InMemoryBackend::new(TTL, Some(1_000)));
    let stop = AtomicBool::new(false);
    let one = |guild: u64| {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().map_err(|e| e.to_string())?;
        runtime.block_on(async {
            let key = KeyRef::GuildConfig { guild: guild % 4 };
            let merge = |_: Option<&Value>| Value::from(Json::from(1));
            let updated = backend.update(key, None, merge).await;
            // Beside threads that do nothing else it may be overtaken too often.
            let read = backend.get_as::<Json>(key).await;
            match (updated, read) {
                (_, Ok(_)) => Ok(()),
                (_, Err(error)) => Err(error.to_string()),
            }
        })
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    (0..200).for_each(|guild| drop(one(guild)));
                }
            });
        }
        for _ in 0..20 {
            in_child(|| (0..200).try_for_each(one));
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// The child has none of the connection's tasks: it is told so at once, and connects again.
#[cfg(feature = "valkey")]
#[test]
fn a_connection_says_unavailable_in_a_child() {
    use tux_cache::ErrorKind;
    use tux_cache::backend::{Backend, Json, KeyRef, ValkeyBackend, ValkeySettings};
    let _turn = in_turn();
    let server = tux_cache_test_support::ValkeyServer::start().expect("a Valkey server");
    let connect = || async {
        let settings = ValkeySettings::from_url(&server.url()).unwrap();
        Backend::from(ValkeyBackend::connect(settings).await.unwrap())
    };
    let key = KeyRef::Prefix { guild: 7 };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let backend = runtime.block_on(connect());
    in_child(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            let told = backend
                .get_as::<Json>(key)
                .await
                .map_err(|error| error.kind());
            let again = connect().await.get_as::<Json>(key).await;
            match (told, again) {
                (Err(ErrorKind::Unavailable), Ok(None)) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
    });
    assert!(runtime.block_on(backend.get_as::<Json>(key)).is_ok());
    // Awaited outside tokio.
    let mut outside = std::pin::pin!(backend.get_as::<Json>(key));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match outside.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Err(error)) => assert_eq!(error.kind(), ErrorKind::Config),
        other => panic!("{other:?}"),
    }
}
