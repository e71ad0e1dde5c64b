//! Addresses in answers: where a room is, here and for the sockets of each protocol, as the caller's side sees it.

use std::fmt::Write;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::room::id::RoomId;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Where the room is open to each protocol. Tokens and tickets go behind these as `?token=`, or into the protocol's own
/// message.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sockets {
    /// The whole address for `y-websocket`; its provider takes what is before the room's name.
    #[schema(example = "wss://trips.example.com/yjs/lisbon-2026")]
    yjs: String,
    /// The address for `@hocuspocus/provider`, which names the room itself.
    #[schema(example = "wss://trips.example.com/hocuspocus")]
    hocuspocus: String,
    /// The whole address of the JSON socket, for agents and thin clients.
    #[schema(example = "wss://trips.example.com/v1/rooms/lisbon-2026/socket")]
    events: String,
}

impl Sockets {
    /// As the caller reaches them. A proxy that ends TLS says so in `X-Forwarded-Proto` and `X-Forwarded-Host`: these only
    /// change what this one caller reads.
    pub fn of(room: &RoomId, headers: &HeaderMap) -> Self {
        let base = base(headers, Scheme::WebSocket);
        let name = escaped(room.as_str());
        Self {
            yjs: format!("{base}/yjs/{name}"),
            hocuspocus: format!("{base}/hocuspocus"),
            events: format!("{base}/v1/rooms/{name}/socket"),
        }
    }
}

/// What speaks at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP.
    Http,
    /// WebSocket.
    WebSocket,
}

/// Where a room is for y-sweet's clients.
pub fn ysweet(room: &RoomId, headers: &HeaderMap, scheme: Scheme) -> String {
    format!("{}/d/{}", base(headers, scheme), escaped(room.as_str()))
}

/// The server as the caller reaches it.
fn base(headers: &HeaderMap, scheme: Scheme) -> String {
    let secure = matches!(first(headers, &FORWARDED_PROTO), Some("https" | "wss"));
    let scheme = match (scheme, secure) {
        (Scheme::Http, false) => "http",
        (Scheme::Http, true) => "https",
        (Scheme::WebSocket, false) => "ws",
        (Scheme::WebSocket, true) => "wss",
    };
    let host = [FORWARDED_HOST, header::HOST].iter().find_map(|name| {
        let named = first(headers, name)?;
        named.parse::<Authority>().ok().map(|authority| authority.to_string())
    });
    format!("{scheme}://{}", host.as_deref().unwrap_or("localhost"))
}

/// A room's path.
pub fn of_room(room: &RoomId) -> String {
    format!("/v1/rooms/{}", escaped(room.as_str()))
}

/// The path of a member of a room.
pub fn of_member(room: &RoomId, principal: &str) -> String {
    format!("{}/members/{}", of_room(room), escaped(principal))
}

/// A text as one piece of a path (RFC 3986 §2.3).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(byte)),
            _ => write!(escaped, "%{byte:02X}").expect("a text takes more text"),
        }
    }
    escaped
}

/// The first of a list of values: what the proxy nearest to the caller said.
fn first<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()?.split(',').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_callers_side() {
        let room = RoomId::parse("trips/é 1", 100).expect("a name");
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "127.0.0.1:8080".parse().expect("a value"));
        assert_eq!(Sockets::of(&room, &headers).yjs, "ws://127.0.0.1:8080/yjs/trips%2F%C3%A9%201");
        headers.insert(FORWARDED_PROTO, "https, http".parse().expect("a value"));
        headers.insert(FORWARDED_HOST, "trips.example.com".parse().expect("a value"));
        assert_eq!(Sockets::of(&room, &headers).hocuspocus, "wss://trips.example.com/hocuspocus");
        headers.insert(FORWARDED_HOST, "a b\"".parse().expect("a value"));
        assert_eq!(Sockets::of(&room, &headers).hocuspocus, "wss://127.0.0.1:8080/hocuspocus");
        assert_eq!(of_member(&room, "a@b"), "/v1/rooms/trips%2F%C3%A9%201/members/a%40b");
    }
}
