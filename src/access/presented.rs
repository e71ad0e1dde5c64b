//! What a caller brings: a token, a name. Made at the edges (a header, a query, an auth message) and given to
//! `Access::identify`. It must never show a token, whatever prints it.

use std::fmt;
use std::sync::Arc;

/// A token as somebody sent it, nothing checked. Its text leaves it only towards what checks it.
#[derive(Clone)]
pub struct Token(Arc<str>);

impl Token {
    /// A token from its text; white space around it is no part of it. Nothing when there is none.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The token of an `Authorization` header: `Bearer` and the token (RFC 6750 §2.1).
    pub fn bearer(header: &str) -> Option<Self> {
        let (scheme, token) = header.trim().split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") { Self::new(token) } else { None }
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// All that a caller says of themselves.
#[derive(Debug, Clone, Default)]
pub struct Presented {
    /// What proves who they are.
    pub token: Option<Token>,
    /// What they would like to be called. Believed while authentication is off, and of guests whose link has no name.
    pub name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_header_is_read_and_never_shown() {
        let token = Token::bearer("bearer  abc.def ").expect("a token");
        assert_eq!(token.text(), "abc.def");
        assert_eq!(format!("{:?}", Presented { token: Some(token), name: None }).find("abc"), None);
        assert!(
            Token::bearer("Basic abc").is_none() && Token::bearer("Bearer ").is_none() && Token::new(" ").is_none()
        );
    }
}
