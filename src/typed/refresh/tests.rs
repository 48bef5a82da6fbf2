//! Where two callers stand at once: what a caller finds that comes to lead after another's load has failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::backend::{InMemoryBackend, KeyRef};
use crate::typed::TypedCache;
use crate::typed::family::Family;
use crate::typed::options::ManagerOptions;
use crate::typed::policy::plan::{Load, LoadPlan};

struct Numbers;

impl Family for Numbers {
    type Key<'k> = u64;
    type Value = u64;
    const NAME: &'static str = "numbers of the tests of refreshes";
    const PREFIX: &'static str = "refresh_tests";
}

/// W3: it saw that somebody loads; by the time that it leads, that load has failed.
#[tokio::test]
async fn w3_a_caller_that_comes_to_lead_after_a_failure_does_not_load() {
    let options = ManagerOptions::new()
        .keep_stale(Duration::from_secs(600), 10)
        .stale_on_error(Duration::from_secs(600));
    let memory = InMemoryBackend::new(Duration::from_secs(60), Some(10));
    let cache = TypedCache::<Numbers>::with_options(memory, options);
    cache.set(1, 10).await.unwrap();
    cache.backend().delete("refresh_tests:1").await.unwrap();
    let key: KeyRef<'_> = cache.key_ref(1);
    let rules = cache.shared.settings().rules.clone();
    let known = cache.known(cache.backend()).expect("it is kept");
    let turn = known.turn(key, &rules).expect("it is known");
    let loads = Arc::new(AtomicU32::new(0));
    let load = || {
        let loads = Arc::clone(&loads);
        Load::Many(Box::new(move |_| {
            Box::pin(async move {
                loads.fetch_add(1, Ordering::SeqCst);
                Ok(vec![Some(11)])
            })
        }))
    };
    turn.failed();
    let plan = |turn| LoadPlan {
        turn,
        ..cache.plan_by(&rules, None)
    };
    let led = cache.fetch_one(key.to_key(), load(), plan(Some(turn)));
    assert!(led.await.unwrap_err().to_string().contains("a moment ago"));
    assert_eq!(
        (loads.load(Ordering::SeqCst), cache.stats().throttled),
        (0, 1)
    );
    // Who has nothing else to answer with loads all the same.
    let led = cache.fetch_one(key.to_key(), load(), plan(None));
    assert_eq!(led.await.unwrap(), 11);
}
