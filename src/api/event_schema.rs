//! The JSON Schema of events and requests of JSON sockets, made of their Rust types. Served at `/v1/schema`; a test holds what
//! the server sends against it.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::room::event::request::Request;
use crate::room::event::{Envelope, Event};

/// Where utoipa finds the types that others use.
const COMPONENTS: &str = "#/components/schemas/";

/// The names of all that the server says, in the order of its enum.
pub static TOLD: LazyLock<Vec<String>> = LazyLock::new(|| {
    let events = plain(&Event::schema());
    variants(&events).map(|(name, _)| name.to_owned()).collect()
});

/// The names of the events or requests of an enum's schema, and the schema of each.
pub fn variants(of: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let all = of["oneOf"].as_array().expect("there are several").iter();
    all.map(|variant| (variant["properties"]["type"]["enum"][0].as_str().expect("each has its name"), variant))
}

/// The schema: what the server sends, and under `$defs/Request` what clients may.
pub fn schema() -> Value {
    let mut used: Vec<(String, RefOr<Schema>)> = Vec::new();
    Envelope::schemas(&mut used);
    Request::schemas(&mut used);
    used.push((Request::name().into_owned(), Request::schema()));
    let mut definitions: Map<String, Value> = used.into_iter().map(|(name, schema)| (name, plain(&schema))).collect();
    allow_no_data(&mut definitions);
    let mut root = plain(&Envelope::schema());
    let members = root.as_object_mut().expect("a schema is an object");
    members.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    members.insert("title".to_owned(), json!("Events of a trip room"));
    members.insert("$defs".to_owned(), definitions.into());
    root
}

/// Requests whose data may be empty may have none.
fn allow_no_data(definitions: &mut Map<String, Value>) {
    let needs = |definitions: &Map<String, Value>, variant: &Value| {
        let target = variant["properties"]["data"]["$ref"].as_str().and_then(|target| target.strip_prefix("#/$defs/"));
        target.is_none_or(|name| definitions[name].get("required").is_some())
    };
    let mut request = definitions[&*Request::name()].clone();
    for variant in request["oneOf"].as_array_mut().expect("there are several requests") {
        if !needs(definitions, variant)
            && let Some(required) = variant["required"].as_array_mut()
        {
            required.retain(|member| member != "data");
        }
    }
    definitions.insert(Request::name().into_owned(), request);
}

fn plain(schema: &RefOr<Schema>) -> Value {
    let mut value = serde_json::to_value(schema).expect("a schema is JSON");
    localize(&mut value);
    value
}

/// Refers to definitions where this document has them.
fn localize(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get_mut("$ref")
                && let Some(name) = target.strip_prefix(COMPONENTS)
            {
                *target = format!("#/$defs/{name}");
            }
            members.values_mut().for_each(localize);
        }
        Value::Array(elements) => elements.iter_mut().for_each(localize),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::event::request::TYPES;

    /// All that is referred to is there.
    fn check(value: &Value, definitions: &Map<String, Value>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    let name = target.strip_prefix("#/$defs/").unwrap_or_else(|| panic!("{target}"));
                    assert!(definitions.contains_key(name), "{target}");
                }
                members.values().for_each(|value| check(value, definitions));
            }
            Value::Array(elements) => elements.iter().for_each(|value| check(value, definitions)),
            _ => {}
        }
    }

    #[test]
    fn all_that_is_told_has_a_name() {
        assert!(TOLD.len() > 20 && TOLD[0] == "room.welcome" && TOLD.iter().any(|name| name == "heartbeat"));
    }

    #[test]
    fn it_is_whole_and_names_everything() {
        let schema = schema();
        let definitions = schema["$defs"].as_object().expect("there are definitions");
        check(&schema, definitions);
        let text = schema.to_string();
        for kind in TYPES.iter().chain(&["room.welcome", "agent.status", "doc.changed", "trip.warning", "error"]) {
            assert!(text.contains(&format!("\"{kind}\"")), "{kind}");
        }
    }
}
