//! `triproom room list`, `show`, `export`, `import`, `compact` and `delete`.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::edits::{room, typed, waiting};
use crate::house::{Ended, House};

fn import(house: &House, name: &str, update: &[u8]) -> Ended {
    let mut command = house.command(&["room", "import", name]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Who refuses early reads nothing.
    let _ = child.stdin.take().unwrap().write_all(update);
    Ended::of(&child.wait_with_output().unwrap())
}

fn export(house: &House, name: &str) -> Vec<u8> {
    let output = house.command(&["room", "export", name]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

fn shown(house: &House, name: &str) -> Value {
    serde_json::from_str(&house.run(&["room", "show", name, "--json"]).well()).unwrap()
}

#[tokio::test]
async fn rooms_are_listed_page_by_page() {
    for house in House::both().await {
        house.run(&["room", "list"]).refused("triproom migrate");
        house.make("b", "olga", "ada").await;
        house.write("a", typed(7, "hello")).await;
        house.write("c\n\u{1b}[31m", typed(8, "you")).await;
        let all = house.run(&["room", "list"]).well();
        assert_eq!(all.lines().count(), 4, "{all}");
        let lines: Vec<&str> = all.lines().collect();
        assert!(lines[1].contains(" 5 ") && lines[1].ends_with(" a"), "{all}");
        assert!(lines[2].contains("private") && lines[2].ends_with(" b"), "{all}");
        assert!(lines[3].ends_with("c\\n\\u{1b}[31m"), "{all}");
        let first = house.run(&["room", "list", "--limit", "2"]);
        assert!(first.notes.contains("--after \"b\""), "{first:?}");
        let page: Value = serde_json::from_str(&house.run(&["room", "list", "--limit", "2", "--json"]).well()).unwrap();
        assert_eq!((&page["rooms"][0]["room"], &page["next"]), (&json!("a"), &json!("b")));
        assert_eq!((&page["rooms"][0]["rows"], &page["rooms"][1]["rows"]), (&json!(5), &json!(0)));
        let rest = house.run(&["room", "list", "--after", "b", "--json"]).well();
        let rest: Value = serde_json::from_str(&rest).unwrap();
        assert_eq!((&rest["rooms"].as_array().unwrap().len(), &rest["next"]), (&1, &Value::Null));
    }
}

#[tokio::test]
async fn a_room_is_shown_with_all_that_is_known_of_it() {
    for house in House::both().await {
        house.make("lisbon", "olga", "ada").await;
        house.write("lisbon", [typed(7, "hello"), waiting(8, "abc")].concat()).await;
        let text = house.run(&["room", "show", "lisbon"]).well();
        for part in ["7 of ", "2 wait for others", "7:", "olga", "viewer", "owner", "private", "version "] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        let json = shown(&house, "lisbon");
        assert_eq!((&json["rows"], &json["waiting_rows"]), (&json!(7), &json!(2)));
        assert_eq!(json["document"]["items"], json!({"7-2": "hello"}));
        assert_eq!(json["state_vector"].as_object().unwrap().keys().collect::<Vec<_>>(), ["7"]);
        let members: Vec<&Value> =
            json["members"].as_array().unwrap().iter().map(|member| &member["principal"]).collect();
        assert_eq!(members, ["ada", "olga"]);
        house.run(&["room", "show", "porto"]).refused("there is no room \"porto\"");
        let json: Value = serde_json::from_str(&house.run(&["room", "export", "lisbon", "--json"]).well()).unwrap();
        assert_eq!(json["items"], json!({"7-2": "hello"}));
    }
}

#[tokio::test]
async fn what_is_exported_can_be_imported() {
    for house in House::both().await {
        house.write("lisbon", typed(7, "hello")).await;
        let update = export(&house, "lisbon");
        let imported = import(&house, "porto", &update);
        assert!(imported.good && imported.notes.contains("saved in the room porto"), "{imported:?}");
        let (from, to) = (shown(&house, "lisbon"), shown(&house, "porto"));
        assert_eq!((&from["document"], &from["version"]), (&to["document"], &to["version"]));
        let again = import(&house, "porto", &update);
        assert!(again.good && again.notes.contains("has all of it already"), "{again:?}");
        let early = import(&house, "porto", &waiting(8, "ab")[0]);
        assert!(early.good && early.notes.contains("waits for edits that are missing"), "{early:?}");
        import(&house, "porto", b"\x01garbage").refused("no Yjs update");
        assert_eq!(shown(&house, "porto")["rows"], 2);
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_imported() {
    let house = House::folder();
    house.write("lisbon", typed(7, "hello")).await;
    let update = typed(8, &"x".repeat(20)).concat();
    let mut command = house.command(&["room", "import", "lisbon", "--max-document", "20B"]);
    let file = house.data().join("update");
    std::fs::write(&file, update).unwrap();
    let ended = command.stdin(std::fs::File::open(file).unwrap()).output().unwrap();
    Ended::of(&ended).refused("--max-document");
    assert_eq!(shown(&house, "lisbon")["rows"], 5);
}

#[tokio::test]
async fn a_log_is_folded_and_what_waits_stays() {
    for house in House::both().await {
        house.write("lisbon", [typed(7, "hello"), waiting(8, "abc")].concat()).await;
        let before = shown(&house, "lisbon");
        let compacted = house.run(&["room", "compact", "lisbon"]);
        assert!(compacted.good && compacted.notes.starts_with("5 rows are folded"), "{compacted:?}");
        let after = shown(&house, "lisbon");
        assert_eq!((&before["document"], &before["version"]), (&after["document"], &after["version"]));
        assert_eq!((&after["rows"], &after["waiting_rows"]), (&json!(2), &json!(2)));
        house.run(&["room", "compact", "porto"]).refused("there is no room");
        assert_eq!(house.run(&["room", "list"]).well().lines().count(), 2, "looking for a room makes none");
    }
}

#[tokio::test]
async fn a_room_is_deleted_when_that_is_meant() {
    for house in House::both().await {
        house.make("lisbon", "olga", "ada").await;
        house.write("lisbon", typed(7, "hello")).await;
        house.run(&["room", "delete", "lisbon"]).refused("--yes");
        assert_eq!(shown(&house, "lisbon")["rows"], 5);
        house.run(&["room", "delete", "lisbon", "--yes"]).well();
        house.run(&["room", "show", "lisbon"]).refused("there is no room");
        house.run(&["room", "delete", "lisbon", "--yes"]).refused("there is no room");
        let store = house.open().await;
        assert!(store.load(&room("lisbon")).await.unwrap().rows.is_empty());
        assert!(!store.directory().is_deleted(&room("lisbon")).await.unwrap());
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_damaged_room_is_restored_from_a_backup() {
    for house in House::both().await {
        house.write("lisbon", typed(7, "hello")).await;
        let (backup, before) = (export(&house, "lisbon"), shown(&house, "lisbon")["document"].clone());
        assert!(before.to_string().contains("hello"), "{before}");
        house.run(&["room", "compact", "lisbon"]).well();
        house.execute("UPDATE snapshots SET checksum = checksum + 1").await;
        house.run(&["room", "show", "lisbon"]).refused("restore the room from a backup");
        import(&house, "lisbon", &backup).refused("restore the room from a backup");
        house.run(&["room", "delete", "lisbon", "--yes"]).well();
        import(&house, "lisbon", &backup).well();
        assert_eq!(shown(&house, "lisbon")["document"], before);
    }
}

#[tokio::test]
async fn beside_a_server_rooms_are_read_and_not_written() {
    for house in House::both().await {
        house.write("lisbon", typed(7, "hello")).await;
        let server = house.serve(&[]);
        assert_eq!(house.run(&["room", "list"]).well().lines().count(), 2);
        assert_eq!(shown(&house, "lisbon")["rows"], 5);
        let update = export(&house, "lisbon");
        import(&house, "lisbon", &update).refused("in use by another");
        house.run(&["room", "compact", "lisbon"]).refused("in use by another");
        house.run(&["room", "delete", "lisbon", "--yes"]).refused("in use by another");
        drop(server);
        assert_eq!(shown(&house, "lisbon")["rows"], 5);
    }
}

#[tokio::test]
async fn no_store_is_made_by_looking_for_a_room() {
    let house = House::folder();
    for line in [&["show", "r"][..], &["export", "r"], &["compact", "r"], &["delete", "r", "--yes"], &["import", "r"]] {
        house.run(&[&["room"], line].concat()).refused("there is no database");
    }
    assert!(!house.data().exists());
}
