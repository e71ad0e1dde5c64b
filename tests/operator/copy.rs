//! `triproom room copy`: from a folder to a database and in every other direction, stopped, tampered with, run again.

use std::time::Duration;

use sqlx::ConnectOptions;
use triproom::room::principal::PrincipalId;
use triproom::store::directory::{AnswerLimits, Created, KeyId, OnceKey, Recalled, Remembered, RoomSettings};
use triproom::store::{ReadOnlyStore, Retention, StoredRoom};

use crate::edits::{room, typed, waiting};
use crate::house::{Ended, House};

fn copy(from: &House, to: &House, options: &[&str]) -> Ended {
    let (from, to) = (from.url(), to.url());
    let line = [&["room", "copy", "--from", &from, "--to", &to], options].concat();
    House::folder().run(&line)
}

#[track_caller]
fn copied(from: &House, to: &House) -> String {
    copy(from, to, &[]).well()
}

/// Every direction.
async fn pairs() -> Vec<(House, House)> {
    vec![
        (House::folder(), House::postgres().await),
        (House::postgres().await, House::folder()),
        (House::folder(), House::folder()),
        (House::postgres().await, House::postgres().await),
    ]
}

async fn stored(house: &House, name: &str) -> StoredRoom {
    let store = house.look().await;
    let stored = store.load(&room(name)).await.unwrap();
    store.close().await;
    stored
}

fn bytes(stored: &StoredRoom) -> Vec<Vec<u8>> {
    stored.snapshot.iter().chain(stored.rows.iter().map(|row| &row.data)).map(|data| data.to_vec()).collect()
}

/// A store with everything that there is.
async fn furnish(house: &House) {
    house.make("lisbon", "olga", "ada").await;
    house.make("empty", "olga", "bob").await;
    house.write("lisbon", typed(7, "hello, you")).await;
    house.run(&["room", "compact", "lisbon"]).well();
    house
        .write("lisbon", [typed(9, "after"), waiting(8, "orphans"), vec![b"\x01garbage".to_vec().into()]].concat())
        .await;
    house.write("long", typed(11, &"many rows ".repeat(350))).await;
    house.write("odd \u{1F30D}\n\u{1b}", typed(12, "odd")).await;
    house.run(&["key", "create", "--agent", "planner", "--rooms", "lisbon,long", "--role", "editor"]).well();
    house.say("lisbon", 250).await;
    house.say("talk", 3).await;
    let store = house.open().await;
    let retention = Retention { most: 220, age: Duration::MAX };
    assert_eq!(store.retain_events(&room("lisbon"), retention).await.unwrap(), 30);
    let directory = store.directory();
    let settings = RoomSettings { home_region: Some("eu-central".parse().unwrap()), ..RoomSettings::default() };
    let made = directory.create_room(&room("made once"), settings, None, Some(once("made"))).await;
    assert_eq!(made.unwrap(), Created::Made);
    let answer = Remembered { status: 201, body: b"{}".to_vec() };
    let limits = AnswerLimits { answers: 10, bytes: 1 << 20 };
    directory.remember(&once("answered"), &answer, limits).await.unwrap();
    directory.secret("tickets").await.unwrap();
    directory.secret("nodes").await.unwrap();
    store.close().await.unwrap();
}

fn once(key: &str) -> OnceKey {
    OnceKey { scope: PrincipalId::user("olga").unwrap(), key: key.to_owned(), fingerprint: [7; 32] }
}

#[tokio::test]
async fn everything_arrives_as_it_was() {
    for (from, to) in pairs().await {
        furnish(&from).await;
        let said = copied(&from, &to);
        assert!(said.contains("rooms: 6 copied, 0 brought up to date, 0 equal;"), "{said}");
        assert!(said.contains("answers: 3 copied"), "{said}");
        for name in ["lisbon", "long", "odd \u{1F30D}\n\u{1b}"] {
            let (before, after) = (stored(&from, name).await, stored(&to, name).await);
            assert_eq!(bytes(&before), bytes(&after));
            assert_eq!((before.damaged, after.damaged), (0, 0));
        }
        assert_eq!(stored(&to, "long").await.rows.len(), 3_500);
        for name in ["lisbon", "talk"] {
            let (before, after) = (from.said(name).await, to.said(name).await);
            assert_eq!(before, after);
            assert_eq!((before.0.damaged, before.1.len()), (0, 1));
        }
        for line in [
            &["room", "list"][..],
            &["key", "list"],
            &["room", "show", "lisbon", "--json"],
            &["room", "export", "lisbon", "--json"],
        ] {
            assert_eq!(from.run(line).well(), to.run(line).well());
        }
        let (one, other) = (from.open().await, to.open().await);
        let (source, target) = (one.directory(), other.directory());
        for name in ["lisbon", "made once"] {
            assert_eq!(source.roster(&room(name)).await.unwrap(), target.roster(&room(name)).await.unwrap());
        }
        assert_eq!(source.secret("tickets").await.unwrap(), target.secret("tickets").await.unwrap());
        assert_ne!(source.secret("nodes").await.unwrap(), target.secret("nodes").await.unwrap(), "they stay apart");
        assert_eq!(target.recall(&once("made")).await.unwrap(), Some(Recalled::Made(room("made once"))));
        assert!(matches!(target.recall(&once("answered")).await.unwrap(), Some(Recalled::Answered(_))));
        one.close().await.unwrap();
        other.close().await.unwrap();
        let again = copied(&from, &to);
        assert!(again.contains("rooms: 0 copied, 0 brought up to date, 6 equal;"), "{again}");
        // What waited finds its place there, and rows go on behind those that were copied.
        to.write("lisbon", typed(8, "orphans")).await;
        let shown = to.run(&["room", "show", "lisbon"]).well();
        assert!(shown.contains("0 wait for others, 1 unusable, 0 damaged"), "{shown}");
        assert!(shown.contains("220 kept"), "{shown}");
        // And what is said goes on behind what was said.
        to.say("lisbon", 1).await;
        assert_eq!((to.said("lisbon").await.0.first.0, to.said("lisbon").await.0.last.0), (31, 251));
    }
}

#[tokio::test]
async fn a_second_run_brings_what_came_meanwhile() {
    for (from, to) in pairs().await {
        furnish(&from).await;
        copied(&from, &to);
        let keys = from.open().await;
        let key: KeyId = keys.directory().keys().await.unwrap()[0].id.clone();
        let ada = PrincipalId::user("ada").unwrap();
        keys.directory().remove_member(&room("lisbon"), &ada).await.unwrap();
        let answer = Remembered { status: 201, body: b"{}".to_vec() };
        let limits = AnswerLimits { answers: 10, bytes: 1 << 20 };
        keys.directory().remember(&once("made"), &answer, limits).await.unwrap();
        keys.close().await.unwrap();
        from.run(&["key", "revoke", key.as_str()]).well();
        from.write("lisbon", typed(8, "orphans")).await;
        from.run(&["room", "compact", "long"]).well();
        from.write("new", typed(13, "new")).await;
        from.say("talk", 2).await;
        from.run(&["room", "delete", "empty", "--yes"]).well();
        let second = copy(&from, &to, &[]);
        assert!(second.notes.contains("1 rooms are at the target alone"), "{second:?}");
        let said = second.well();
        assert!(said.contains("rooms: 1 copied, 2 brought up to date, 3 equal;"), "{said}");
        assert!(said.contains("answers: 1 copied, 1 brought up to date"), "{said}");
        assert_eq!(from.said("talk").await, to.said("talk").await);
        for line in [&["key", "list"][..], &["room", "show", "lisbon", "--json"], &["room", "show", "new", "--json"]] {
            assert_eq!(from.run(line).well(), to.run(line).well());
        }
        let store = to.open().await;
        assert!(matches!(store.directory().recall(&once("made")).await.unwrap(), Some(Recalled::Answered(_))));
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn it_copies_beside_a_server_and_not_under_one() {
    for (from, to) in pairs().await {
        from.write("lisbon", typed(7, "hello")).await;
        let server = from.serve(&[]);
        let said = copied(&from, &to);
        assert!(said.contains("rooms: 1 copied"), "{said}");
        drop(server);
        let server = to.serve(&[]);
        copy(&from, &to, &[]).refused("in use by another");
        drop(server);
    }
}

#[tokio::test]
async fn another_room_of_the_same_name_is_left_unless_told() {
    for (from, to) in pairs().await {
        from.write("both", typed(7, "hello")).await;
        to.write("both", typed(8, "other")).await;
        from.make("made", "olga", "ada").await;
        to.make("made", "eve", "bob").await;
        from.write("fine", typed(9, "fine")).await;
        let refused = copy(&from, &to, &[]);
        refused.refused("room \"both\" is another one at the target: the state vector differs");
        refused.refused("room \"made\" is another one at the target: it was made at another time");
        assert!(refused.out.contains("1 copied, 0 brought up to date, 0 equal, 2 refused"), "{refused:?}");
        assert!(to.run(&["room", "show", "made"]).well().contains("eve"));
        let told = copy(&from, &to, &["--overwrite"]).well();
        assert!(told.contains("0 copied, 0 brought up to date, 1 equal, 2 overwritten"), "{told}");
        for name in ["both", "made"] {
            let line = ["room", "show", name, "--json"];
            assert_eq!(from.run(&line).well(), to.run(&line).well());
        }
    }
}

#[tokio::test]
async fn edits_at_the_target_are_not_written_over() {
    for (from, to) in pairs().await {
        from.write("lisbon", typed(7, "hello")).await;
        copied(&from, &to);
        to.write("lisbon", typed(8, "newer")).await;
        copy(&from, &to, &[]).refused("room \"lisbon\" is another one at the target: the state vector differs");
        assert_eq!(stored(&to, "lisbon").await.rows.len(), 10);
    }
}

#[tokio::test]
async fn what_is_said_at_the_target_is_not_written_over() {
    for (from, to) in pairs().await {
        from.say("talk", 5).await;
        copied(&from, &to);
        to.say("talk", 1).await;
        copy(&from, &to, &[]).refused("room \"talk\" is another one at the target: its events differ");
        from.say("talk", 2).await;
        copy(&from, &to, &[]).refused("its events differ");
        assert_eq!(to.said("talk").await.0.last.0, 6);
        assert!(copy(&from, &to, &["--overwrite"]).well().contains("1 overwritten"));
        // The oldest may go where they come from.
        let store = from.open().await;
        store.retain_events(&room("talk"), Retention { most: 0, age: Duration::MAX }).await.unwrap();
        store.close().await.unwrap();
        assert!(copied(&from, &to).contains("1 brought up to date"));
        assert_eq!(from.said("talk").await, to.said("talk").await);
        to.execute("UPDATE event_counters SET last = last + 1").await;
        copy(&from, &to, &[]).refused("its events differ");
    }
}

#[tokio::test]
async fn a_target_that_was_tampered_with_is_noticed() {
    for (from, to) in pairs().await {
        from.write("lisbon", typed(7, "hello")).await;
        copied(&from, &to);
        to.execute("UPDATE log SET checksum = checksum + 1 WHERE seq = (SELECT max(seq) FROM log)").await;
        copy(&from, &to, &[]).refused("1 of its rows are damaged there");
        to.execute("DELETE FROM log").await;
        let redone = copied(&from, &to);
        assert!(redone.contains("1 brought up to date"), "{redone}");
        // The same edits with another content.
        to.run(&["room", "delete", "lisbon", "--yes"]).well();
        to.write("lisbon", typed(7, "hellO")).await;
        copy(&from, &to, &[]).refused("the elements differ");
        assert!(copy(&from, &to, &["--overwrite"]).well().contains("1 overwritten"));
        from.run(&["room", "compact", "lisbon"]).well();
        assert!(copied(&from, &to).contains("1 equal"));
    }
}

#[tokio::test]
async fn what_is_damaged_at_the_source_is_said() {
    for (from, to) in pairs().await {
        from.write("rows", typed(7, "hello")).await;
        from.execute("UPDATE log SET checksum = checksum + 1 WHERE seq = (SELECT max(seq) FROM log)").await;
        from.write("fine", typed(9, "fine")).await;
        from.write("snapshot", typed(8, "hello")).await;
        from.run(&["room", "compact", "snapshot"]).well();
        from.execute("UPDATE snapshots SET checksum = checksum + 1").await;
        let said = copy(&from, &to, &[]);
        said.refused("room \"rows\": 1 rows are damaged where they come from; they stay behind");
        said.refused("room \"snapshot\" is not copied");
        assert!(
            said.out.contains("2 copied, 0 brought up to date, 0 equal, 1 failed, 1 damaged rows left"),
            "{said:?}"
        );
        assert_eq!(stored(&to, "rows").await.rows.len(), 4);
    }
}

#[tokio::test]
async fn killed_at_any_moment_it_goes_on() {
    for (from, to) in pairs().await {
        let store = from.open().await;
        for n in 0..60 {
            let rows = typed(100 + n, &format!("room {n} ").repeat(usize::try_from(n % 7).unwrap() * 10 + 1));
            store.log(&room(&format!("room-{n:02}"))).append(rows).unwrap();
        }
        store.close().await.unwrap();
        to.run(&["migrate"]).well();
        let (source, target) = (from.url(), to.url());
        let mut kills = 0;
        for round in 1..=4_i64 {
            let mut command = from.command(&["room", "copy", "--from", &source, "--to", &target]);
            let mut child =
                command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
            while child.try_wait().unwrap().is_none() && to.rooms().await < round * 12 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            kills += i32::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(kills > 0, "it was killed half-way");
        let said = copied(&from, &to);
        assert!(said.contains("0 brought up to date"), "no room was half there: {said}");
        let (source, target) = (from.look().await, to.look().await);
        for n in 0..60 {
            let room = room(&format!("room-{n:02}"));
            let (before, after) = (source.load(&room).await.unwrap(), target.load(&room).await.unwrap());
            assert_eq!(bytes(&before), bytes(&after), "{room}");
        }
        source.close().await;
        target.close().await;
    }
}

#[tokio::test]
async fn a_dropped_copy_leaves_no_half_room() {
    let (from, to) = (House::folder(), House::postgres().await);
    from.write("long", typed(11, &"many rows ".repeat(300))).await;
    for _ in 0..12 {
        let (source, target) = (from.url(), to.url());
        let mut child = from.command(&["room", "copy", "--from", &source, "--to", &target]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(fastrand::u64(50..400))).await;
        let _ = child.kill();
        child.wait().unwrap();
        if to.tables_are_there().await {
            let rows = stored(&to, "long").await.rows.len();
            assert!(rows == 0 || rows == 3_000, "{rows} rows");
        }
    }
    copied(&from, &to);
}

#[tokio::test]
async fn passwords_are_not_shown() {
    let house = House::folder();
    let to = "postgres://ada:secret-word@127.0.0.1:1/trips";
    house.write("r", typed(7, "x")).await;
    for (from, to, says) in [
        (house.url().as_str(), to, "127.0.0.1:1"),
        (house.url().as_str(), "mysql://ada:secret-word@h/trips", "postgres://user:password@host"),
        ("sqlite:///nowhere", to, "there is no database"),
    ] {
        let refused = house.run(&["room", "copy", "--from", from, "--to", to]);
        refused.refused(says);
        assert!(!refused.notes.contains("secret-word"), "{refused:?}");
    }
}

#[tokio::test]
async fn every_table_is_copied_or_known_not_to_be() {
    use triproom::store::transfer::{KEPT_TABLES, ROOM_TABLES, SHARED_TABLES};
    // The document's are put by themselves; the others are the database's own bookkeeping.
    const NOT_BY_LINES: [&str; 8] =
        ["rooms", "log", "snapshots", "sequences", "deleted_rooms", "nodes", "answers_total", "_sqlx_migrations"];
    for house in House::both().await {
        house.run(&["migrate"]).well();
        for (table, columns) in house.tables().await {
            if NOT_BY_LINES.contains(&table.as_str()) {
                continue;
            }
            let copied =
                ROOM_TABLES.iter().chain(&KEPT_TABLES).chain(&SHARED_TABLES).find(|copied| copied.name == table);
            let copied = copied.unwrap_or_else(|| panic!("{table} is not copied"));
            let mut named: Vec<&str> = copied.column_names().collect();
            named.sort_unstable();
            assert_eq!(named, columns, "{table}");
        }
    }
}

impl House {
    /// Its address.
    fn url(&self) -> String {
        match self.options() {
            Some(options) => options.to_url_lossy().to_string(),
            None => format!("sqlite://{}", self.data().display()),
        }
    }

    /// Rooms with a document.
    async fn rooms(&self) -> i64 {
        const COUNT: &str = "SELECT count(*) FROM rooms";
        match self.options() {
            Some(options) => sqlx::query_scalar(COUNT).fetch_one(&mut options.connect().await.unwrap()).await.unwrap(),
            None => sqlx::query_scalar(COUNT).fetch_one(&mut self.file().connect().await.unwrap()).await.unwrap(),
        }
    }

    async fn look(&self) -> ReadOnlyStore {
        ReadOnlyStore::open(&self.place()).await.unwrap()
    }

    async fn tables_are_there(&self) -> bool {
        ReadOnlyStore::open(&self.place()).await.is_ok()
    }

    /// All tables, each with its columns in order.
    async fn tables(&self) -> Vec<(String, Vec<String>)> {
        let rows: Vec<(String, String)> = match self.options() {
            Some(options) => sqlx::query_as(
                "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'public'",
            )
            .fetch_all(&mut options.connect().await.unwrap())
            .await
            .unwrap(),
            None => sqlx::query_as(
                "SELECT tables.name, columns.name FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns
                 WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'",
            )
            .fetch_all(&mut self.file().connect().await.unwrap())
            .await
            .unwrap(),
        };
        let mut tables = std::collections::BTreeMap::<String, Vec<String>>::new();
        for (table, column) in rows {
            tables.entry(table).or_default().push(column);
        }
        for columns in tables.values_mut() {
            columns.sort_unstable();
        }
        tables.into_iter().collect()
    }
}
