//! Caches of an application's own families: on memory, on Valkey and on a user's own store, through one suite.

#[path = "typed/declaring.rs"]
mod declaring;
#[path = "typed/families.rs"]
mod families;
#[path = "typed/loads.rs"]
mod loads;
#[path = "typed/outage.rs"]
mod outage;
#[path = "typed/setup.rs"]
mod setup;
#[path = "managers/stores.rs"]
mod stores;
#[path = "typed/values.rs"]
mod values;

/// Runs every rule on every store.
macro_rules! suite {
    ($($module:ident: [$($rule:ident),* $(,)?],)*) => {
        mod memory {
            $(mod $module { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                crate::$module::$rule(&crate::stores::memory()).await
            })* })*
        }
        mod valkey {
            $(mod $module { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let (_server, backend) = crate::stores::valkey().await;
                crate::$module::$rule(&backend).await
            })* })*
        }
        mod user_defined {
            $(mod $module { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                crate::$module::$rule(&crate::stores::user_defined()).await
            })* })*
        }
    };
}

suite! {
    families: [
        every_form_of_key_keeps_its_values_apart,
        text_and_family_meet_on_one_entry,
        a_group_goes_and_its_neighbours_stay,
        t01_a_group_removed_during_a_load_wins_and_another_group_does_not_matter,
        all_of_a_family_goes_and_no_other,
        no_update_is_lost,
        hostile_texts_are_keys,
        t32_a_key_too_long_is_refused,
    ],
    loads: [
        ten_thousand_callers_make_one_load,
        a_batch_loads_what_is_missing_once,
        overlapping_batches_load_each_key_once,
        what_a_batch_does_not_find_is_none_and_is_not_kept,
        a_single_caller_behind_a_batch_that_found_nothing_loads_itself,
        t26_a_set_during_a_batch_wins,
        t22_an_error_of_a_batch_goes_to_all_and_is_not_kept,
    ],
    values: [
        every_kind_of_value_comes_back,
        t33_a_wrong_shape_is_a_counted_miss,
        a_value_that_is_refused_is_not_written,
        a_part_of_a_value_is_no_answer_for_a_load,
        many_are_written_at_once,
    ],
}
