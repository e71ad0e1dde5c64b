//! The JSON socket as an AsyncAPI document: its one channel, and what is said on it both ways, made of the schema at
//! `/v1/schema`, so that there is no second list of events. Served at `/asyncapi.json`; a test holds it against AsyncAPI's
//! own parser.

use serde_json::{Map, Value, json};

use super::event_schema::{schema, variants};
use crate::room::event::VERSION;
use crate::room::event::request::REFERENCE_MAX;

const ABOUT: &str = "A trip room as JSON events, for agents and thin clients: they read the trip, change it by operations, say \
    what they do, and hear what others do. Everything is told on the one channel. The text of docs/events.md says when.";
/// What a client's frame has beside its type and data.
const FRAME: &str = "ClientFrame";
/// What the server's has.
const ENVELOPE: &str = "ServerFrame";

/// One direction of the channel.
struct Side {
    /// What keys of its messages begin with: some events go both ways.
    prefix: &'static str,
    /// The form around its messages.
    frame: &'static str,
}

const TOLD: Side = Side { prefix: "told", frame: ENVELOPE };
const SAID: Side = Side { prefix: "said", frame: FRAME };

/// The document.
pub fn document() -> Value {
    let mut schema = schema();
    let Value::Object(mut schemas) = schema["$defs"].take() else { unreachable!("there are definitions") };
    let envelope = schema["allOf"][1].take();
    let [told, said] = ["Event", "Request"].map(|name| schemas.remove(name).expect("both are defined"));
    schemas.insert(ENVELOPE.to_owned(), envelope);
    schemas.insert(FRAME.to_owned(), frame());
    let (told, said) = (TOLD.messages(&told), SAID.messages(&said));
    let keys = |messages: &Map<String, Value>| messages.keys().cloned().collect::<Vec<_>>();
    let on_channel = |key: &String| json!({"$ref": format!("#/channels/room/messages/{key}")});
    let operation = |action: &str, summary: &str, messages: &Map<String, Value>| {
        json!({
            "action": action,
            "channel": {"$ref": "#/channels/room"},
            "summary": summary,
            "security": [
                {"$ref": "#/components/securitySchemes/token"},
                {"$ref": "#/components/securitySchemes/tokenInQuery"},
            ],
            "messages": keys(messages).iter().map(on_channel).collect::<Vec<_>>(),
        })
    };
    let operations = json!({
        "tell": operation("send", "What clients hear.", &told),
        "hear": operation("receive", "What clients may say.", &said),
    });
    let messages: Map<String, Value> = told.into_iter().chain(said).collect();
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "triproom",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "channels": {"room": channel(&keys(&messages))},
        "operations": operations,
        "components": {"schemas": schemas, "messages": messages, "securitySchemes": security()},
    });
    adapt(&mut document);
    document
}

fn channel(messages: &[String]) -> Value {
    let messages = messages.iter().map(|key| (key.clone(), json!({"$ref": format!("#/components/messages/{key}")})));
    let text = |description: &str| json!({"type": "string", "description": description});
    let query = json!({
        "type": "object",
        "properties": {
            "token": text("The credential, where a client cannot set headers."),
            "name": text("Who it is, while authentication is off; `agent:planner` is an agent."),
            "cursor": text("The kept events behind this one are told first: the `id` of the last one that was heard."),
        },
    });
    json!({
        "address": "/v1/rooms/{room}/socket",
        "title": "A room",
        "description": "A WebSocket; each text frame is one message.",
        "parameters": {"room": {"description": "The room's name, percent-encoded.", "examples": ["lisbon-2026"]}},
        "messages": messages.collect::<Map<_, _>>(),
        "bindings": {"ws": {"method": "GET", "query": query, "bindingVersion": "0.1.0"}},
    })
}

fn security() -> Value {
    json!({
        "token": {
            "type": "http", "scheme": "bearer",
            "description": "A token of the product's login, a room's ticket, or an agent's API key. None is needed while \
                            authentication is off.",
        },
        "tokenInQuery": {
            "type": "httpApiKey", "in": "query", "name": "token", "description": "The same where headers cannot be set.",
        },
    })
}

fn frame() -> Value {
    json!({
        "type": "object",
        "description": "What stands around whatever a client says.",
        "properties": {
            "v": {"const": VERSION, "description": "The version of this form; it may be left out."},
            "ref": {"type": "string", "maxLength": REFERENCE_MAX, "description": "Comes back in the answer."},
        },
    })
}

impl Side {
    fn messages(&self, of: &Value) -> Map<String, Value> {
        let message = |(name, variant): (&str, &Value)| {
            let mut payload = variant.clone();
            let summary = payload["description"].take();
            let frame = json!({"$ref": format!("#/components/schemas/{}", self.frame)});
            let message = json!({
                "name": name,
                "title": name,
                "summary": summary,
                "correlationId": {"location": "$message.payload#/ref"},
                "payload": {"allOf": [frame, {"type": "object", "properties": payload["properties"], "required": payload["required"]}]},
            });
            (format!("{}.{name}", self.prefix), message)
        };
        variants(of).map(message).collect()
    }
}

/// Refers to definitions where this document has them; beside a reference, AsyncAPI takes nothing.
fn adapt(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref") {
                let target = target.replace("#/$defs/", "#/components/schemas/");
                *members = Map::from_iter([("$ref".to_owned(), target.into())]);
            }
            members.values_mut().for_each(adapt);
        }
        Value::Array(elements) => elements.iter_mut().for_each(adapt),
        _ => {}
    }
}
