//! How errors stand in the OpenAPI document: each operation lists the codes that it can answer with, grouped by status,
//! each with an example. `problems!` makes such a list; the sets here are what many operations share.

use std::collections::{BTreeMap, BTreeSet};

use axum::response::IntoResponse;
use utoipa::ToSchema;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

use super::code::Code;
use super::problem::{Content, PROBLEM_JSON, Problem};

/// What any request may be answered.
pub const ANY: &[Code] = &[
    Code::BadQuery,
    Code::AuthRequired,
    Code::AuthFailed,
    Code::TokenExpired,
    Code::OriginDenied,
    Code::NotAcceptable,
    Code::RateLimited,
    Code::ServerError,
    Code::StoreUnavailable,
    Code::IssuerUnavailable,
];
/// And a request about one room.
pub const IN_ROOM: &[Code] =
    &[Code::BadRoomName, Code::RoomNotFound, Code::RoomLimit, Code::Draining, Code::PermissionDenied];
/// And one that changes something.
pub const CHANGE: &[Code] = &[Code::MalformedBody, Code::BodyTimeout, Code::MessageTooLarge, Code::Busy];
/// And one with a body.
pub const BODY: &[Code] = &[Code::UnsupportedMediaType];
/// And one whose body is an object.
pub const FIELDS: &[Code] = &[Code::InvalidField, Code::UnknownField];
/// And one that may carry an idempotency key.
pub const ONCE: &[Code] = &[Code::BadHeader, Code::IdempotencyInFlight, Code::IdempotencyMismatch];

/// Makes a type that stands for the errors of one operation in its description.
macro_rules! problems {
    ($name:ident: $($set:expr),+ $(,)?) => {
        /// What this operation answers when it does not work out.
        pub struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                $crate::api::describe::responses(&[$($set),+])
            }
        }
    };
}
pub(super) use problems;

/// The description of these codes, by status.
pub fn responses(sets: &[&[Code]]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<u16, BTreeSet<Code>>::new();
    for code in sets.iter().copied().flatten() {
        by_status.entry(code.status().as_u16()).or_default().insert(*code);
    }
    by_status.into_iter().map(|(status, codes)| (status.to_string(), response(&codes).into())).collect()
}

/// An example of each code, to which the responses refer.
pub fn examples() -> impl Iterator<Item = (String, RefOr<Example>)> {
    Code::ALL.iter().map(|code| {
        let example = serde_json::to_value(Problem::new(*code, code.doc()).content()).expect("a problem is JSON");
        let example = ExampleBuilder::new().summary(code.title()).value(Some(example));
        (code.as_str().to_owned(), example.build().into())
    })
}

fn response(codes: &BTreeSet<Code>) -> Response {
    let lines: Vec<_> = codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.doc())).collect();
    let mut content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Content::name())));
    for code in codes {
        let example = Ref::new(format!("#/components/examples/{}", code.as_str()));
        content = content.examples_from_iter([(code.as_str(), RefOr::Ref(example))]);
    }
    let mut response = ResponseBuilder::new().description(lines.join("\n\n")).content(PROBLEM_JSON, content.build());
    // The very headers that such a problem is sent with.
    let sent = codes.iter().map(|code| Problem::new(*code, "").into_response()).collect::<Vec<_>>();
    for (name, description) in [
        ("retry-after", "Seconds to wait before the request is sent again."),
        ("www-authenticate", "What kind of credential is wanted."),
    ] {
        if sent.iter().all(|response| response.headers().contains_key(name)) {
            let text = ObjectBuilder::new().schema_type(Type::String);
            response =
                response.header(name, HeaderBuilder::new().schema(Some(text)).description(Some(description)).build());
        }
    }
    response.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_grouped_by_status_and_shown_with_examples() {
        let responses = responses(&[ANY, IN_ROOM]);
        let RefOr::T(unauthorized) = &responses["401"] else { panic!("it stands where it is") };
        assert!(unauthorized.description.contains("`token_expired`"));
        assert!(unauthorized.headers.contains_key("www-authenticate"));
        let RefOr::T(content) = &unauthorized.content[PROBLEM_JSON] else { panic!("it stands where it is") };
        assert_eq!(content.examples.len(), 3);
    }
}
