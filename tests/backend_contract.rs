//! One contract, every backend: what a manager or a bot may rely on whichever store stands behind it.
//!
//! Each function of `contract::rules` runs unchanged on memory, on Valkey and on a user's own store.

#[path = "contract/rules.rs"]
mod rules;
#[path = "contract/stores.rs"]
mod stores;

use tux_cache::backend::{Backend, Json, KeyRef};

/// Runs every rule on every store.
macro_rules! contract {
    ($($rule:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() { super::rules::$rule(&super::stores::memory()).await })*
        }
        mod valkey {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let (_server, backend) = super::stores::valkey().await;
                super::rules::$rule(&backend).await
            })*
        }
        mod user_defined {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() { super::rules::$rule(&super::stores::user_defined()).await })*
        }
    };
}

contract![
    every_json_value_comes_back,
    absent_is_not_null,
    a_delete_tells_whether_the_key_was_there,
    t27_a_ttl_of_zero_deletes,
    t28_huge_and_tiny_ttls_are_accepted,
    many_are_read_in_order,
    many_are_written_at_once,
    the_wire_prefix_names_the_same_entry,
    t34_a_prefix_is_taken_literally,
    t34_a_prefix_reaches_every_key,
    hostile_keys_are_keys,
    a_key_too_long_is_refused_and_nothing_is_lost,
    t32_a_value_nested_too_deep_is_refused,
    typed_and_text_meet_on_the_same_entries,
    t33_a_wrong_shape_is_a_counted_miss,
    t39_large_integers_and_empty_lists_survive_an_update,
    t01_a_lease_is_voided_by_everything_that_touches_the_key,
    t01_of_two_leases_one_publishes,
    a_lease_of_another_backend_is_void,
    several_leases_publish_each_for_itself,
    t35_a_commit_fails_once_the_entry_changed,
    updates_of_64_writers_are_all_kept,
    a_set_of_keys_reaches_what_its_text_says,
];

/// Every operation can be awaited in a spawned task.
#[allow(dead_code)]
fn futures_are_send(backend: &'static Backend) {
    fn send<T: Send>(_: T) {}
    let key = KeyRef::Prefix { guild: 1 };
    send(backend.get("k"));
    send(backend.set("k", Json::Null, None));
    send(backend.delete("k"));
    send(backend.exists("k"));
    send(backend.get_many(&["k"]));
    send(backend.set_many(&[("k", Json::Null, None)]));
    send(backend.delete_prefix("k"));
    send(backend.get_as::<Json>(key));
    send(backend.get_many_as::<Json>(&[]));
    send(backend.put(key, Json::Null, None));
    send(backend.remove(key));
    send(backend.put_leased(backend.lease(key), key, Json::Null.into(), None));
    send(backend.put_many_leased(Vec::new(), None));
    send(backend.update(key, None, |old| old.cloned().unwrap_or(Json::Null.into())));
}
