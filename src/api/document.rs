//! A room's document: read as JSON or as a Yjs update, changed by a Yjs update or by JSON Patch. A change is answered when
//! it is durable. The room's own task reads and writes it; nothing here touches a document.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::InRoom;
use super::code::Code;
use super::describe::{ANY, BODY, CHANGE, IN_ROOM, ONCE, problems};
use super::etag::{ETag, IfMatch};
use super::idempotency::Once;
use super::media::{self, JSON, JSON_PATCH, YJS_UPDATE};
use super::parameters::{IfMatchParam, OnceParam, PatchParams, ReadParams, RoomParam, StateVectorParam};
use super::problem::Problem;
use super::query::{Query, shortened};
use super::{body, patch_schema};
use crate::access::Action;
use crate::hub::visit::Visit;
use crate::room::event::request::Suggest;
use crate::room::patch::Patch;
use crate::room::role::Writes;
use crate::room::run::RunId;
use crate::room::suggesting::Suggestion;
use crate::room::version::Version;
use crate::wire::lib0::{CLIENT_ID_MAX, Reader};

/// Takes what others write: with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The forms of a document, the first for those who do not say.
const FORMS: &[&str] = &[JSON, YJS_UPDATE];

/// A change that is durable.
#[derive(Debug, Serialize, ToSchema)]
pub struct Saved {
    /// The document's version right after it.
    #[schema(example = "7d9f4e0cbb1f3a52c7e1a0b9d4f6e801")]
    version: String,
}

/// A change that is put forward.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suggested {
    /// The suggestion's id, by which somebody decides on it.
    #[schema(example = "17")]
    id: String,
}

problems!(ReadProblems: ANY, IN_ROOM, &[Code::NoJson]);
problems!(
    UpdateProblems: ANY, CHANGE, IN_ROOM, BODY, ONCE,
    &[Code::MalformedUpdate, Code::DocumentTooLarge, Code::ReadOnly],
);
problems!(
    PatchProblems: ANY, CHANGE, IN_ROOM, BODY,
    &[
        Code::BadHeader, Code::NoJson, Code::PatchConflict, Code::VersionMismatch, Code::DocumentTooLarge,
        Code::InvalidField, Code::InvalidPatch, Code::ReadOnly,
    ],
);

/// Read the document
///
/// As JSON, an object of its roots; or as a Yjs update, whole or what somebody lacks.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/document", operation_id = "getDocument", tag = "document",
    params(RoomParam, StateVectorParam, ReadParams),
    responses(
        (status = 200, description = "The document.",
         content(
             (Object = "application/json", example = json!({ "trip": { "title": "Lisbon" }, "notes": "" })),
             (super::openapi::Binary = "application/vnd.yjs.update"),
         ),
         headers(("etag" = String, description = "As JSON: the document's version, for If-Match."))),
        (status = 304, description = "The client has it already."),
        ReadProblems,
    ),
)]
pub async fn get(room: InRoom, mut query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    let known = known(&mut query)?;
    query.finish()?;
    // A difference has one form.
    let form = media::choose(&headers, if known.is_some() { &[YJS_UPDATE] } else { FORMS })?;
    let vary = [(header::VARY, "accept")];
    if form == JSON {
        let (_visit, view) = room.look().await?;
        let (tag, json) = (ETag::strong(view.version.to_string()), view.json()?);
        return Ok((vary, tag.answer_json(&headers, || json.clone())).into_response());
    }
    let update = room.find().await?.state(known.unwrap_or_default()).await?;
    let content = || ([(header::CONTENT_TYPE, YJS_UPDATE)], update.clone()).into_response();
    Ok((vary, ETag::of(&update).answer(&headers, content)).into_response())
}

/// Send a Yjs update
///
/// It is applied like one that came over a socket, told to everybody in the room, and answered when it is durable.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/document", operation_id = "updateDocument", tag = "document",
    params(RoomParam, OnceParam),
    request_body(content = super::openapi::Binary, content_type = "application/vnd.yjs.update"),
    responses(
        (status = 200, description = "It is durable.", body = Saved,
         headers(("etag" = String, description = "The document's version."))),
        UpdateProblems,
    ),
)]
pub async fn update(room: InRoom, once: Once, query: Query, request: Request) -> Result<Response, Problem> {
    query.finish()?;
    let writes = writes(&room)?;
    let (parts, body) = request.into_parts();
    media::choose(&parts.headers, &[JSON])?;
    media::require(&parts.headers, YJS_UPDATE)?;
    let update = body::bytes(&parts.headers, body, room.api().options().message_bytes).await?;
    let (visit, by) = (room.find().await?, room.pass.principal().id.clone());
    once.run(async { Ok(saved(visit.apply(by, writes, update).await?)) }).await
}

/// Patch the document
///
/// JSON Patch (RFC 6902) on the document's JSON: all operations or none. Texts are changed by their smallest edit, so that
/// what others type at the same time stays. An error names the operation that failed. What a patch writes into a trip's
/// fields is checked; commenters write below `/comments` alone.
///
/// With `suggest` nothing is changed: it is tried, kept and told to everybody, until somebody decides (`acceptSuggestion`,
/// `rejectSuggestion`). Whoever may comment may put forward anything.
#[utoipa::path(
    patch, path = "/v1/rooms/{room}/document", operation_id = "patchDocument", tag = "document",
    params(RoomParam, IfMatchParam, PatchParams),
    request_body(content = patch_schema::JsonPatch, content_type = "application/json-patch+json"),
    responses(
        (status = 200, description = "It is durable.", body = Saved,
         headers(("etag" = String, description = "The document's version."))),
        (status = 202, description = "It is put forward, which is durable; nothing was changed.", body = Suggested),
        PatchProblems,
    ),
)]
pub async fn patch(room: InRoom, mut query: Query, request: Request) -> Result<Response, Problem> {
    let (run, suggest) = (run(&mut query)?, query.flag::<Suggest>("suggest")?);
    query.finish()?;
    let writes = writes(&room)?;
    let (parts, body) = request.into_parts();
    media::choose(&parts.headers, &[JSON])?;
    media::require(&parts.headers, JSON_PATCH)?;
    let if_match = IfMatch::read(&parts.headers)?;
    let options = room.api().options();
    let body = body::bytes(&parts.headers, body, options.request_bytes).await?;
    let patch = Patch::parse(&body, options.patch_operations)?.in_run(run);
    let visit = room.find().await?;
    let wanted = wanted(&visit, if_match).await?;
    let by = Arc::clone(room.pass.principal());
    if suggest == Suggest::Yes {
        Suggestion::fits(body.len()).map_err(|fault| Problem::from(fault).below("/operations"))?;
        let operations = serde_json::from_slice(&body).expect("it was parsed as JSON");
        let id = visit.suggest(by, patch, operations, wanted).await?.seq.0.to_string();
        return Ok((StatusCode::ACCEPTED, axum::Json(Suggested { id })).into_response());
    }
    Ok(saved(visit.patch(by, writes, patch, wanted).await?))
}

/// What of the document the caller may write; those who may write nothing are refused here.
fn writes(room: &InRoom) -> Result<Writes, Problem> {
    room.allow(Action::Comment)?;
    Ok(room.pass.writes())
}

/// The run that a patch is part of.
fn run(query: &mut Query) -> Result<Option<RunId>, Problem> {
    let Some(name) = query.take("run")? else { return Ok(None) };
    RunId::parse(&name).map(Some).map_err(|error| {
        Problem::new(Code::BadQuery, "The query parameter run is wrong.")
            .at("run")
            .expected(error.to_string(), Some(shortened(&name)))
    })
}

/// The one version that `If-Match` asks for. Of several, the document's own, if it is among them.
async fn wanted(visit: &Visit, if_match: Option<IfMatch>) -> Result<Option<Version>, Problem> {
    let Some(IfMatch::OneOf(tags)) = if_match else { return Ok(None) };
    let versions: Vec<Version> = tags.iter().filter_map(|tag| tag.parse().ok()).collect();
    if let [version] = versions[..] {
        return Ok(Some(version));
    }
    let current = visit.view().await?.version;
    if versions.contains(&current) { Ok(Some(current)) } else { Err(Problem::version_mismatch(current)) }
}

fn saved(version: Version) -> Response {
    let version = version.to_string();
    let tag = [(header::ETAG, ETag::strong(version.clone()).header())];
    (tag, axum::Json(Saved { version })).into_response()
}

/// The state vector in the query.
fn known(query: &mut Query) -> Result<Option<Bytes>, Problem> {
    let Some(text) = query.take("state_vector")? else { return Ok(None) };
    let vector = BASE64.decode(&text).ok().filter(|bytes| is_state_vector(bytes));
    vector.map(|bytes| Some(bytes.into())).ok_or_else(|| {
        Problem::new(Code::BadQuery, "The query parameter state_vector is wrong.")
            .at("state_vector")
            .expected("base64url of what Y.encodeStateVector gives", Some(shortened(&text)))
    })
}

/// Whether these bytes are an encoded state vector: a count, and so many pairs of client and clock.
fn is_state_vector(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    let Ok(count) = reader.count() else { return false };
    (0..count).all(|_| reader.number_up_to(CLIENT_ID_MAX).is_ok() && reader.number_up_to(u64::from(u32::MAX)).is_ok())
        && reader.position() == bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Bytes>, Problem> {
        known(&mut Query::of(&format!("/?state_vector={text}").parse().expect("an address")))
    }

    #[test]
    fn a_state_vector_is_read_or_refused() {
        assert_eq!(read("AA"), Ok(Some(Bytes::from_static(&[0]))));
        assert_eq!(read("AQUD"), Ok(Some(Bytes::from_static(&[1, 5, 3]))));
        assert_eq!(read("AA%3D%3D"), read("AA"), "padding is no harm");
        for text in ["", "AQU", "AQUDAA", "%2B", "AQ"] {
            assert_eq!(read(text).expect_err(text).field(), Some("state_vector"));
        }
    }
}
