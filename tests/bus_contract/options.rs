//! Users of Redis who may do no more than this needs, and several clusters on one Redis.

use std::collections::HashMap;

use redis::Value;
use triproom::bus::Bus;
use triproom::bus::redis::RedisOptions;
use triproom::room::node::Recipient;

use crate::house::{CLUSTER, ClusterHouse, House, ServerHouse, connect, hear, room, run, said, settle, text};
use crate::redis_server::RedisServer;

const OPERATIONS: &str = include_str!("../../docs/operations.md");

/// As the documents say it.
fn documented_user(command: &str) -> &'static str {
    let mut lines = OPERATIONS.lines().map(str::trim).filter(|line| line.starts_with("ACL SETUSER triproom "));
    lines.find(|line| line.split(' ').any(|word| word == command)).expect("it is documented")
}

async fn the_documented_user_will_do(server: &RedisServer, line: &str) {
    let mut operator = connect(server).await;
    run(&mut operator, &line.replace('…', "secret-word")).await;
    let url = format!("redis://triproom:secret-word@{}", server.address());
    let nodes = [0, 1].map(|_| Bus::redis(RedisOptions::new(&url).unwrap(), CLUSTER, None));
    settle(&nodes).await;
    let (mut ada, mut bob) = (nodes[0].sit(&room("r")).await, nodes[1].sit(&room("r")).await);
    ada.say(Recipient::All, text("hello"));
    assert_eq!(hear(&mut bob).await, said(nodes[0].node(), "hello"));
    drop((ada, bob));
    let [ada, bob] = nodes;
    ada.close().await;
    bob.close().await;
    let refused: Vec<HashMap<String, Value>> = redis::cmd("ACL").arg("LOG").query_async(&mut operator).await.unwrap();
    // The library's name is for the server's lists alone.
    let is_its_name = |what: &HashMap<String, Value>| format!("{:?}", what["object"]).contains("client|setinfo");
    assert!(refused.iter().all(is_its_name), "{refused:?}");
}

#[tokio::test]
async fn a_user_who_may_do_what_is_documented_is_enough() {
    let house = ServerHouse::build().await;
    the_documented_user_will_do(&house.0, documented_user("+publish")).await;
}

#[tokio::test]
async fn a_user_who_may_do_what_is_documented_is_enough_on_a_cluster() {
    let house = ClusterHouse::build().await;
    the_documented_user_will_do(&house.0, documented_user("+spublish")).await;
}

#[tokio::test]
async fn clusters_with_different_prefixes_hear_nothing_of_each_other() {
    let house = ServerHouse::build().await;
    let cluster = |prefix: &str| {
        [0, 1].map(|_| {
            let mut options = RedisOptions::new(&house.0.url()).unwrap();
            prefix.clone_into(&mut options.prefix);
            Bus::redis(options, CLUSTER, None)
        })
    };
    // One of which begins as the other does.
    let (test, tests) = (cluster("test"), cluster("tests"));
    settle(&test).await;
    settle(&tests).await;
    let r = room("r");
    let mut in_test = [test[0].sit(&r).await, test[1].sit(&r).await];
    let mut in_tests = [tests[0].sit(&r).await, tests[1].sit(&r).await];
    in_test[0].say(Recipient::All, text("in test"));
    in_tests[0].say(Recipient::All, text("in tests"));
    assert_eq!(hear(&mut in_test[1]).await, said(test[0].node(), "in test"));
    assert_eq!(hear(&mut in_tests[1]).await, said(tests[0].node(), "in tests"));
    assert!(in_test.iter_mut().chain(&mut in_tests).all(|seat| seat.heard().is_none()));
}
