//! What is posted to webhooks: everything that is kept, in order, signed, until it is taken; and what changed, gathered.

use serde_json::json;

use super::house::House;
use super::listener::Listener;
use super::receiver::{Receiver, SECRET, texts};

#[tokio::test]
async fn all_that_is_kept_is_posted_in_order_until_it_is_taken_also_after_a_restart() {
    let (receiver, address) = Receiver::open().await;
    let url = format!("http://{address}/events");
    let options = ["--webhook", &url, "--webhook-secret", SECRET, "--webhook-digest", "50ms"];
    let house = House::open(&options).await;
    let (mut ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    for text in ["a", "b"] {
        ada.ask("chat.message", json!({"text": text}), "ack").await;
    }
    receiver.until("both are taken", |receiver| receiver.taken("chat.message").len() == 2).await;
    receiver.fail(true);
    for text in ["c", "d", "e"] {
        ada.ask("chat.message", json!({"text": text}), "ack").await;
    }
    receiver.until("it was tried", |receiver| receiver.refused() > 0).await;
    receiver.fail(false);
    receiver.until("all is taken", |receiver| receiver.taken("chat.message").len() == 5).await;
    assert_eq!(texts(&receiver.taken("chat.message")), ["a", "b", "c", "d", "e"]);
    let first = &receiver.taken("chat.message")[0];
    assert_eq!((&first["id"], &first["room"], &first["from"]["name"]), (&json!("1"), &json!("lisbon"), &json!("ada")));
    let item = json!({"operations": [{"op": "item.add", "id": "x", "item": {"kind": "meal", "title": "x"}}]});
    let version = ada.ask("doc.patch", item, "doc.patched").await["data"]["version"].clone();
    receiver
        .until("the change is posted", |receiver| {
            receiver.taken("doc.changed").iter().any(|event| event["data"]["version"] == version)
        })
        .await;
    let changed = receiver.taken("doc.changed").pop().unwrap();
    assert_eq!(
        (&changed["data"]["pointers"], &changed["data"]["by"]),
        (&json!(["/items/x"]), &json!(["ada"])),
        "{changed}"
    );
    // What it did not get when the server stopped comes when the room opens again.
    receiver.fail(true);
    ada.ask("chat.message", json!({"text": "f"}), "ack").await;
    let (stopped, folder) = house.stop().await;
    stopped.unwrap();
    receiver.fail(false);
    let house = House::open_in(folder, &options).await;
    let (_ada, _) = Listener::join(house.address, "lisbon", "name=ada").await;
    receiver
        .until("the last one is taken", |receiver| texts(&receiver.taken("chat.message")).last() == Some(&"f"))
        .await;
    assert_eq!(texts(&receiver.taken("chat.message")), ["a", "b", "c", "d", "e", "f"], "and no other one again");
}
