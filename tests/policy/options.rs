//! Options that contradict each other are errors that name both.

use std::convert::Infallible;
use std::time::Duration;

use tux_cache::ErrorKind;
use tux_cache::backend::Backend;
use tux_cache::managers::{
    CaseCache, FetchOptions, JailStatusCache, ManagerOptions, Managers, PermissionCache,
    PrefixCache,
};

use crate::common::{GUILD, kept, memory, seconds};

fn refused(options: ManagerOptions, names: &[&str]) {
    let error = options.validate().expect_err("it contradicts itself");
    check(&error, names);
    let of_cases = CaseCache::try_with_options(memory().1, options).unwrap_err();
    check(&of_cases, names);
    assert!(of_cases.to_string().contains("cases"), "{of_cases}");
}

fn check(error: &tux_cache::Error, names: &[&str]) {
    assert_eq!(error.kind(), ErrorKind::Config);
    for name in names {
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
}

#[test]
fn contradictions_name_both_values() {
    let soft = |soft, hard| {
        kept()
            .stale_on_error(seconds(60))
            .soft_timeout(soft)
            .load_timeout(hard)
    };
    refused(
        soft(seconds(2), seconds(1)),
        &["soft_timeout", "2s", "load_timeout", "1s"],
    );
    refused(
        soft(seconds(1), seconds(1)),
        &["soft_timeout", "load_timeout"],
    );
    refused(
        ManagerOptions::new().ttl(seconds(10)).jitter(seconds(11)),
        &["jitter", "11s", "TTL", "10s"],
    );
    for wrong in [0.0, 1.0, -0.5, 1.5, f64::NAN, f64::INFINITY] {
        let options = kept().refresh_ahead(wrong);
        refused(
            options,
            &["refresh_ahead", &wrong.to_string(), "more than 0"],
        );
    }
    for (age, entries) in [(Duration::ZERO, 10), (seconds(60), 0)] {
        let none = kept().keep_stale(age, entries).stale_on_error(seconds(60));
        refused(
            none,
            &[
                "stale_on_error",
                "keep_stale",
                &format!("{age:?}, {entries}"),
            ],
        );
    }
    let nowhere = ManagerOptions::new().ttl(seconds(60));
    for (options, name) in [
        (
            nowhere.clone().stale_on_error(seconds(60)),
            "stale_on_error",
        ),
        (
            nowhere.clone().stale_while_revalidating(seconds(60)),
            "stale_while_revalidating",
        ),
        (nowhere.clone().soft_timeout(seconds(1)), "soft_timeout"),
    ] {
        refused(options, &[name, "keep_stale"]);
    }
    refused(
        kept().soft_timeout(seconds(1)),
        &["soft_timeout", "1s", "stale_on_error"],
    );
    refused(
        nowhere
            .keep_stale(seconds(60), 10)
            .stale_on_error(seconds(5)),
        &["keep_stale", "60s", "stale_on_error"],
    );
    refused(
        ManagerOptions::new().no_ttl().refresh_ahead(0.8),
        &["refresh_ahead", "0.8", "no TTL"],
    );
}

#[test]
fn what_goes_together_is_taken() {
    let all = kept()
        .refresh_ahead(0.8)
        .stale_while_revalidating(seconds(10))
        .stale_on_error(seconds(100))
        .soft_timeout(Duration::from_millis(100))
        .throttle(seconds(1))
        .jitter(seconds(60))
        .absent_ttl(seconds(5));
    all.validate().unwrap();
    CaseCache::try_with_options(memory().1, all.clone()).unwrap();
    // In memory without TTLs of its own a built-in "none" is the backend's default.
    let backend = tux_cache::backend::InMemoryBackend::new(seconds(60), Some(10));
    PrefixCache::try_with_options(backend, ManagerOptions::new().refresh_ahead(0.5)).unwrap();
    let endless =
        PrefixCache::try_with_options(memory().1, ManagerOptions::new().refresh_ahead(0.5));
    check(
        &endless.unwrap_err(),
        &["prefixes", "refresh_ahead", "no TTL"],
    );
}

/// I6 where it matters most: who is jailed and who may do what is not answered from the past unless that is meant.
#[test]
fn security_asks_twice() {
    let stale = kept().stale_on_error(seconds(60));
    let backend = || -> Backend { memory().1 };
    let names = ["stale_on_error", "allow_stale_security"];
    let jails = JailStatusCache::try_with_options(backend(), stale.clone()).unwrap_err();
    check(&jails, &[&names[..], &["jail status"]].concat());
    let permissions = PermissionCache::try_with_options(backend(), stale.clone()).unwrap_err();
    check(&permissions, &[&names[..], &["permissions"]].concat());
    check(
        &Managers::try_with_options(backend(), stale.clone()).unwrap_err(),
        &names,
    );
    let meant = stale.clone().allow_stale_security();
    Managers::try_with_options(backend(), meant).unwrap();
    // Remembering alone is no answer: `get_or_stale` is asked by its name.
    JailStatusCache::try_with_options(backend(), kept()).unwrap();
    CaseCache::try_with_options(backend(), stale.clone()).unwrap();
    let panicked = std::panic::catch_unwind(|| JailStatusCache::with_options(backend(), stale));
    let text = panicked.unwrap_err();
    let text = text.downcast_ref::<String>().expect("a text");
    assert!(text.contains("allow_stale_security"), "{text}");
}

#[tokio::test]
async fn a_calls_own_settings_are_checked_against_its_managers() {
    let jails = JailStatusCache::with_options(memory().1, kept());
    let load = async || Ok::<_, Infallible>(true);
    let ask =
        async |options: FetchOptions| jails.get_or_fetch_with(GUILD, 2_u64, &options, load).await;
    let error = ask(FetchOptions::new().stale_on_error(seconds(1)))
        .await
        .unwrap_err();
    check(&error, &["jail status", "allow_stale_security"]);
    let error = ask(FetchOptions::new().load_timeout(seconds(31)))
        .await
        .unwrap_err();
    check(&error, &["load_timeout", "31s", "30s"]);
    let error = ask(FetchOptions::new().jitter(seconds(61)))
        .await
        .unwrap_err();
    check(&error, &["jitter", "61s", "60s"]);
    ask(FetchOptions::new().jitter(seconds(61)).ttl(seconds(90)))
        .await
        .unwrap();
    let bare = CaseCache::with_options(memory().1, ManagerOptions::new().ttl(seconds(60)));
    let load = async || Ok::<_, Infallible>(Some(1));
    let ahead = FetchOptions::new().refresh_ahead(0.5);
    let error = bare
        .get_or_fetch_with(GUILD, 2, &ahead, load)
        .await
        .unwrap_err();
    check(&error, &["refresh_ahead", "keep_stale"]);
}

#[tokio::test]
async fn new_options_are_checked_and_old_ones_go_along_to_another_backend() {
    let cases = CaseCache::with_options(memory().1, kept().stale_on_error(seconds(60)));
    let bad = kept().refresh_ahead(2.0);
    let error = cases.try_set_backend_with(memory().1, bad).unwrap_err();
    check(&error, &["cases", "refresh_ahead"]);
    let (ticker, backend) = memory();
    cases.set_backend(backend);
    let load = async || Ok::<_, Infallible>(Some(1));
    cases.get_or_fetch_stale(GUILD, 1, load).await.unwrap();
    // By the new backend's clock.
    ticker.advance(seconds(61));
    let failing = async || Err::<Option<u64>, _>(std::io::Error::other("away"));
    let answer = cases.get_or_fetch_stale(GUILD, 1, failing).await.unwrap();
    assert!(answer.is_stale());
}
