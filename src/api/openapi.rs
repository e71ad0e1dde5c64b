//! The OpenAPI document: what all operations share. The operations describe themselves where they are; `routes` puts them
//! together, so that a route without a description cannot be. Served at `/openapi.json`.

use std::borrow::Cow;

use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;
use serde_json::json;
use utoipa::openapi::link::Link;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem, RefOr, Required,
    SecurityRequirement, ServerBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use super::etag::ETag;
use super::parameters;
use super::problem::Content;
use super::trip_schema::TripDocument;

/// Whether callers have to prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// They are who they say.
    Off,
    /// They do.
    On,
}

/// The document as it is sent.
#[derive(Clone)]
pub struct Served {
    json: Bytes,
    tag: ETag,
}

/// Bytes that are no text.
pub struct Binary;

const ABOUT: &str = "Rooms of triproom over HTTP: make one, read and change its document, look after its members, get a \
    ticket to connect with. Live editing goes over WebSocket, see `getRoom`.\n\n\
    Errors are `application/problem+json` (RFC 9457): decide by `code`. Lists come in parts: send `next` as `cursor`. \
    What is read has an ETag. Unknown query parameters and unknown members of bodies are refused.";

/// What all operations share.
pub fn base() -> OpenApi {
    let info = InfoBuilder::new()
        .title("triproom")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
        .build();
    let tags = [
        ("rooms", "Rooms and their settings."),
        ("document", "A room's document."),
        ("events", "What is said in a room, and what happens there."),
        ("members", "Who has which role in a room."),
        ("tickets", "Short-lived tokens for one room."),
    ];
    let tags = tags.map(|(name, about)| TagBuilder::new().name(name).description(Some(about)).build());
    let mut used = Vec::new();
    Content::schemas(&mut used);
    let components = ComponentsBuilder::new()
        .schemas_from_iter(used)
        .schema(Content::name(), Content::schema())
        .schema(TripDocument::name(), TripDocument::schema());
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .tags(Some(tags))
        .components(Some(components.build()))
        .build()
}

/// Adds what depends on the server and what concerns every operation.
pub fn complete(mut api: OpenApi, authentication: Authentication) -> Served {
    match authentication {
        Authentication::Off => {
            each_path(&mut api, |item| item.parameters.get_or_insert_default().push(parameters::name().into()));
        }
        Authentication::On => secure(&mut api),
    }
    link(&mut api);
    leave_out_bodies(&mut api);
    api.components.get_or_insert_default().examples.extend(super::describe::examples());
    Served::new(&api)
}

impl Served {
    /// A description that does not change any more.
    pub fn new(description: &impl Serialize) -> Self {
        let json = Bytes::from(serde_json::to_vec(description).expect("a description is JSON"));
        Self { tag: ETag::of(&json), json }
    }

    /// The answer to a request for it.
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        self.tag.answer_json(headers, || self.json.clone())
    }
}

fn each_path(api: &mut OpenApi, change: impl FnMut(&mut PathItem)) {
    api.paths.paths.values_mut().for_each(change);
}

fn secure(api: &mut OpenApi) {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A token of the product's login, or a room's ticket."));
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("trk_…")
        .description(Some("An agent's API key, made by `triproom key create`."));
    let query = ApiKeyValue::with_description(
        "token",
        "Any of the two as a query parameter, where a client cannot set headers. It is kept out of logs.",
    );
    let schemes = [
        ("token", SecurityScheme::Http(bearer.build())),
        ("apiKey", SecurityScheme::Http(key.build())),
        ("tokenInQuery", SecurityScheme::ApiKey(ApiKey::Query(query))),
    ];
    let requirements = schemes.each_ref().map(|(name, _)| SecurityRequirement::new::<_, [&str; 0], &str>(*name, []));
    let components = api.components.get_or_insert_default();
    components.security_schemes.extend(schemes.map(|(name, scheme)| (name.to_owned(), scheme.into())));
    api.security = Some(requirements.into());
}

/// Says how a room that was just made is found by the other operations.
fn link(api: &mut OpenApi) {
    let made = api.paths.paths.get_mut("/v1/rooms").and_then(|item| item.post.as_mut());
    let Some(RefOr::T(made)) = made.and_then(|post| post.responses.responses.get_mut("201")) else { return };
    for operation in [
        "getRoom",
        "getDocument",
        "patchDocument",
        "configureRoom",
        "listMembers",
        "addMember",
        "issueTicket",
        "deleteRoom",
    ] {
        let link = Link::builder().operation_id(operation).parameter("room", json!("$response.body#/id")).build();
        made.links.insert(operation.to_owned(), link.into());
    }
}

/// Where nothing has to be said the body may be left out.
fn leave_out_bodies(api: &mut OpenApi) {
    for path in ["/v1/rooms", "/v1/rooms/{room}/tickets"] {
        let post = api.paths.paths.get_mut(path).and_then(|item| item.post.as_mut());
        if let Some(RefOr::T(body)) = post.and_then(|post| post.request_body.as_mut()) {
            body.required = Some(Required::False);
        }
    }
}

impl PartialSchema for Binary {
    fn schema() -> RefOr<Schema> {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(binary))
            .description(Some("A Yjs update in its first encoding, as `Y.encodeStateAsUpdate` gives it."))
            .into()
    }
}

impl ToSchema for Binary {
    fn name() -> Cow<'static, str> {
        "YjsUpdate".into()
    }
}
