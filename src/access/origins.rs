//! From which web pages browsers may come: the server's own, and those that the operator lists.
//! Sockets, REST and CORS ask here, so that they never differ.

use axum::http::{HeaderMap, header};

/// The list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    listed: Vec<String>,
    anybody: bool,
}

/// Not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no origin; write it like https://app.example.com or http://localhost:5173, or * for all")]
pub struct NoOrigin(String);

impl Origins {
    /// The server's own and these. `*` allows all.
    pub fn parse(listed: &[String]) -> Result<Self, NoOrigin> {
        let mut origins = Self { listed: Vec::new(), anybody: false };
        for origin in listed {
            if origin == "*" {
                origins.anybody = true;
            } else {
                let url = reqwest::Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
                let url = url.filter(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none());
                // In the form in which browsers send it: lower case, no port where it goes without saying.
                let ascii = url.map(|url| url.origin().ascii_serialization());
                origins.listed.push(ascii.ok_or_else(|| NoOrigin(origin.clone()))?);
            }
        }
        Ok(origins)
    }

    /// Whether a request with these headers may come from where it says it does. What names no origin is no web page of
    /// another site: browsers always name it on sockets, and on requests that are not simple reads.
    pub fn allows(&self, headers: &HeaderMap) -> bool {
        if self.anybody {
            return true;
        }
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        self.listed.iter().any(|listed| listed.eq_ignore_ascii_case(origin)) || is_own(origin, headers)
    }
}

/// Whether the page came from this server, as far as its name goes: TLS may end before it.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let authority = |url: &str, port| url.strip_suffix(port).unwrap_or(url).to_ascii_lowercase();
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    match origin.split_once("://") {
        Some(("https", named)) => authority(named, ":443") == authority(host, ":443"),
        Some(("http", named)) => authority(named, ":80") == authority(host, ":80"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(listed: &[&str], origin: Option<&str>, host: &str) -> bool {
        let listed: Vec<_> = listed.iter().map(|&origin| origin.to_owned()).collect();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().expect("a value"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().expect("a value"));
        }
        Origins::parse(&listed).expect("origins").allows(&headers)
    }

    #[test]
    fn the_servers_own_pages_and_programs_come_in() {
        assert!(allows(&[], None, "trips.example.com"));
        assert!(allows(&[], Some("https://trips.example.com"), "trips.example.com"));
        assert!(allows(&[], Some("https://Trips.example.com"), "trips.example.com:443"));
        assert!(allows(&[], Some("http://127.0.0.1:8080"), "127.0.0.1:8080"));
    }

    #[test]
    fn other_pages_do_not() {
        for origin in [
            "https://evil.example",
            "https://trips.example.com.evil.example",
            "https://trips.example.com:8443",
            "https://user@trips.example.com",
            "null",
            "",
            "file://trips.example.com",
        ] {
            assert!(!allows(&[], Some(origin), "trips.example.com"), "{origin}");
        }
    }

    #[test]
    fn listed_pages_come_in() {
        let listed = ["https://App.example.com/", "http://localhost:5173"];
        assert!(allows(&listed, Some("https://app.example.com"), "trips.example.com"));
        assert!(allows(&listed, Some("http://localhost:5173"), "trips.example.com"));
        assert!(allows(&listed, Some("https://trips.example.com"), "trips.example.com"));
        assert!(!allows(&listed, Some("http://app.example.com"), "trips.example.com"));
        assert!(!allows(&listed, Some("http://localhost:5174"), "trips.example.com"));
        assert!(allows(&["*"], Some("https://evil.example"), "trips.example.com"));
    }

    #[test]
    fn what_is_no_origin_is_refused_at_the_start() {
        for wrong in ["app.example.com", "https://app.example.com/path", "https://", "ftp://app.example.com", ""] {
            assert!(Origins::parse(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
