//! The contract of every bus: one suite, run over each implementation; and what only a Redis server or cluster can do.
//! A new implementation gets a `House` and one line at the end.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod cluster;
mod house;
mod losing;
mod options;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../support/redis.rs"]
mod redis_server;
mod server;
mod talking;

/// Makes a test of every function of the suite for one implementation.
macro_rules! contract {
    ($name:ident, $house:ty, [$($module:ident :: $test:ident),* $(,)?]) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let done = crate::$module::$test(<$house as crate::house::House>::build().await);
                    tokio::time::timeout(std::time::Duration::from_mins(1), done).await.expect("the test hangs");
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
                talking::what_one_says_the_others_of_that_room_hear_in_order,
                talking::own_messages_are_not_heard,
                talking::a_message_to_one_is_heard_by_that_one_only,
                talking::whoever_takes_a_seat_is_told_how_many_others_there_are,
                talking::nodes_of_another_database_are_not_heard,
                talking::every_kind_of_message_arrives_as_it_was_said,
                talking::a_seat_that_is_dropped_tells_others,
                talking::a_room_that_is_opened_again_keeps_hearing,
                talking::announcements_reach_every_other_node_once,
                talking::nodes_see_each_other_until_they_close,
                talking::rooms_of_any_name_and_many_at_once,
                talking::big_messages,
                losing::a_queue_that_overflows_loses_and_tells_and_goes_on,
            ]
        );
    };
}

/// Where it can be broken.
macro_rules! contract_of_breaking {
    ($name:ident, $house:ty) => {
        contract!($name, $house, [losing::nodes_that_were_parted_know_it_and_hear_again]);
    };
}

contract_for!(local, crate::house::LocalHouse);
contract_for!(redis, crate::house::ServerHouse);
contract_for!(redis_that_is_named, crate::house::NamedHouse);
contract_for!(redis_cluster, crate::house::ClusterHouse);
contract_of_breaking!(local_breaks, crate::house::LocalHouse);
contract_of_breaking!(redis_breaks, crate::house::ServerHouse);
contract_of_breaking!(redis_cluster_breaks, crate::house::ClusterHouse);
