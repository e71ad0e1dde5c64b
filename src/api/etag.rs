//! Entity tags (RFC 9110 §8.8.3) and the conditions on them: `If-None-Match` for reads that may have been done
//! already, `If-Match` for changes of what was read.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::code::Code;
use super::problem::Problem;

/// The tag of one form of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag {
    opaque: String,
    weak: bool,
}

/// What `If-Match` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: whatever is there.
    Anything,
    /// One of these tags. Whether they are weak makes no difference: what is tagged here by its content is only ever made
    /// weak on its way, by packing it, and the tag still names that content.
    OneOf(Vec<String>),
}

impl ETag {
    /// Equal tags mean equal bytes. `opaque` is made of letters, digits and dashes.
    pub fn strong(opaque: String) -> Self {
        Self { opaque, weak: false }
    }

    /// Equal tags mean that nothing which matters differs in these parts.
    pub fn weak(parts: &[&[u8]]) -> Self {
        Self { opaque: digest(parts), weak: true }
    }

    /// The tag of exactly these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::strong(digest(&[bytes]))
    }

    /// Whether the client has this already (`If-None-Match`, compared weakly).
    pub fn is_known(&self, headers: &HeaderMap) -> bool {
        match tags(headers, &header::IF_NONE_MATCH) {
            Ok(None) | Err(_) => false,
            Ok(Some(Tags::Anything)) => true,
            Ok(Some(Tags::List(tags))) => tags.iter().any(|(_, opaque)| *opaque == self.opaque),
        }
    }

    /// As a header.
    pub fn header(&self) -> HeaderValue {
        let prefix = if self.weak { "W/" } else { "" };
        HeaderValue::from_str(&format!("{prefix}\"{}\"", self.opaque)).expect("a tag is made of visible letters")
    }

    /// The answer to a read: 304 if the client has it already, else what `content` makes.
    pub fn answer(&self, headers: &HeaderMap, content: impl FnOnce() -> Response) -> Response {
        let mut response = if self.is_known(headers) { StatusCode::NOT_MODIFIED.into_response() } else { content() };
        response.headers_mut().insert(header::ETAG, self.header());
        response
    }

    /// The same for JSON with something secret in it, which nobody but its reader may keep.
    pub fn answer_secret<B: Into<Body>>(&self, headers: &HeaderMap, json: impl FnOnce() -> B) -> Response {
        let mut response = self.answer_json(headers, json);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// The same for JSON.
    pub fn answer_json<B: Into<Body>>(&self, headers: &HeaderMap, json: impl FnOnce() -> B) -> Response {
        self.answer(headers, || ([(header::CONTENT_TYPE, "application/json")], json().into()).into_response())
    }
}

impl IfMatch {
    /// Reads the header; nothing when it is not there.
    pub fn read(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let tags = tags(headers, &header::IF_MATCH).map_err(|NoTags| {
            Problem::new(Code::BadHeader, "The If-Match header is not a list of entity tags.")
                .at("if-match")
                .expected("* or tags in quotes, as the ETag header has them", None)
        })?;
        Ok(tags.map(|tags| match tags {
            Tags::Anything => Self::Anything,
            Tags::List(tags) => Self::OneOf(tags.into_iter().map(|(_, opaque)| opaque.to_owned()).collect()),
        }))
    }
}

/// Makes the tag of an answer weak that was packed: its bytes are others than those of the plain one, with the same tag.
pub fn weaken_packed(response: &mut Response) {
    let headers = response.headers_mut();
    let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).filter(|tag| tag.starts_with('"'));
    if let Some(tag) = tag.filter(|_| headers.contains_key(header::CONTENT_ENCODING)) {
        let weak = HeaderValue::from_str(&format!("W/{tag}")).expect("a header's text with two letters before it");
        headers.insert(header::ETAG, weak);
    }
}

fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The lengths tell where one part ends and the next begins.
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize()[..12].iter().map(|byte| format!("{byte:02x}")).collect()
}

enum Tags<'a> {
    Anything,
    /// Whether it is weak, and its text.
    List(Vec<(bool, &'a str)>),
}

struct NoTags;

fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<Tags<'a>>, NoTags> {
    let mut list = Vec::new();
    let mut seen = false;
    for value in headers.get_all(name) {
        seen = true;
        let mut rest = value.to_str().map_err(|_| NoTags)?.trim();
        if rest == "*" {
            return Ok(Some(Tags::Anything));
        }
        while !rest.is_empty() {
            let weak = rest.strip_prefix("W/");
            let quoted = weak.unwrap_or(rest).strip_prefix('"').ok_or(NoTags)?;
            let (tag, behind) = quoted.split_once('"').ok_or(NoTags)?;
            list.push((weak.is_some(), tag));
            rest = behind.trim_start();
            if !rest.is_empty() {
                rest = rest.strip_prefix(',').ok_or(NoTags)?.trim_start();
            }
        }
    }
    if seen && list.is_empty() {
        return Err(NoTags);
    }
    Ok(seen.then_some(Tags::List(list)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn if_none_match_compares_weakly() {
        let tag = ETag::strong("abc".to_owned());
        for value in ["\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"] {
            assert!(tag.is_known(&headers(header::IF_NONE_MATCH, value)), "{value}");
        }
        for value in ["abc", "\"ab\"", "", "\"x\" \"abc\""] {
            assert!(!tag.is_known(&headers(header::IF_NONE_MATCH, value)), "{value}");
        }
    }

    #[test]
    fn if_match_takes_tags_that_became_weak_and_must_be_readable() {
        let read = |value| IfMatch::read(&headers(header::IF_MATCH, value));
        assert_eq!(IfMatch::read(&HeaderMap::new()), Ok(None));
        assert_eq!(read("*"), Ok(Some(IfMatch::Anything)));
        assert_eq!(read("\"a\", W/\"b\""), Ok(Some(IfMatch::OneOf(vec!["a".to_owned(), "b".to_owned()]))));
        for value in ["abc", "\"abc", "", "\"a\" \"b\""] {
            assert_eq!(read(value).expect_err(value).code(), Code::BadHeader);
        }
    }

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(ETag::weak(&[b"ab", b"c"]), ETag::weak(&[b"a", b"bc"]));
    }
}
