//! The contract of every store: one suite, run over each implementation.
//! A new implementation gets a `House` and one line at the end. Tests wait for what the store announces, never for time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod append;
mod compaction;
#[path = "../support/database.rs"]
mod database;
mod deletion;
mod directory;
mod events;
mod failure;
mod house;
mod latest;
mod postgres_house;
mod rosters;
mod seeded;

/// Makes a test of every function of the suite for one implementation.
macro_rules! contract {
    ($name:ident, $house:ty, [$($module:ident :: $test:ident),* $(,)?]) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let done = crate::$module::$test(<$house as crate::house::House>::build().await);
                    tokio::time::timeout(std::time::Duration::from_mins(2), done).await.expect("the test hangs");
                }
            )*
        }
    };
}

macro_rules! contract_for {
    ($name:ident, $house:ty) => {
        contract!(
            $name,
            $house,
            [
                append::rows_come_back_in_order,
                append::many_rooms_at_once,
                append::a_load_sees_what_is_not_committed,
                append::an_empty_append_is_nothing,
                append::positions_count_one_handle,
                append::rooms_that_were_only_opened_leave_nothing,
                append::a_closed_store_says_so,
                append::a_store_dropped_without_close_still_writes,
                append::names_of_any_kind,
                append::rows_of_any_size,
                append::any_number_of_rows_at_once,
                append::big_batches_are_cut,
                compaction::unnamed_rows_stay,
                compaction::a_room_without_rows_gets_a_snapshot,
                compaction::the_generation_guards,
                compaction::appends_go_on_meanwhile,
                compaction::queued_rows_are_no_part_of_it,
                compaction::a_failing_fold_changes_nothing,
                compaction::a_failing_commit_changes_nothing,
                compaction::an_unknown_outcome_is_looked_up,
                compaction::a_failing_store_takes_none,
                compaction::sequences_never_come_twice,
                failure::over_the_budget_nothing_is_queued,
                failure::a_failed_commit_is_tried_again,
                failure::an_unknown_outcome_writes_no_row_twice,
                failure::order_survives_a_failure,
                failure::closing_while_failing_says_what_is_lost,
                failure::closing_outlasts_a_short_failure,
                failure::a_damaged_row_is_left_out,
                failure::a_damaged_snapshot_closes_the_room,
                deletion::a_deleted_room_is_gone,
                deletion::a_room_made_again_starts_empty,
                deletion::what_waits_is_never_written,
                deletion::old_logs_write_nothing_into_a_new_room,
                deletion::a_compaction_from_before_is_lost,
                deletion::a_failed_deletion_changes_nothing,
                deletion::an_unknown_deletion_is_looked_up,
                deletion::sequences_survive_a_deletion,
                deletion::a_closed_store_deletes_nothing,
                deletion::a_document_outlives_its_roster_for_nobody,
                deletion::rooms_come_and_go,
                rosters::a_room_has_settings_and_members,
                rosters::rooms_are_made_once,
                rosters::members_come_change_and_go,
                rosters::the_last_owner_stays,
                rosters::two_owners_who_leave_at_once,
                rosters::a_room_takes_so_many_members,
                rosters::a_deleted_roster_is_gone,
                rosters::rooms_are_listed_page_by_page,
                rosters::all_rooms_have_a_roster_or_a_document,
                directory::keys_are_kept_until_revoked,
                directory::a_secret_is_one_for_everybody,
                answers::they_are_remembered_for_a_time,
                answers::the_oldest_make_room,
                answers::a_room_is_found_again_by_its_request,
                directory::a_failing_store_changes_no_member,
                directory::command_lines_work_beside_a_server,
                directory::a_busy_log_lets_members_be_written,
                directory::a_write_goes_on_without_its_caller,
                directory::closed_with_the_store,
                events::they_are_numbered_in_order,
                events::they_are_read_page_by_page,
                events::one_that_is_sent_again_is_one,
                events::faults_double_none_and_lose_none,
                events::rows_from_before_one_are_durable_before_it,
                events::a_room_of_events_alone_is_a_room,
                events::a_deleted_room_has_none,
                events::the_oldest_go,
                events::events_count_in_the_budget,
                events::who_does_not_listen_is_stopped,
                events::a_damaged_one_is_left_out,
                latest::the_later_one_stays,
                latest::a_flood_of_them_is_one_line_each,
                latest::latest_values_count_in_the_budget,
                seeded::random_sessions,
            ]
        );
    };
}

contract_for!(sqlite, crate::house::SqliteHouse);
contract_for!(postgres, crate::postgres_house::PostgresHouse<crate::postgres_house::Straight>);
contract!(
    pgbouncer,
    crate::postgres_house::PostgresHouse<crate::postgres_house::Pooled>,
    [
        append::rows_come_back_in_order,
        append::many_rooms_at_once,
        append::a_load_sees_what_is_not_committed,
        append::names_of_any_kind,
        append::big_batches_are_cut,
        compaction::unnamed_rows_stay,
        compaction::the_generation_guards,
        compaction::appends_go_on_meanwhile,
        compaction::an_unknown_outcome_is_looked_up,
        compaction::sequences_never_come_twice,
        failure::a_failed_commit_is_tried_again,
        failure::an_unknown_outcome_writes_no_row_twice,
        failure::closing_outlasts_a_short_failure,
        deletion::a_deleted_room_is_gone,
        deletion::a_room_made_again_starts_empty,
        deletion::an_unknown_deletion_is_looked_up,
        deletion::rooms_come_and_go,
        rosters::a_room_has_settings_and_members,
        rosters::two_owners_who_leave_at_once,
        rosters::a_room_takes_so_many_members,
        rosters::rooms_are_listed_page_by_page,
        answers::the_oldest_make_room,
        answers::a_room_is_found_again_by_its_request,
        directory::keys_are_kept_until_revoked,
        directory::a_secret_is_one_for_everybody,
        directory::a_busy_log_lets_members_be_written,
        directory::closed_with_the_store,
        events::they_are_numbered_in_order,
        events::they_are_read_page_by_page,
        events::one_that_is_sent_again_is_one,
        events::faults_double_none_and_lose_none,
        events::rows_from_before_one_are_durable_before_it,
        events::a_room_of_events_alone_is_a_room,
        events::a_deleted_room_has_none,
        events::the_oldest_go,
        latest::the_later_one_stays,
        latest::a_flood_of_them_is_one_line_each,
        seeded::random_sessions,
    ]
);
