//! What a request says of who is asking: the `Authorization` header, `?token=` and `?name=`, or a WebSocket subprotocol,
//! in this order. Used by the upgrade of sockets and by REST. It must never log what it reads.

use axum::http::{HeaderMap, HeaderValue, Uri, header};

use crate::access::{Presented, Token};

/// What API keys begin with.
const KEY_PREFIX: &str = "trk_";
/// What a client may put before a token in a subprotocol, to say what it is.
const SUBPROTOCOL_PREFIXES: [&str; 3] = ["bearer.", "token.", "access_token."];

/// Reads what a request brings along.
pub fn presented(uri: &Uri, headers: &HeaderMap) -> Presented {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(Token::bearer);
    let (mut token, mut name) = (None, None);
    for (key, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match &*key {
            "token" => token = token.or_else(|| Token::new(&value)),
            "name" => name = name.or_else(|| Some(value.into_owned())),
            _ => {}
        }
    }
    let token = bearer.or(token).or_else(|| Subprotocols::of(headers).token);
    Presented { token, name }
}

/// What the answer to an upgrade says of subprotocols: browsers hang up when none of those that they offered is chosen.
pub fn chosen_subprotocol(headers: &HeaderMap) -> Option<HeaderValue> {
    HeaderValue::from_str(&Subprotocols::of(headers).chosen?).ok()
}

#[derive(Default)]
struct Subprotocols {
    token: Option<Token>,
    chosen: Option<String>,
}

impl Subprotocols {
    fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
        let offered: Vec<&str> =
            lines.flat_map(|line| line.split(',')).map(str::trim).filter(|one| !one.is_empty()).collect();
        // A token is known by its form; one that has none (a product's own session) by coming after a name.
        let by_form = offered.iter().position(|one| looks_like_a_token(one));
        let at = by_form.or_else(|| (offered.len() > 1).then(|| offered.len() - 1));
        let token = at.and_then(|at| Token::new(without_prefix(offered[at])));
        let name = offered.iter().enumerate().find(|(index, _)| Some(*index) != at).map(|(_, one)| *one);
        Self { token, chosen: name.or_else(|| offered.first().copied()).map(str::to_owned) }
    }
}

fn without_prefix(offered: &str) -> &str {
    SUBPROTOCOL_PREFIXES.iter().find_map(|prefix| offered.strip_prefix(prefix)).unwrap_or(offered)
}

fn looks_like_a_token(offered: &str) -> bool {
    let plain = without_prefix(offered);
    plain.len() != offered.len() || plain.starts_with(KEY_PREFIX) || plain.split('.').count() == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_protocols(offered: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(offered))])
    }

    fn said(uri: &str, headers: &HeaderMap) -> (bool, Option<String>) {
        let presented = presented(&uri.parse().expect("a URI"), headers);
        (presented.token.is_some(), presented.name)
    }

    #[test]
    fn a_token_may_come_in_three_ways() {
        let bearer = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer a.b.c"))]);
        assert_eq!(said("/yjs/lisbon", &bearer), (true, None));
        assert_eq!(said("/yjs/lisbon?name=Ada%20L&token=a.b.c", &HeaderMap::new()), (true, Some("Ada L".to_owned())));
        assert_eq!(said("/yjs/lisbon", &with_protocols("triproom, a.b.c")), (true, None));
        assert_eq!(said("/yjs/lisbon?token=", &with_protocols("triproom")), (false, None));
    }

    #[test]
    fn a_subprotocol_is_always_chosen_and_the_token_only_when_nothing_else_was_offered() {
        for (offered, chosen) in [
            ("triproom, bearer.a.b.c", "triproom"),
            ("a.b.c, yjs", "yjs"),
            ("bearer, opaque", "bearer"),
            ("a.b.c", "a.b.c"),
            ("yjs", "yjs"),
        ] {
            let headers = with_protocols(offered);
            assert_eq!(chosen_subprotocol(&headers).expect("one"), chosen, "{offered}");
        }
        assert_eq!(chosen_subprotocol(&HeaderMap::new()), None);
    }
}
