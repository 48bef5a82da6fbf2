//! The managers, each on memory, on Valkey and on a user's own store, through one suite.

#[path = "managers/guide.rs"]
mod guide;
#[path = "managers/guild_config.rs"]
mod guild_config;
#[path = "managers/loads.rs"]
mod loads;
#[path = "managers/stores.rs"]
mod stores;

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
    guide: [
        guild_config_usage,
        partial_updates,
        clear_all_reaches_everything,
        jail_status_usage,
        get_or_fetch_with_stampede_protection,
        invalidation_in_a_controller,
        handling_misses,
        a_test_that_wants_the_database,
        pre_warming,
    ],
    guild_config: [
        t39_no_update_of_64_writers_is_lost,
        t39_unknown_fields_and_large_ids_survive,
        leave_null_and_id_are_told_apart,
        a_part_is_told_apart_and_completed,
        an_update_that_names_nothing_writes_nothing,
    ],
    loads: [
        t18_ten_thousand_tasks_make_one_fetch,
        t02_an_invalidation_during_a_load_wins,
        t26_a_set_during_a_load_wins,
        t26_a_guild_wide_invalidation_during_a_load_wins,
        t05_a_caller_after_the_invalidation_loads_afresh,
        t20_a_dropped_leader_cancels_nobody,
        t24_a_cancelled_waiter_cancels_nobody,
        t22_waiters_share_the_error_and_later_callers_start_afresh,
        t22_a_panic_unwinds_its_own_caller_only,
        t23_a_load_that_takes_too_long_ends_for_all,
        t25_a_nested_load_of_the_same_key_runs,
    ],
}
