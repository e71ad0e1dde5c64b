//! From which web pages browsers may come: the server's own, and those that the operator lists.
//! Sockets, REST and CORS ask here, so that they never differ.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};

/// The list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    listed: Vec<String>,
    /// The names in these.
    hosts: Vec<String>,
    anybody: bool,
    names: Names,
}

/// By which names the server is taken for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// By any: nobody gets anywhere without a credential, and somebody else's page has none.
    Any,
    /// By its address, as `localhost`, and by names in listed origins. Any other name can be made to lead here by its owner,
    /// whose page a browser then takes for the server's own (DNS rebinding), and everybody is let in.
    Sure,
}

/// Why a request is turned away for where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// It comes from a page that may not.
    #[error("Pages of this origin may not use the server; see --allow-origin.")]
    Page,
    /// It calls the server by a name that anybody may have given it.
    #[error(
        "While authentication is off, the server is known by its address, as localhost, and by the names in --allow-origin, \
         and not by this one."
    )]
    Name,
}

/// Not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no origin; write it like https://app.example.com or http://localhost:5173, or * for all")]
pub struct NoOrigin(String);

impl Origins {
    /// The server's own and these. `*` allows all.
    pub fn parse(listed: &[String], names: Names) -> Result<Self, NoOrigin> {
        let mut origins = Self { listed: Vec::new(), hosts: Vec::new(), anybody: false, names };
        for origin in listed {
            if origin == "*" {
                origins.anybody = true;
            } else {
                let url = reqwest::Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
                let url = url.filter(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none());
                let url = url.ok_or_else(|| NoOrigin(origin.clone()))?;
                // In the form in which browsers send it: lower case, no port where it goes without saying.
                origins.listed.push(url.origin().ascii_serialization());
                origins.hosts.extend(url.host_str().map(str::to_owned));
            }
        }
        Ok(origins)
    }

    /// Whether a request with these headers may come from where it says it does. What names no origin is no web page of
    /// another site: browsers always name it on sockets, and on requests that are not simple reads of their own site.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Stranger> {
        if self.anybody {
            return Ok(());
        }
        if self.names == Names::Sure && !headers.get(header::HOST).is_none_or(|host| self.is_sure(host.as_bytes())) {
            return Err(Stranger::Name);
        }
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().map_err(|_| Stranger::Page)?;
        let listed = self.listed.iter().any(|listed| listed.eq_ignore_ascii_case(origin));
        if listed || is_own(origin, headers) { Ok(()) } else { Err(Stranger::Page) }
    }

    /// Whether a `Host` is a name by which nobody else can lead here.
    fn is_sure(&self, host: &[u8]) -> bool {
        let Ok(authority) = Authority::try_from(host) else { return false };
        let name = authority.host().to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
            || self.hosts.contains(&name)
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
        check(Names::Any, listed, origin, host).is_ok()
    }

    fn check(names: Names, listed: &[&str], origin: Option<&str>, host: &str) -> Result<(), Stranger> {
        let listed: Vec<_> = listed.iter().map(|&origin| origin.to_owned()).collect();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().expect("a value"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().expect("a value"));
        }
        Origins::parse(&listed, names).expect("origins").check(&headers)
    }

    #[test]
    fn the_servers_own_pages_and_programs_come_in() {
        assert!(allows(&[], None, "trips.example.com"));
        assert!(allows(&[], Some("https://trips.example.com"), "trips.example.com"));
        assert!(allows(&[], Some("https://Trips.example.com"), "trips.example.com:443"));
        assert!(allows(&[], Some("http://127.0.0.1:8080"), "127.0.0.1:8080"));
    }

    #[test]
    fn by_a_name_that_anybody_may_have_given_it_nobody_is_let_in_like_everybody() {
        let check = |listed: &[&str], origin: Option<&str>, host: &str| check(Names::Sure, listed, origin, host);
        for host in
            ["127.0.0.1:8080", "192.168.1.7:8080", "[::1]:8080", "[fe80::1]", "localhost:8080", "trips.localhost"]
        {
            assert_eq!(check(&[], None, host), Ok(()), "{host}");
            assert_eq!(check(&[], Some(&format!("http://{host}")), host), Ok(()), "{host}");
            assert_eq!(check(&[], Some("http://evil.example"), host), Err(Stranger::Page), "{host}");
        }
        for host in
            ["evil.example:8080", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example", "", "@", "[x]"]
        {
            // A read of one's own site names no origin.
            assert_eq!(check(&[], None, host), Err(Stranger::Name), "{host}");
            assert_eq!(check(&[], Some(&format!("http://{host}")), host), Err(Stranger::Name), "{host}");
        }
        let listed = ["https://Name-8080.app.example.dev"];
        let named = Some("https://name-8080.app.example.dev");
        assert_eq!(check(&listed, named, "name-8080.app.example.dev"), Ok(()));
        assert_eq!(check(&listed, named, "localhost:8080"), Ok(()), "behind a proxy that names the server itself");
        assert_eq!(check(&listed, None, "name-8080.app.example.dev"), Ok(()));
        assert_eq!(check(&["*"], Some("http://evil.example"), "evil.example"), Ok(()));
        let no_host = HeaderMap::new();
        assert_eq!(Origins::parse(&[], Names::Sure).expect("origins").check(&no_host), Ok(()), "no browser says so");
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
            assert!(Origins::parse(&[wrong.to_owned()], Names::Any).is_err(), "{wrong}");
        }
    }
}
