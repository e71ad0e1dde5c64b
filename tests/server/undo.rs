//! Taking back what an agent did: by run, after a restart, and only what nobody has touched since.

use serde_json::{Value, json};

use super::house::House;
use super::listener::Listener;

const PLANNER: &str = "name=agent:Planner";
const RUN: &str = "plan-day-3";

fn in_run(run: &str, operations: &Value) -> Value {
    json!({"operations": operations, "run": run})
}

async fn json_of(listener: &mut Listener) -> Value {
    listener.ask("doc.read", json!({}), "doc.content").await["data"]["value"].clone()
}

#[tokio::test]
async fn a_run_is_taken_back_as_far_as_nobody_touched_it_also_after_a_restart() {
    let house = House::open(&[]).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    let start = json!([
        {"op": "item.add", "id": "lunch", "item": {"kind": "meal", "title": "Lunch"}},
        {"op": "note.append", "text": "We fly on Monday."},
    ]);
    ada.ask("doc.patch", json!({"operations": start}), "doc.patched").await;
    let before = json_of(&mut ada).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    for operations in [
        json!([{"op": "item.update", "id": "lunch", "item": {"title": "Late lunch", "price": "12.00"}}]),
        json!([{"op": "item.add", "id": "fado", "item": {"kind": "event", "title": "Fado"}}, {"op": "note.append", "text": "Sing."}]),
        json!([{"op": "item.remove", "id": "lunch"}]),
    ] {
        agent.ask("doc.patch", in_run(RUN, &operations), "doc.patched").await;
    }
    let other = json!([{"op": "trip.update", "trip": {"title": "Lisbon"}}]);
    agent.ask("doc.patch", in_run("another", &other), "doc.patched").await;
    // Everybody hears what was done, by pointers alone.
    let edited = ada.until("doc.edited", |event| event["data"]["pointers"][0] == "/items/fado").await;
    assert_eq!(
        edited["data"],
        json!({"run": RUN, "summary": "item.add, note.append", "pointers": ["/items/fado", "/notes"], "more": false, "undoable": true})
    );
    assert_eq!(edited["from"]["id"], "agent:Planner");
    ada.ask("doc.patch", json!({"operations": [{"op": "note.append", "text": "And back on Friday."}]}), "doc.patched")
        .await;
    let (stopped, folder) = house.stop().await;
    stopped.unwrap();

    let house = House::open_in(folder, &[]).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    let (mut bob, _) = Listener::join(house.address, "lisbon", "name=bob").await;
    let wanted = json!({"agent": "agent:Planner", "run": RUN});
    let undone = ada.ask("doc.undo", wanted.clone(), "doc.undone").await["data"].clone();
    assert_eq!(
        (&undone["edits"], &undone["undone"], &undone["kept"]),
        (&json!(3), &json!(["/items/fado", "/items/lunch", "/notes"]), &json!([]))
    );
    let told = bob.until("doc.undone", |_| true).await;
    assert_eq!((&told["data"]["run"], told["id"].is_string()), (&json!(RUN), true));
    let now = json_of(&mut ada).await;
    assert_eq!(now["items"], before["items"]);
    assert_eq!(now["notes"], "We fly on Monday.\nAnd back on Friday.");
    assert_eq!(now["trip"]["title"], "Lisbon", "another run is another run");
    assert_eq!(undone["version"], ada.ask("doc.read", json!({}), "doc.content").await["data"]["version"]);
    // What was taken back once is not taken back again.
    let again = ada.ask("doc.undo", wanted, "doc.undone").await;
    assert_eq!((&again["data"]["edits"], &again["data"]["undone"]), (&json!(0), &json!([])));
    assert_eq!(json_of(&mut ada).await, now);
}

#[tokio::test]
async fn what_somebody_changed_since_stays_and_is_named() {
    let house = House::open(&[]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    let fado = json!([{"op": "item.add", "id": "fado", "item": {"kind": "event", "title": "Fado"}}]);
    // Without a run it is the agent's work outside of any.
    agent.ask("doc.patch", json!({"operations": fado}), "doc.patched").await;
    let book = json!([{"op": "item.update", "id": "fado", "item": {"booking_status": "booked"}}]);
    ada.ask("doc.patch", json!({"operations": book}), "doc.patched").await;
    let undone = ada.ask("doc.undo", json!({"agent": "agent:Planner"}), "doc.undone").await;
    assert_eq!(undone["data"]["kept"], json!([{"pointer": "/items/fado", "why": "changed"}]));
    assert_eq!(json_of(&mut ada).await["items"]["fado"]["booking_status"], "booked");
    // The agent may go on in the same run, and that is taken back by itself.
    let music = json!([{"op": "item.add", "id": "music", "item": {"kind": "event", "title": "Music"}}]);
    agent.ask("doc.patch", json!({"operations": music}), "doc.patched").await;
    let undone = ada.ask("doc.undo", json!({"agent": "agent:Planner"}), "doc.undone").await;
    assert_eq!((&undone["data"]["undone"], &undone["data"]["kept"]), (&json!(["/items/music"]), &json!([])));
    for (wrong, field) in [
        (json!({"agent": ""}), "/data/agent"),
        (json!({"agent": "agent:x", "run": "x".repeat(101)}), "/data/run"),
        (json!({"agent": "agent:x", "runs": "x"}), "/data/runs"),
    ] {
        assert_eq!(ada.ask("doc.undo", wrong, "error").await["data"]["field"], *field);
    }
}

#[tokio::test]
async fn what_is_too_much_to_be_kept_is_said_and_stays() {
    let house = House::open(&[]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    let much = json!([{"op": "add", "path": "/drafts", "value": {"text": "x".repeat(300_000)}}]);
    agent.ask("doc.patch", in_run(RUN, &much), "doc.patched").await;
    let edited = ada.until("doc.edited", |_| true).await;
    assert_eq!((&edited["data"]["undoable"], &edited["data"]["pointers"]), (&json!(false), &json!(["/drafts"])));
    let undone = ada.ask("doc.undo", json!({"agent": "agent:Planner", "run": RUN}), "doc.undone").await;
    assert_eq!(undone["data"]["kept"], json!([{"pointer": "/drafts", "why": "too_large"}]));
}

#[tokio::test]
async fn how_much_can_be_taken_back_is_an_option() {
    let house = House::open(&["--max-undo-patch", "512KiB", "--max-undo", "800KiB"]).await;
    let (mut agent, _) = Listener::join(house.address, "lisbon", PLANNER).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    let undo = |run: &str| json!({"agent": "agent:Planner", "run": run});
    for (run, drafts) in [("one", ["a"].as_slice()), ("much", &["b", "c", "d"])] {
        for draft in drafts {
            let text = json!([{"op": "add", "path": format!("/{draft}"), "value": {"text": "x".repeat(300_000)}}]);
            agent.ask("doc.patch", in_run(run, &text), "doc.patched").await;
            assert_eq!(ada.until("doc.edited", |_| true).await["data"]["undoable"], true);
        }
    }
    assert_eq!(ada.ask("doc.undo", undo("one"), "doc.undone").await["data"]["undone"], json!(["/a"]));
    let fault = ada.ask("doc.undo", undo("much"), "error").await["data"].clone();
    assert_eq!(fault["code"], "message_too_large", "{fault}");
    assert_eq!(json_of(&mut ada).await["d"]["text"].as_str().map(str::len), Some(300_000));
}
