//! The managers, each on memory, on Valkey and on a user's own store, through one suite.

#[path = "managers/cases.rs"]
mod cases;
#[path = "managers/environment.rs"]
mod environment;
#[path = "managers/fallbacks.rs"]
mod fallbacks;
#[path = "managers/guide.rs"]
mod guide;
#[path = "managers/guild_config.rs"]
mod guild_config;
#[path = "managers/loads.rs"]
mod loads;
#[path = "managers/loads_many.rs"]
mod loads_many;
#[path = "managers/many_loads.rs"]
mod many_loads;
#[path = "managers/outage.rs"]
mod outage;
#[path = "managers/permission.rs"]
mod permission;
#[path = "managers/processes.rs"]
mod processes;
#[path = "managers/rows.rs"]
mod rows;
#[path = "managers/scans.rs"]
mod scans;
#[path = "managers/shapes.rs"]
mod shapes;
#[path = "managers/shared.rs"]
mod shared;
#[path = "managers/stale_reads.rs"]
mod stale_reads;
#[path = "managers/stores.rs"]
mod stores;
#[path = "managers/ttl.rs"]
mod ttl;
#[path = "managers/warm.rs"]
mod warm;

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
    cases: [
        an_id_none_and_unknown_are_told_apart,
        every_form_of_a_case_is_read,
    ],
    fallbacks: [
        pre_warming_warms_the_fallbacks_too,
        an_unknown_parent_leaves_the_fallback_unknown,
        t02_a_change_during_pre_warming_wins_over_fallbacks,
        one_load_for_all_missing_fallbacks,
        t22_an_error_of_a_fallback_batch_is_told_and_not_kept,
        a_batch_of_fallbacks_is_joined_by_a_single_caller,
        t26_a_rule_set_during_a_fallback_batch_wins,
    ],
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
    many_loads: [
        two_guilds_warmed_at_once_keep_everything,
        managers_on_one_store_share_their_loads,
        a_guilds_removal_leaves_the_loads_of_other_guilds,
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
    loads_many: [
        one_loader_call_for_all_misses,
        a_batch_may_be_very_large,
        flights_under_way_are_joined_not_repeated,
        a_batch_is_joined_by_a_single_caller,
        t22_an_error_reaches_every_key_of_the_batch,
        t02_an_invalidation_during_a_batch_wins,
        a_dropped_batch_goes_on,
    ],
    permission: [
        known_to_be_absent_is_not_a_miss,
        fallback_goes_up_the_line,
        ranks_assignments_and_users,
        a_rank_too_high_is_refused,
        guild_wide_removal_reaches_every_family,
    ],
    rows: [
        t57_a_row_that_python_would_refuse_is_not_set,
        rows_at_the_limits_are_set,
        a_loaded_row_that_python_would_refuse_is_not_stored,
        pre_warming_leaves_out_what_python_would_refuse,
    ],
    shapes: [
        t33_every_wrong_shape_is_a_counted_miss,
        t36_a_wrong_shape_never_reads_as_allowed,
        jail_status_is_read_as_the_wire_says,
        t36_garbage_under_a_jail_key_never_reads_as_not_jailed,
        a_config_of_a_wrong_shape_is_repaired_by_an_update,
    ],
    stale_reads: [
        the_rank_of_a_user_after_a_role_assignment,
        the_children_of_a_command_after_a_permission_on_its_parent,
        t02_a_value_put_back_by_a_load_in_flight,
        t26_what_depends_on_a_rule_and_was_in_flight_when_it_was_set,
        locks_are_not_kept_for_every_guild_seen,
    ],
    warm: [
        a_guild_is_warmed_in_one_go,
        the_argument_of_a_closure_is_inferred,
        keys_of_one_guild_do_not_void_each_other,
        other_stores_do_not_matter,
        other_guilds_do_not_matter,
        t02_what_changes_during_pre_warming_wins,
        partial_failure_is_reported_per_guild,
        concurrency_is_bounded_and_progress_is_told,
        a_dropped_pre_warming_stops,
    ],
}
