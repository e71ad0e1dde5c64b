//! JSON Patch (RFC 6902) as JSON Schema.

use std::borrow::Cow;

use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A list of operations.
pub struct JsonPatch;

impl PartialSchema for JsonPatch {
    fn schema() -> RefOr<Schema> {
        let operations = OneOfBuilder::new()
            .item(
                operation(&["add", "replace", "test"])
                    .property("value", ObjectBuilder::new().schema_type(utoipa::openapi::schema::SchemaType::AnyValue))
                    .required("value"),
            )
            .item(operation(&["remove"]))
            .item(
                operation(&["move", "copy"]).property("from", pointer("Where the value comes from.")).required("from"),
            );
        ArrayBuilder::new()
            .items(operations)
            .description(Some("Operations in order; all are done, or none."))
            .examples([json!([
                { "op": "test", "path": "/trip/title", "value": "Lisbon" },
                { "op": "add", "path": "/trip/title", "value": "Lisbon and Porto" },
                { "op": "add", "path": "/items/a1", "value": { "kind": "activity", "title": "Fado", "rank": "a0" } },
            ])])
            .into()
    }
}

impl ToSchema for JsonPatch {
    fn name() -> Cow<'static, str> {
        "JsonPatch".into()
    }
}

fn operation(words: &'static [&'static str]) -> ObjectBuilder {
    let op = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied()));
    ObjectBuilder::new()
        .property("op", op)
        .required("op")
        .property("path", pointer("What is changed."))
        .required("path")
}

fn pointer(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^(/([^~]|~[01])*)*$"))
        .description(Some(format!("A JSON pointer (RFC 6901) into the document. {description}")))
}
