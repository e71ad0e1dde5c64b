//! `triproom key` and `triproom token`, as a shell sees them, beside a server that uses the same folder.

use std::process::{Command, Output};

use triproom::access::{BadToken, Credential, Grant, PassChange, PassEnd};
use triproom::room::role::Role;

use super::house::{House, SECRET, change, room};

fn triproom(house: &House, line: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_triproom"));
    command.args(line).arg("--data").arg(house.folder.path()).env_remove("TRIPROOM_JWT_SECRET").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_key_is_made_shown_once_used_and_taken_back() {
    let house = House::new().await;
    house.room("a", "olga").await;
    let line = ["key", "create", "--agent", "planner", "--rooms", "a,b", "--role", "editor", "--on-behalf-of", "ada"];
    let made = triproom(&house, &line);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let key = text(&made.stdout);
    let key = key.strip_suffix('\n').unwrap();
    assert!(key.starts_with("trk_") && !key.contains('\n') && !text(&made.stderr).contains(key));

    let who = house.identify(key).await.unwrap();
    let Credential::Key(id) = &who.credential else { panic!("{who:?}") };
    let mut pass = house.access.enter(&who, &room("a")).await.unwrap();
    assert_eq!((pass.role(), pass.principal().id.as_str()), (Role::Editor, "agent:planner"));

    let listed = text(&triproom(&house, &["key", "list"]).stdout);
    let row = listed.lines().find(|row| row.starts_with(id.as_str())).unwrap();
    for cell in ["agent:planner", "editor", "a,b", "room:read,room:write,room:status", "ada"] {
        assert!(row.contains(cell), "{row}");
    }
    assert!(!listed.contains("trk_") && !listed.contains(key));

    assert!(triproom(&house, &["key", "revoke", id.as_str()]).status.success());
    assert_eq!(change(&mut pass).await, PassChange::Ended(PassEnd::Revoked));
    assert_eq!(house.identify(key).await, Err(BadToken::NoSuchKey.into()));
}

#[tokio::test]
async fn what_a_key_command_refuses() {
    let house = House::new().await;
    let unknown = triproom(&house, &["key", "revoke", "0123"]);
    assert!(!unknown.status.success() && text(&unknown.stderr).contains("0123"));
    for (line, says) in [
        (&["key", "create", "--agent", "p", "--rooms", "*", "--role", "king"][..], "viewer, commenter"),
        (&["key", "create", "--agent", "p", "--rooms", "a,*", "--role", "viewer"], "all rooms"),
        (&["key", "create", "--agent", "", "--rooms", "a", "--role", "viewer"], "empty"),
        (&["key", "create", "--agent", "p", "--role", "viewer"], "--rooms"),
        (&["key", "create", "--agent", "p", "--rooms", "a", "--role", "viewer", "--scope", "all"], "room:read"),
    ] {
        let refused = triproom(&house, line);
        assert!(!refused.status.success() && refused.stdout.is_empty());
        assert!(text(&refused.stderr).contains(says), "{}", text(&refused.stderr));
    }
    let elsewhere = tempfile::TempDir::new().unwrap();
    let folder = elsewhere.path().join("none");
    for line in [&["key", "list"][..], &["key", "revoke", "0123"]] {
        let none = Command::new(env!("CARGO_BIN_EXE_triproom")).args(line).arg("--data").arg(&folder).output().unwrap();
        assert!(!none.status.success());
    }
    assert!(!folder.exists(), "looking for keys makes no folder");
}

#[tokio::test]
async fn tokens_and_tickets_are_signed() {
    let house = House::new().await;
    house.room("trip", "olga").await;
    let sign = |line: &[&str]| {
        let signed = triproom(&house, &[&["token"], line].concat());
        assert!(signed.status.success(), "{}", text(&signed.stderr));
        text(&signed.stdout).trim().to_owned()
    };
    let ada = house.identify(&sign(&["--sub", "ada", "--name", "Ada", "--jwt-secret", SECRET])).await.unwrap();
    assert_eq!((ada.principal.id.as_str(), ada.principal.name.as_deref()), ("ada", Some("Ada")));
    let line = ["--sub", "ada", "--room", "trip", "--role", "commenter", "--jwt-secret", SECRET];
    let grant = Grant::Room { room: room("trip"), role: Role::Commenter, issuer: None };
    assert_eq!(house.identify(&sign(&line)).await.unwrap().grant, grant);
    let line = ["--sub", "ada", "--room", "trip", "--role", "viewer", "--ttl", "1m", "--ticket"];
    let ticket = house.identify(&sign(&line)).await.unwrap();
    assert_eq!(ticket.credential, Credential::Ticket);
    assert_eq!(house.access.enter(&ticket, &room("trip")).await.unwrap().role(), Role::Viewer);
    for (line, says) in [
        (&["--sub", "ada"][..], "--jwt-secret"),
        (&["--sub", "ada", "--ticket"], "--room"),
        (&["--sub", "ada", "--room", "trip", "--jwt-secret", "s"], "--role"),
        (&["--sub", "agent:x", "--jwt-secret", "s"], "agent:"),
    ] {
        let refused = triproom(&house, &[&["token"], line].concat());
        assert!(!refused.status.success() && text(&refused.stderr).contains(says), "{}", text(&refused.stderr));
    }
}
