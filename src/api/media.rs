//! Media types: what a body is said to be (`Content-Type`), and which form of an answer is wanted (`Accept`, RFC 9110
//! §12.5.1). A header that cannot be read wants anything.

use axum::http::{HeaderMap, header};

use super::code::Code;
use super::problem::Problem;

/// JSON.
pub const JSON: &str = "application/json";
/// JSON Patch of RFC 6902.
pub const JSON_PATCH: &str = "application/json-patch+json";
/// Server-sent events.
pub const EVENT_STREAM: &str = "text/event-stream";
/// An update of Yjs in its first encoding.
pub const YJS_UPDATE: &str = "application/vnd.yjs.update";

/// Chooses the form of an answer that the client likes best; of equals, the first offered.
pub fn choose(headers: &HeaderMap, offered: &'static [&'static str]) -> Result<&'static str, Problem> {
    let mut wanted = Vec::new();
    for value in headers.get_all(header::ACCEPT) {
        wanted.extend(value.to_str().unwrap_or_default().split(',').filter_map(Wanted::read));
    }
    if wanted.is_empty() {
        return Ok(offered[0]);
    }
    let mut best = None;
    for form in offered {
        let weight = weight(&wanted, form);
        if weight > best.map_or(0, |(_, weight)| weight) {
            best = Some((*form, weight));
        }
    }
    best.map(|(form, _)| form).ok_or_else(|| {
        Problem::new(Code::NotAcceptable, "Nothing that Accept asks for can be sent from here.")
            .at("accept")
            .expected(offered.join(" or "), None)
    })
}

/// Refuses a body that is said to be something else than `taken`.
pub fn require(headers: &HeaderMap, taken: &'static str) -> Result<(), Problem> {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if essence(headers).eq_ignore_ascii_case(taken) {
        return Ok(());
    }
    Err(Problem::new(Code::UnsupportedMediaType, "The body's media type is not taken here.")
        .at("content-type")
        .expected(taken, said.map(super::query::shortened)))
}

/// Whether a body is said to be JSON of some kind.
pub fn is_json(headers: &HeaderMap) -> bool {
    [JSON, JSON_PATCH].iter().any(|kind| essence(headers).eq_ignore_ascii_case(kind))
}

/// The type that a body is said to have, without parameters.
fn essence(headers: &HeaderMap) -> &str {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    said.and_then(|value| value.split(';').next()).unwrap_or_default().trim()
}

/// One entry of an `Accept` header.
struct Wanted<'a> {
    kind: &'a str,
    subkind: &'a str,
    /// Thousandths.
    weight: u32,
}

impl<'a> Wanted<'a> {
    fn read(entry: &'a str) -> Option<Self> {
        let mut parts = entry.split(';');
        let (kind, subkind) = parts.next()?.trim().split_once('/')?;
        let quality = parts.find_map(|part| part.trim().strip_prefix("q=").or_else(|| part.trim().strip_prefix("Q=")));
        let weight = quality.map_or(1000, thousandths);
        Some(Self { kind, subkind, weight })
    }

    /// How closely it names a form; nothing if it does not.
    fn closeness(&self, form: &str) -> Option<u8> {
        let (kind, subkind) = form.split_once('/')?;
        match (self.kind, self.subkind) {
            ("*", "*") => Some(0),
            (mine, "*") if mine.eq_ignore_ascii_case(kind) => Some(1),
            (mine, sub) if mine.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subkind) => Some(2),
            _ => None,
        }
    }
}

/// The weight of the entry that names the form most closely.
fn weight(wanted: &[Wanted<'_>], form: &str) -> u32 {
    let matching = wanted.iter().filter_map(|entry| Some((entry.closeness(form)?, entry.weight)));
    matching.max().map_or(0, |(_, weight)| weight)
}

/// A quality value in thousandths: `0.5` is 500. What cannot be read is the whole.
fn thousandths(quality: &str) -> u32 {
    let quality = quality.trim();
    if quality == "0" {
        return 0;
    }
    let Some(digits) = quality.strip_prefix("0.").filter(|digits| digits.len() <= 3) else { return 1000 };
    format!("{digits:0<3}").parse().unwrap_or(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn chosen(accept: &'static str) -> Option<&'static str> {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        choose(&headers, &[JSON, YJS_UPDATE]).ok()
    }

    #[test]
    fn the_form_is_the_best_liked_one() {
        assert_eq!(choose(&HeaderMap::new(), &[JSON, YJS_UPDATE]), Ok(JSON));
        for (accept, form) in [
            ("*/*", Some(JSON)),
            ("", Some(JSON)),
            ("application/vnd.yjs.update", Some(YJS_UPDATE)),
            ("application/vnd.yjs.update, */*;q=0.1", Some(YJS_UPDATE)),
            ("application/json;q=0.4, application/*;q=0.5", Some(YJS_UPDATE)),
            ("APPLICATION/JSON; charset=utf-8", Some(JSON)),
            ("application/json;q=0, application/vnd.yjs.update;q=0.001", Some(YJS_UPDATE)),
            ("text/html, application/xhtml+xml", None),
            ("application/json;q=0", None),
        ] {
            assert_eq!(chosen(accept), form, "{accept}");
        }
    }

    #[test]
    fn a_body_must_say_what_it_is() {
        let said = |value| HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]);
        assert_eq!(require(&said("application/json; charset=utf-8"), JSON), Ok(()));
        for headers in [HeaderMap::new(), said("text/plain"), said("application/jsonp")] {
            assert_eq!(require(&headers, JSON).expect_err("refused").code(), Code::UnsupportedMediaType);
        }
    }
}
