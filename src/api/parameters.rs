//! Parameters of operations as the OpenAPI document describes them, each once. Who reads them is named beside each.

use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};

use super::cursor::{Cursor, List};
use super::event_query::{TYPES_MAX, WAIT_MAX};
use super::event_schema::TOLD;
use super::idempotency::{IDEMPOTENCY_KEY, KEY_MAX};
use super::query::{PAGE_DEFAULT, PAGE_MAX};
use crate::room::principal::PRINCIPAL_ID_MAX;
use crate::room::run::RUN_MAX;

/// What a room's name is made of.
pub const ROOM_PATTERN: &str = r"^[^\u0000]+$";
/// What a principal's id is made of.
pub const PRINCIPAL_PATTERN: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";

macro_rules! parameters {
    ($($(#[doc = $doc:literal])+ $name:ident = [$($parameter:expr),+];)+) => {
        $($(#[doc = $doc])+ pub struct $name;

        impl IntoParams for $name {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                vec![$($parameter),+]
            }
        })+
    };
}

parameters! {
    /// Read by `caller::InRoom`.
    RoomParam = [room()];
    /// Read by `caller::Subject`.
    PrincipalParam = [principal()];
    /// Read by `Query::page`.
    RoomsPageParams = [cursor(List::Rooms, "lisbon-2026"), limit()];
    /// Read by `Query::page`.
    MembersPageParams = [cursor(List::Members, "ada"), limit()];
    /// Read by `ETag::answer`.
    ReadParams = [if_none_match()];
    /// Read by `IfMatch`.
    IfMatchParam = [if_match()];
    /// Read by `document::patch`.
    PatchParams = [run(), suggest()];
    /// Read by `suggestions::Which`.
    SuggestionParam = [suggestion()];
    /// Read by `idempotency::once`.
    OnceParam = [idempotency_key()];
    /// Read by `EventsWanted`.
    EventsParams = [after(), before(), types(), limit(), wait(), last_event_id()];
    /// Read by `document::get`.
    StateVectorParam = [state_vector()];
}

/// The caller's name while authentication is off, and of a guest whose link has none. Read by `caller::Caller`.
pub fn name() -> Parameter {
    optional("name", ParameterIn::Query, text(), "What others read of you, while authentication is off.", json!("Ada"))
}

fn room() -> Parameter {
    let schema = formed("room").min_length(Some(1)).max_length(Some(1024)).pattern(Some(ROOM_PATTERN));
    required(
        "room",
        schema,
        "The room's name: any text of at most 1024 bytes (`--max-room-name`) without NUL, percent-encoded, slashes too.",
        json!("lisbon-2026"),
    )
}

fn principal() -> Parameter {
    let schema =
        formed("principal").min_length(Some(1)).max_length(Some(PRINCIPAL_ID_MAX)).pattern(Some(PRINCIPAL_PATTERN));
    required("principal", schema, "The member's id, percent-encoded.", json!("bob"))
}

fn cursor(list: List, key: &str) -> Parameter {
    let name = match list {
        List::Rooms => "cursor-of-rooms",
        List::Members => "cursor-of-members",
    };
    let example = Cursor::new(list, key.to_owned()).to_string();
    let description = "`next` of the former part of the list.";
    optional("cursor", ParameterIn::Query, formed(name), description, json!(example))
}

fn limit() -> Parameter {
    let whole = |number: usize| u32::try_from(number).expect("a page is short");
    let schema = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(whole(PAGE_MAX)))
        .default(Some(PAGE_DEFAULT.into()));
    optional("limit", ParameterIn::Query, schema, "At most so many entries.", json!(20))
}

fn after() -> Parameter {
    optional("after", ParameterIn::Query, event_number(), "The events behind this one, the oldest first.", json!(17))
}

fn before() -> Parameter {
    optional("before", ParameterIn::Query, event_number(), "The newest events before this one.", json!(17))
}

fn event_number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(i64::MAX))
}

fn types() -> Parameter {
    let one = format!("({})", TOLD.join("|").replace('.', r"\."));
    let schema = text().pattern(Some(format!("^{one}(,{one}){{0,{}}}$", TYPES_MAX - 1)));
    let description = "Only events of these types (`/v1/schema`), with commas between them.";
    optional("type", ParameterIn::Query, schema, description, json!("chat.message,agent.task"))
}

fn run() -> Parameter {
    let schema = text().min_length(Some(1)).max_length(Some(RUN_MAX)).pattern(Some(PRINCIPAL_PATTERN));
    let description = "The agent's name for the work that this is part of, by which all of it can be taken back.";
    optional("run", ParameterIn::Query, schema, description, json!("plan-day-3"))
}

fn suggest() -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::Boolean).default(Some(json!(false)));
    let description = "Only put it forward: nothing is changed, and somebody accepts or rejects it later.";
    optional("suggest", ParameterIn::Query, schema, description, json!(false))
}

fn suggestion() -> Parameter {
    let schema = text().pattern(Some("^[1-9][0-9]{0,18}$"));
    required("id", schema, "The id of its `suggestion.made`.", json!("17"))
}

fn wait() -> Parameter {
    let most = i64::try_from(WAIT_MAX.as_secs()).expect("a minute is short");
    let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(most));
    let description = "When there is nothing, wait so many seconds for something.";
    optional("wait", ParameterIn::Query, schema, description, json!(0))
}

fn last_event_id() -> Parameter {
    let description = "The last id that a client of server-sent events has; it comes before `after`.";
    optional("Last-Event-ID", ParameterIn::Header, text(), description, json!("17"))
}

fn if_none_match() -> Parameter {
    let description = "Entity tags of what the caller has; 304 if it is still so.";
    optional("If-None-Match", ParameterIn::Header, text(), description, json!("\"7d9f4e0cbb1f3a52c7e1a0b9d4f6e801\""))
}

fn if_match() -> Parameter {
    let schema = formed("entity-tags");
    let description = "Entity tags of the document (as JSON) that the change is meant for; 412 for any other document.";
    optional("If-Match", ParameterIn::Header, schema, description, json!("*"))
}

fn idempotency_key() -> Parameter {
    let schema = text().min_length(Some(1)).max_length(Some(KEY_MAX)).pattern(Some("^[\\x21-\\x7e]+$"));
    let description = "A text of the caller's own making: the request is done once however often it is sent, and answered \
                       as it was (`Idempotency-Replayed: true`). Kept for a day (`--idempotency-keep`).";
    let key = "0c6f0c1e-6d0f-4c7e-9f8b-0a4f8c1d2e3f";
    optional(IDEMPOTENCY_KEY.as_str(), ParameterIn::Header, schema, description, json!(key))
}

fn state_vector() -> Parameter {
    let schema = formed("yjs-state-vector");
    let description = "The state vector of what the caller has, base64url; the answer is the difference to it, as a Yjs \
                       update.";
    optional("state_vector", ParameterIn::Query, schema, description, json!("AA"))
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A form of text that JSON Schema does not know.
fn formed(name: &str) -> ObjectBuilder {
    text().format(Some(SchemaFormat::Custom(name.to_owned())))
}

fn required(name: &str, schema: ObjectBuilder, description: &str, example: Value) -> Parameter {
    parameter(name, ParameterIn::Path, schema, description, example).required(Required::True).build()
}

fn optional(name: &str, at: ParameterIn, schema: ObjectBuilder, description: &str, example: Value) -> Parameter {
    parameter(name, at, schema, description, example).required(Required::False).build()
}

fn parameter(
    name: &str,
    at: ParameterIn,
    schema: ObjectBuilder,
    description: &str,
    example: Value,
) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(at)
        .schema(Some(schema))
        .description(Some(description))
        .example(Some(example))
}
