//! `triproom migrate`, and servers that leave it to somebody else.

use crate::house::House;

#[tokio::test]
async fn tables_are_made_once() {
    for house in House::both().await {
        let first = house.run(&["migrate"]).well();
        assert_eq!(first.lines().next(), Some("1 store"));
        let again = house.run(&["migrate"]);
        assert!(again.good && again.out.is_empty() && again.notes.contains("up to date already"), "{again:?}");
        let server = house.serve(&[]);
        let beside = house.run(&["migrate"]);
        assert!(beside.good && beside.out.is_empty(), "{beside:?}");
        drop(server);
    }
}

#[tokio::test]
async fn a_server_that_is_told_not_to_migrates_nothing() {
    for house in House::both().await {
        for _ in 0..2 {
            house.run(&["serve", "--port", "0", "--migrate", "check"]).refused("triproom migrate");
        }
        assert!(!house.data().exists(), "it made nothing");
        house.run(&["migrate"]).well();
        drop(house.serve(&["--migrate", "check"]));
        house.as_an_earlier_version_left_it().await;
        house.run(&["serve", "--port", "0", "--migrate", "check"]).refused("an earlier version");
    }
}
