//! Cases by number: an id, or known to be none, in every form that stands in Valkey.

use std::convert::Infallible;
use std::time::Duration;

use tux_cache::backend::Backend;
use tux_cache::managers::CaseCache;
use tux_cache_test_support::json;

use crate::stores::valkey;

const GUILD: u64 = 1;

pub(crate) async fn an_id_none_and_unknown_are_told_apart(backend: &Backend) {
    let cases = CaseCache::new(backend.clone());
    assert_eq!(cases.get(GUILD, 1).await.unwrap(), None);
    cases.set(GUILD, 1, Some(u64::MAX)).await.unwrap();
    cases.set(GUILD, 2, None).await.unwrap();
    let never = async || -> Result<Option<u64>, Infallible> { panic!("both are cached") };
    for (number, id) in [(1, Some(u64::MAX)), (2, None)] {
        assert_eq!(cases.get(GUILD, number).await.unwrap(), Some(id));
        let found = cases.get_or_fetch(GUILD, number, never).await.unwrap();
        assert_eq!(found, id);
    }
    let load = async || Ok::<_, Infallible>(Some(3));
    let loaded = cases.get_or_fetch(GUILD, 3, load).await.unwrap();
    assert_eq!(loaded, Some(3));
    assert_eq!(cases.get(GUILD, 3).await.unwrap(), Some(Some(3)));
    // Another guild whose number begins alike stays.
    cases.set(11_u64, 1, Some(4)).await.unwrap();
    assert!(cases.invalidate(GUILD, 2).await.unwrap());
    assert_eq!(cases.invalidate_guild(GUILD).await.unwrap(), 2);
    assert_eq!(cases.get(GUILD, 1).await.unwrap(), None);
    assert_eq!(cases.get(11_u64, 1).await.unwrap(), Some(Some(4)));
    assert_eq!(cases.clear_all().await.unwrap(), 1);
}

/// Rows as the published Python bot keeps them are read too; what is neither is a counted miss.
pub(crate) async fn every_form_of_a_case_is_read(backend: &Backend) {
    let cases = CaseCache::new(backend.clone());
    let row = json!({"_v": {"id": 5, "case_number": 1, "case_type": "BAN", "guild_id": GUILD}});
    for (value, expected) in [
        (json!(7), Some(Some(7))),
        (json!(null), Some(None)),
        (row, Some(Some(5))),
        (json!({"_v": null}), Some(None)),
        (json!({"_v": {}}), None),
        (json!({"_v": {"id": "5"}}), None),
        (json!({"id": 5}), None),
        (json!({}), None),
        (json!("7"), None),
        (json!(-7), None),
        (json!(7.5), None),
        (json!([7]), None),
        (json!(true), None),
    ] {
        let before = cases.stats().undecodable;
        backend
            .set("case:by_number:1:1", value.clone(), None)
            .await
            .unwrap();
        assert_eq!(cases.get(GUILD, 1).await.unwrap(), expected, "{value}");
        let counted = cases.stats().undecodable - before;
        assert_eq!(counted, u64::from(expected.is_none()), "{value}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_stands_in_valkey_as_the_wire_says() {
    let (server, backend) = valkey().await;
    let cases = CaseCache::new(backend);
    for (number, id, text) in [(1, Some(7), "7"), (2, None, "null")] {
        cases.set(GUILD, number, id).await.unwrap();
        let key = format!("tux:case:by_number:1:{number}");
        let found = server.command(&["GET", &key]).unwrap().text();
        assert_eq!(found.as_deref(), Some(text));
        let left = server.command(&["TTL", &key]).unwrap();
        let tux_cache_test_support::Reply::Integer(left) = left else {
            panic!("TTL is an integer: {left:?}")
        };
        let left = Duration::from_secs(left.try_into().expect("it has one"));
        let whole = Duration::from_secs(1_800);
        assert!(
            left <= whole && left + Duration::from_secs(20) > whole,
            "{left:?}"
        );
    }
}
