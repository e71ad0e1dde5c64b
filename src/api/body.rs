//! Bodies of requests: bounded, of the media type that the route takes, and read so that an error points to what is
//! wrong. Members that nothing here knows are refused, not ignored.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, header};
use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_path_to_error::{Path, Segment};

use super::code::Code;
use super::media;
use super::problem::Problem;

/// Reads a JSON body of at most `limit` bytes.
pub async fn json<T: DeserializeOwned>(request: Request<Body>, limit: usize) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    media::require(&parts.headers, media::JSON)?;
    parse(&bytes(&parts.headers, body, limit).await?)
}

/// The same where an empty body says nothing, and nothing has to be said.
pub async fn json_or_nothing<T: DeserializeOwned + Default>(
    request: Request<Body>,
    limit: usize,
) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    if parts.headers.contains_key(header::CONTENT_TYPE) {
        media::require(&parts.headers, media::JSON)?;
    }
    let body = bytes(&parts.headers, body, limit).await?;
    if body.is_empty() {
        return Ok(T::default());
    }
    media::require(&parts.headers, media::JSON)?;
    parse(&body)
}

/// Reads a body of at most `limit` bytes, whatever it is.
pub async fn bytes(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    if announced(headers).is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    to_bytes(body, limit).await.map_err(|error| {
        let error = error.into_inner();
        if error.is::<http_body_util::LengthLimitError>() {
            return too_large(limit);
        }
        broken_off()
    })
}

/// The length that a request says its body has.
pub fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// It did not come to its end.
pub fn broken_off() -> Problem {
    Problem::new(Code::MalformedBody, "The body did not come to its end.")
}

/// It has more bytes than are taken.
pub fn too_large(limit: usize) -> Problem {
    Problem::new(Code::MessageTooLarge, format!("The body has more than the {limit} bytes that are taken here."))
}

/// Reads an object. The library would read a list as one, too, member by member.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        serde_json::from_slice::<IgnoredAny>(body).map_err(|error| problem(&error, String::new()))?;
        return Err(Problem::new(Code::InvalidField, "The body is not an object.").at("").expected("an object", None));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = pointer(error.path());
        problem(error.inner(), field)
    })?;
    reader.end().map_err(|error| problem(&error, String::new()))?;
    Ok(value)
}

fn problem(error: &serde_json::Error, field: String) -> Problem {
    let text = without_place(error);
    if !error.is_data() {
        return Problem::new(Code::MalformedBody, format!("The body is not JSON: {text}."));
    }
    let unknown = text.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, expected "));
    match unknown {
        Some((_, known)) => Problem::new(Code::UnknownField, "The body has a member that is unknown here.")
            .at(field)
            .expected(known.replace('`', ""), None),
        None => Problem::new(Code::InvalidField, format!("A value is wrong: {text}.")).at(field),
    }
}

/// The error's text; where it is in the bytes helps nobody who has the pointer.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// A path as a JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let steps = path.iter().map(|segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    });
    steps.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Thing {
        count: u8,
        #[serde(default)]
        tags: Vec<String>,
    }

    fn refused(body: &str) -> (Code, Option<String>) {
        let problem = parse::<Thing>(body.as_bytes()).expect_err(body);
        (problem.code(), problem.field().map(ToOwned::to_owned))
    }

    #[test]
    fn errors_point_to_what_is_wrong() {
        let at = |code, field: &str| (code, Some(field.to_owned()));
        assert_eq!(refused(r#"{"count":1,"tags":["a",2]}"#), at(Code::InvalidField, "/tags/1"));
        assert_eq!(refused(r#"{"count":300}"#), at(Code::InvalidField, "/count"));
        assert_eq!(refused(r#"{"count":1,"a/b":2}"#), at(Code::UnknownField, "/a~1b"));
        assert_eq!(refused("{}"), at(Code::InvalidField, ""));
        for body in ["[]", "[1,[]]", "null", "\"{}\""] {
            assert_eq!(refused(body), at(Code::InvalidField, ""));
        }
        assert_eq!(refused(r#"{"count":1,"count":1}"#).0, Code::InvalidField);
        for body in ["", "{", r#"{"count":1} x"#, "\u{feff}{}"] {
            assert_eq!(refused(body), (Code::MalformedBody, None), "{body}");
        }
    }
}
