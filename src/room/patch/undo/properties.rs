//! Random patches of an agent among random edits of people, with restarts: when the agent's are taken back, the document is
//! what people alone have made of it. Every value and every letter that is written is another one, so that it can be told
//! whose each is.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};
use yrs::{Map, MapPrelim, Text, TextPrelim, WriteTxn};

use super::tests::{House, entry};
use super::*;

const FIELDS: [&str; 3] = ["title", "url", "booking_reference"];
const TEXTS: [&str; 3] = ["/notes", "/items/0/notes", "/items/1/notes"];

/// Something that one of them does.
#[derive(Debug, Clone)]
enum Step {
    /// Sets a field of the item that a number picks.
    Set(usize, usize),
    /// Clears a field.
    Clear(usize, usize),
    /// Adds an item with a name of its own.
    Add,
    /// Removes an item.
    Remove(usize),
    /// Types so many letters into a text.
    Type(usize, u32, u32),
    /// Deletes so many letters of a text.
    Delete(usize, u32, u32),
    /// Sets a field of the trip or of its preferences.
    Trip(usize),
}

#[derive(Debug, Clone)]
enum Turn {
    Agent(Vec<Step>),
    Person(Step),
    /// A person types letters at the beginning of the notes and has not heard of the agent's latest patches.
    Offline(u32),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6usize, 0..3usize).prop_map(|(item, field)| Step::Set(item, field)),
        1 => (0..6usize, 0..3usize).prop_map(|(item, field)| Step::Clear(item, field)),
        2 => Just(Step::Add),
        1 => (0..6usize).prop_map(Step::Remove),
        5 => (0..3usize, 0..40u32, 1..6u32).prop_map(|(text, at, letters)| Step::Type(text, at, letters)),
        3 => (0..3usize, 0..40u32, 1..6u32).prop_map(|(text, at, letters)| Step::Delete(text, at, letters)),
        2 => (0..4usize).prop_map(Step::Trip),
    ]
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        5 => prop::collection::vec(step(), 1..4).prop_map(Turn::Agent),
        5 => step().prop_map(Turn::Person),
        1 => (1..6u32).prop_map(Turn::Offline),
        1 => Just(Turn::Restart),
    ]
}

/// What people alone have made of the document: fields with their values, letters that nobody but the agent deleted.
#[derive(Default)]
struct Model {
    /// What there would be without the agent.
    items: BTreeMap<String, BTreeMap<String, Value>>,
    trip: BTreeMap<String, Value>,
    /// The letters of each text, in no order.
    texts: BTreeMap<String, BTreeSet<char>>,
    /// Items of the agent that people have written to since: they stay as they are.
    adopted: BTreeSet<String>,
    /// Fields that the agent has cleared: who clears them again changes nothing that is seen.
    cleared: BTreeSet<String>,
    made: u32,
}

impl Model {
    /// A value that nobody has written before.
    fn fresh(&mut self) -> String {
        self.made += 1;
        format!("v{}", self.made)
    }

    /// Letters that nobody has written before, one of two units among them.
    fn letters(&mut self, count: u32) -> String {
        let first = self.made + if self.made.is_multiple_of(3) { 0x2_0000 } else { 0x4e00 };
        self.made += count;
        (first..first + count).filter_map(char::from_u32).collect()
    }
}

fn pick(document: &Value, number: usize) -> Option<String> {
    let items = document["items"].as_object().expect("items");
    items.keys().nth(number % items.len().max(1)).cloned()
}

/// The text at a pointer when a piece of it is exchanged, at a place that is within it.
fn exchanged(text: &str, at: u32, delete: u32, insert: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let at = at as usize % (letters.len() + 1);
    let end = (at + delete as usize).min(letters.len());
    letters[..at].iter().copied().chain(insert.chars()).chain(letters[end..].iter().copied()).collect()
}

fn agent(house: &mut House, model: &mut Model, steps: &[Step]) {
    for step in steps {
        let document = house.json();
        let operation = match step {
            Step::Set(item, field) | Step::Clear(item, field) => {
                let Some(id) = pick(&document, *item) else { continue };
                let path = format!("/items/{id}/{}", FIELDS[*field]);
                match step {
                    Step::Set(..) => json!({"op": "add", "path": path, "value": model.fresh()}),
                    _ if document.pointer(&path).is_none() => continue,
                    _ => {
                        model.cleared.insert(path.clone());
                        json!({"op": "remove", "path": path})
                    }
                }
            }
            Step::Add => {
                let (id, title) = (model.fresh(), model.fresh());
                json!({"op": "add", "path": format!("/items/{id}"), "value": {"title": title, "notes": "?"}})
            }
            Step::Remove(item) => {
                let Some(id) = pick(&document, *item) else { continue };
                json!({"op": "remove", "path": format!("/items/{id}")})
            }
            Step::Type(text, at, letters) | Step::Delete(text, at, letters) => {
                let path = TEXTS[*text];
                let Some(Value::String(now)) = document.pointer(path) else { continue };
                let (delete, insert) = match step {
                    Step::Type(..) => (letters % 2, model.letters(*letters)),
                    _ => (*letters, String::new()),
                };
                json!({"op": "replace", "path": path, "value": exchanged(now, *at, delete, &insert)})
            }
            Step::Trip(0) => json!({"op": "add", "path": "/trip/title", "value": model.fresh()}),
            Step::Trip(field) if document["trip"]["preferences"].is_null() => {
                json!({"op": "add", "path": "/trip/preferences", "value": {field.to_string(): model.fresh()}})
            }
            Step::Trip(field) => {
                json!({"op": "add", "path": format!("/trip/preferences/{field}"), "value": model.fresh()})
            }
        };
        house.agent(&json!([operation]));
    }
}

/// A person exchanges some letters of a text, from a place that is within it.
fn types(house: &mut House, model: &mut Model, path: &str, (at, delete): (u32, u32), insert: &str) {
    let document = house.json();
    let Some(Value::String(now)) = document.pointer(path) else { return };
    let at = at as usize % (now.chars().count() + 1);
    let units = |letters: &str| u32::try_from(letters.encode_utf16().count()).expect("short");
    let before: String = now.chars().take(at).collect();
    let gone: String = now.chars().skip(at).take(delete as usize).collect();
    house.person(|txn| {
        txn.get_or_insert_text("notes");
        let text = find_text(txn, path).expect("a text");
        text.remove_range(txn, units(&before), units(&gone));
        text.insert(txn, units(&before), insert);
    });
    let letters = model.texts.entry(path.to_owned()).or_default();
    letters.retain(|letter| !gone.contains(*letter));
    letters.extend(insert.chars());
}

fn person(house: &mut House, model: &mut Model, step: &Step) {
    let document = house.json();
    match step {
        Step::Set(item, field) | Step::Clear(item, field) => {
            let Some(id) = pick(&document, *item) else { return };
            let (field, value) = (FIELDS[*field], model.fresh());
            let sets = matches!(step, Step::Set(..));
            let path = format!("/items/{id}/{field}");
            if !sets && (document.pointer(&path).is_none() || model.cleared.contains(&path)) {
                return;
            }
            house.person(|txn| {
                let item = entry(txn, "items", &id);
                if sets {
                    item.insert(txn, field, value.as_str());
                } else {
                    item.remove(txn, field);
                }
            });
            match model.items.get_mut(&id) {
                None => drop(model.adopted.insert(id)),
                Some(item) if sets => drop(item.insert(field.to_owned(), value.into())),
                Some(item) => drop(item.remove(field)),
            }
        }
        Step::Add => {
            let (id, title) = (model.fresh(), model.fresh());
            house.person(|txn| {
                let items = txn.get_or_insert_map("items");
                let item = items.insert(txn, id.as_str(), MapPrelim::from([("title", title.as_str())]));
                item.insert(txn, "notes", TextPrelim::new("!"));
            });
            let fields = [("title".to_owned(), title.into()), ("notes".to_owned(), json!("!"))];
            model.items.insert(id, fields.into());
        }
        Step::Remove(item) => {
            let Some(id) = pick(&document, *item) else { return };
            house.person(|txn| drop(txn.get_or_insert_map("items").remove(txn, &id)));
            model.items.remove(&id);
            model.adopted.remove(&id);
            model.texts.remove(&format!("/items/{id}/notes"));
        }
        Step::Type(text, at, letters) | Step::Delete(text, at, letters) => {
            let gone = if matches!(step, Step::Type(..)) { 0 } else { *letters };
            let insert = if gone == 0 { model.letters(*letters) } else { String::new() };
            types(house, model, TEXTS[*text], (*at, gone), &insert);
        }
        Step::Trip(0) => {
            let value = model.fresh();
            house.person(|txn| {
                txn.get_or_insert_map("trip").insert(txn, "title", value.as_str());
            });
            model.trip.insert("title".to_owned(), value.into());
        }
        Step::Trip(field) => {
            let value = model.fresh();
            let mut preferences = document["trip"]["preferences"].as_object().cloned().unwrap_or_default();
            preferences.insert(field.to_string(), value.clone().into());
            house.person(|txn| {
                let trip = txn.get_or_insert_map("trip");
                trip.insert(txn, "preferences", crate::room::json::to_any(&preferences.into()));
            });
            model.trip.insert(format!("preferences/{field}"), value.into());
        }
    }
}

fn removes(turns: &[Turn]) -> bool {
    let removes = |step: &Step| matches!(step, Step::Remove(_));
    turns.iter().any(|turn| matches!(turn, Turn::Agent(steps) if steps.iter().any(removes)))
}

fn check(turns: &[Turn]) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    let start = json!({"title": "start", "notes": "abcdefghij"});
    let mut house = House::new(&json!({
        "items": {"0": start, "1": {"title": "start", "notes": "klmnop"}, "2": {"url": "start"}},
        "notes": "ABCDEFGHIJKLMNOP", "trip": {"title": "start"},
    }));
    let before = house.json();
    for (id, item) in before["items"].as_object().expect("items") {
        let fields = item.as_object().expect("an item").iter();
        model.items.insert(id.clone(), fields.map(|(field, value)| (field.clone(), value.clone())).collect());
    }
    model.trip.insert("title".to_owned(), json!("start"));
    for path in TEXTS {
        let text = before.pointer(path).and_then(Value::as_str).expect("a text");
        model.texts.insert(path.to_owned(), text.chars().collect());
    }
    for turn in turns {
        match turn {
            Turn::Agent(steps) => agent(&mut house, &mut model, steps),
            Turn::Person(step) => person(&mut house, &mut model, step),
            Turn::Offline(count) => {
                let letters = model.letters(*count);
                house.person_offline(|txn| txn.get_or_insert_text("notes").insert(txn, 0, &letters));
                model.texts.entry("/notes".to_owned()).or_default().extend(letters.chars());
            }
            Turn::Restart => house.restart(),
        }
    }
    let then = house.json();
    let taken = house.undo();
    let now = house.json();
    if !turns.iter().any(|turn| matches!(turn, Turn::Person(_) | Turn::Offline(_))) {
        prop_assert_eq!(&now, &before);
    }
    for (path, letters) in &model.texts {
        let Some(text) = now.pointer(path).and_then(Value::as_str) else {
            prop_assert!(!model.items.contains_key(path.split('/').nth(2).unwrap_or_default()), "{path} is gone");
            continue;
        };
        // What stood around a piece of text is gone, and what was left of the piece itself went with the item for a time.
        if removes(turns) && taken.kept.iter().any(|kept| kept.pointer == *path && kept.why == Why::PlaceLost) {
            continue;
        }
        let found: BTreeSet<char> = text.chars().collect();
        prop_assert_eq!(&found, letters, "{} is {}", path, text);
        prop_assert_eq!(found.len(), text.chars().count(), "every letter once: {}", text);
    }
    let items = now["items"].as_object().expect("items");
    for (id, fields) in &model.items {
        let Some(item) = items.get(id) else { return Err(TestCaseError::fail(format!("{id} is gone"))) };
        for field in FIELDS {
            prop_assert_eq!(item.get(field), fields.get(field), "{} of {}", field, id);
        }
    }
    for (id, item) in items.iter().filter(|(id, _)| !model.items.contains_key(*id)) {
        prop_assert!(model.adopted.contains(id), "{id} is the agent's alone");
        prop_assert!(then["items"].get(id).is_some() || item.is_object());
    }
    let trip = |field: &str| now["trip"].pointer(&format!("/{field}"));
    for field in ["title", "preferences/1", "preferences/2", "preferences/3"] {
        prop_assert_eq!(trip(field), model.trip.get(field), "{}", field);
    }
    prop_assert_eq!(now["trip"].get("preferences").is_some(), model.trip.len() > 1);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn without_the_agent_it_is_what_people_made(turns in prop::collection::vec(turn(), 1..16)) {
        check(&turns)?;
    }
}
