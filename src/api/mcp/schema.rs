//! The forms of tools' arguments as JSON Schema. What a field of the trip may hold comes from its tables; what is added here is
//! for models: units, and which fields have another tool.

use rmcp::model::JsonObject;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::api::query::PAGE_MAX;
use crate::api::trip_schema;
use crate::room::patch::VERBS;
use crate::room::run::RUN_MAX;
use crate::room::trip::{BUDGET_CATEGORIES, Field, ITEM, Null, Record, Rule, TRIP};

/// Whether a field may be cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clearing {
    /// By null.
    ByNull,
    /// There is nothing in it yet.
    Nothing,
}

/// An amount of the budget.
static AMOUNT: Field = Field { name: "amount", rule: Rule::Amount, null: Null::Allowed };

/// Which part of a list.
pub fn of_list() -> JsonObject {
    let cursor = json!({"type": "string", "description": "`next` of the answer before; nothing for the first part."});
    object(json!({"cursor": cursor}), &[])
}

/// A room.
pub fn of_room() -> JsonObject {
    object(json!({"room": room()}), &["room"])
}

/// A room, and what of it.
pub fn of_read() -> JsonObject {
    let pointer = json!({
        "type": "string",
        "description": "JSON pointer (RFC 6901) to the part that you need; nothing for the whole trip.",
        "examples": ["/items", "/trip", "/notes"],
    });
    object(json!({"room": room(), "pointer": pointer}), &["room"])
}

/// Which events.
pub fn of_activity() -> JsonObject {
    let after =
        json!({"type": "string", "description": "Only events behind this one: an event's `id`, or a `cursor`."});
    let before =
        json!({"type": "string", "description": "Only events before this one. Not both `after` and `before`."});
    let kind = json!({"type": "string", "description": "Only of these types, with commas between them.",
                      "examples": ["chat.message,agent.command"]});
    let limit = json!({"type": "integer", "minimum": 1, "maximum": PAGE_MAX});
    object(json!({"room": room(), "after": after, "before": before, "type": kind, "limit": limit}), &["room"])
}

/// What an agent says, as it says it anywhere.
pub fn of_type<T: ToSchema>() -> JsonObject {
    let mut used = Vec::new();
    T::schemas(&mut used);
    let mut schema = serde_json::to_value(T::schema()).expect("a schema is JSON");
    inline(&mut schema, &used);
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let required: Vec<_> = ["room"].into_iter().chain(required).collect();
    let mut members = schema["properties"].clone();
    members["room"] = room();
    object(members, &required)
}

/// Puts definitions where they are referred to: clients that hand schemas to models do not all look them up.
fn inline(schema: &mut Value, used: &[(String, RefOr<Schema>)]) {
    match schema {
        Value::Object(members) => {
            let target = members.get("$ref").and_then(Value::as_str).and_then(|target| target.rsplit('/').next());
            let found = target.and_then(|target| used.iter().find(|(name, _)| name == target));
            if let Some((_, definition)) = found {
                *schema = serde_json::to_value(definition).expect("a schema is JSON");
                inline(schema, used);
            } else {
                members.values_mut().for_each(|value| inline(value, used));
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|value| inline(value, used)),
        _ => {}
    }
}

/// Any operations.
pub fn of_patch() -> JsonObject {
    let words = ["add", "remove", "replace", "move", "copy", "test"].into_iter();
    let words: Vec<_> = words.chain(VERBS.iter().map(|usage| usage.name)).collect();
    let operations = json!({
        "type": "array",
        "description": "Done in order; all of them or none.",
        "items": {
            "type": "object",
            "properties": {"op": {"type": "string", "enum": words}},
            "required": ["op"],
        },
    });
    changing(json!({"operations": operations}), &["operations"])
}

/// Whose work is taken back.
pub fn of_undo() -> JsonObject {
    let agent = json!({"type": "string", "examples": ["agent:planner"],
                       "description": "The id of the agent that did it; without it, you."});
    let run = json!({"type": "string", "minLength": 1, "maxLength": RUN_MAX,
                     "description": "The `run` that its changes named; without it, those that named none."});
    object(json!({"room": room(), "agent": agent, "run": run}), &["room"])
}

/// What becomes of which suggestion.
pub fn of_decision() -> JsonObject {
    let id = json!({"type": "string", "description": "The suggestion's `id`.", "examples": ["17"]});
    let decision = json!({"type": "string", "enum": ["accept", "reject"]});
    object(json!({"room": room(), "id": id, "decision": decision}), &["room", "id", "decision"])
}

/// The members of one verb.
pub fn of_verb(verb: &str) -> JsonObject {
    let id = |what: &str| json!({"type": "string", "description": format!("The id of {what}, as read_trip gives it.")});
    let beside = |where_| {
        let about = format!("The id of the item that it is to stand right {where_}. Not both `before` and `after`.");
        json!({"type": "string", "description": about})
    };
    let new_id = json!({"type": "string", "description": "Leave it out: an id is made."});
    match verb {
        "item.add" => {
            let mut item = record(&ITEM, &["rank", "by"], Clearing::Nothing);
            item["required"] = json!(["kind", "title"]);
            let members = json!({"item": item, "before": beside("before"), "after": beside("after"), "id": new_id});
            changing(members, &["item"])
        }
        "item.move" => {
            let day = "The day, YYYY-MM-DD; null: not planned. Without it the item stays in the day of its neighbour.";
            let day = json!({"type": ["string", "null"], "format": "date", "description": day});
            let (before, after) = (beside("before"), beside("after"));
            changing(json!({"id": id("the item"), "day": day, "before": before, "after": after}), &["id"])
        }
        "item.update" => {
            let item = record(&ITEM, &["day", "rank", "by"], Clearing::ByNull);
            changing(json!({"id": id("the item"), "item": item}), &["id", "item"])
        }
        "item.remove" => changing(json!({"id": id("the item")}), &["id"]),
        "note.append" => {
            changing(json!({"text": {"type": "string", "minLength": 1, "description": "Markdown."}}), &["text"])
        }
        "comment.add" => {
            let text = json!({"type": "string", "minLength": 1});
            let anchor = json!({"type": "string", "description": "JSON pointer to what it is about."});
            let mentions = json!({
                "type": "array", "items": {"type": "string"},
                "description": "The ids of people who should look at it, as who_is_here gives them.",
            });
            let parent = id("the comment that it replies to");
            let members = json!({"text": text, "anchor": anchor, "parent": parent, "mentions": mentions, "id": new_id});
            changing(members, &["text"])
        }
        "budget.set" => {
            let amount = |what: &str| {
                let mut amount = of_field(&AMOUNT, Clearing::ByNull);
                amount["description"] =
                    format!("{what} Decimal text in the trip's currency, such as \"300.00\".").into();
                amount
            };
            let category = json!({"type": "string", "enum": BUDGET_CATEGORIES});
            let members = json!({
                "category": category,
                "planned": amount("With a category."),
                "spent": amount("With a category or without."),
                "total": amount("Without a category."),
            });
            changing(members, &[])
        }
        "trip.update" => changing(json!({"trip": record(&TRIP, &[], Clearing::ByNull)}), &["trip"]),
        other => unreachable!("{other} has no tool"),
    }
}

fn room() -> Value {
    json!({"type": "string", "description": "The room's name, as list_rooms gives it or the user said it.",
           "examples": ["lisbon-2026"]})
}

/// The arguments of a tool that changes something.
fn changing(members: Value, required: &[&str]) -> JsonObject {
    let Value::Object(mut members) = members else { unreachable!("members are an object") };
    members.insert("room".to_owned(), room());
    let if_version = "Only if the document's version is this one, as read_trip gave it. Leave it out when others may go \
        on working: changes of other places are no harm.";
    members.insert("if_version".to_owned(), json!({"type": "string", "description": if_version}));
    let dry_run = "Change nothing, and say what would change and which warnings would be new.";
    members.insert("dry_run".to_owned(), json!({"type": "boolean", "description": dry_run}));
    let suggest = "Only put the change forward: a person accepts or rejects it. The answer is the suggestion's id.";
    members.insert("suggest".to_owned(), json!({"type": "boolean", "description": suggest}));
    let run = "Your own name for the piece of work that this is part of, the same for all of it: a person can take it all \
        back at once.";
    members.insert("run".to_owned(), json!({"type": "string", "maxLength": RUN_MAX, "description": run}));
    let required: Vec<_> = ["room"].into_iter().chain(required.iter().copied()).collect();
    object(members.into(), &required)
}

fn object(properties: Value, required: &[&str]) -> JsonObject {
    let members = [
        ("type", "object".into()),
        ("properties", properties),
        ("required", required.into()),
        ("additionalProperties", false.into()),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A record's fields but for some.
fn record(record: &Record, but: &[&str], clearing: Clearing) -> Value {
    let fields = record.fields.iter().filter(|field| !but.contains(&field.name));
    let properties: Map<String, Value> =
        fields.map(|field| (field.name.to_owned(), of_field(field, clearing))).collect();
    json!({"type": "object", "properties": properties})
}

fn of_field(field: &Field, clearing: Clearing) -> Value {
    let mut schema = match field.rule {
        // The list of all currencies is long, and models know them.
        Rule::Currency => json!({"type": "string", "pattern": "^[A-Z]{3}$"}),
        _ => serde_json::to_value(trip_schema::of(field)).expect("a schema is JSON"),
    };
    if clearing == Clearing::ByNull {
        allow_null(&mut schema);
    }
    if let Some(about) = about(field) {
        schema["description"] = about.into();
    }
    schema
}

/// What a model would not guess of a field.
fn about(field: &Field) -> Option<&'static str> {
    Some(match (field.name, field.rule) {
        ("place", _) => {
            "Where it is: `name`, and if known `lat` and `lng` in degrees. Coordinates make warnings about \
            distances possible."
        }
        ("flexible", _) => "Whether it may be moved.",
        ("notes", _) => "Text, Markdown.",
        ("details", _) => "Whatever else belongs to this kind of item.",
        (_, Rule::Date) => "YYYY-MM-DD.",
        (_, Rule::Time) => "RFC 3339 with the zone of the place, such as 2026-05-02T19:30:00+01:00.",
        (_, Rule::Amount) => "Decimal text, such as \"35.00\", in `currency`.",
        (_, Rule::Currency) => "ISO 4217, such as EUR.",
        _ => return None,
    })
}

fn allow_null(schema: &mut Value) {
    if let Some(Value::String(kind)) = schema.get("type") {
        schema["type"] = json!([kind, "null"]);
    }
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::tools::{self, RoomWork, Work};
    use super::*;

    fn members(schema: &JsonObject) -> BTreeSet<&str> {
        schema["properties"].as_object().expect("properties").keys().map(String::as_str).collect()
    }

    #[test]
    fn a_tool_takes_what_its_verb_takes_and_its_example_is_one() {
        let mut verbs = 0;
        for tool in tools::all() {
            let (work, _) = tools::find(&tool.name).expect("it is there");
            let members = members(&tool.input_schema);
            let about = tool.description.as_deref().expect("a description");
            if work == Work::In(RoomWork::Patch) {
                assert!(VERBS.iter().all(|usage| about.contains(usage.example)));
                continue;
            }
            let (_, example) = about.split_once("Example: ").expect("an example");
            let example: JsonObject = serde_json::from_str(example).expect("JSON");
            assert!(example.keys().all(|member| members.contains(member.as_str())), "{example:?}");
            let required = tool.input_schema["required"].as_array().expect("a list");
            assert!(required.iter().all(|name| example.contains_key(name.as_str().expect("a name"))), "{example:?}");
            let Work::In(RoomWork::Verb(verb)) = work else { continue };
            verbs += 1;
            let usage = VERBS.iter().find(|usage| usage.name == verb).expect("a verb");
            let own: BTreeSet<_> =
                usage.members.iter().copied().chain(["room", "if_version", "dry_run", "suggest", "run"]).collect();
            assert_eq!(members, own, "{verb}");
        }
        assert_eq!(verbs, 8);
    }

    #[test]
    fn fields_come_from_the_trip() {
        let update = of_verb("item.update");
        let fields = &update["properties"]["item"]["properties"];
        assert!(fields.get("day").is_none() && fields.get("rank").is_none());
        assert_eq!(fields["title"]["type"], json!(["string", "null"]));
        assert_eq!(fields["booking_status"]["enum"][5], Value::Null);
        assert!(fields["price"]["description"].as_str().expect("text").contains("35.00"));
        assert_eq!(of_verb("item.add")["properties"]["item"]["properties"]["title"]["type"], "string");
    }
}
