//! Where the load goes: servers, protocol and paths, as a person names them on the command line. Nothing else is ever connected to.
//! Called by the scenarios; tells the clients the address of each connection.

use std::net::IpAddr;
use std::time::Duration;

use clap::ValueEnum;
use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use serde::Serialize;

/// How the server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// y-websocket: a room a socket
    Yjs,
    /// Hocuspocus: the room's name is in each frame
    Hocuspocus,
    /// y-sweet: asks for the document's address first
    YSweet,
    /// Triproom's JSON socket: an edit is a chat message
    Events,
}

impl Protocol {
    /// The path where servers of this protocol usually listen. `{room}` and `{client}` are replaced.
    pub fn usual_path(self) -> &'static str {
        match self {
            Self::Yjs => "/yjs/{room}",
            Self::Hocuspocus => "/hocuspocus",
            Self::YSweet => "/doc/{room}/auth",
            Self::Events => "/v1/rooms/{room}/socket?name=load-{client}",
        }
    }
}

/// What is wrong with a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nothing was named.
    #[error("say where the load goes: --target ws://127.0.0.1:8080 (several for several nodes); nothing is assumed")]
    None,
    /// It is no address of a server.
    #[error("--target {0}: write it like ws://127.0.0.1:8080, wss://host or http://host:port")]
    BadUrl(String),
    /// It has what would be left out, and may be secret.
    #[error(
        "--target: name and password, query and fragment of an address are not sent: a token is for --token, other credentials for --header, a query for --path"
    )]
    TooMuch,
    /// It is somebody else's machine, perhaps.
    #[error("--target {0} is not this machine: if it may be put under load, say --allow-remote")]
    Remote(String),
    /// All would write into one room, which may be somebody's.
    #[error("--path {0}: say where the name of the room goes, as {{room}}: a run has rooms of its own")]
    NoRoom(String),
    /// It is no header.
    #[error("--header {0:?}: write it like 'Name: value'")]
    BadHeader(String),
}

/// Servers under load, and how they are reached.
#[derive(Debug, Clone)]
pub struct Target {
    nodes: Vec<Node>,
    /// How they are spoken to.
    pub protocol: Protocol,
    path: String,
    /// What a client shows: in `?token=`, or in the message that Hocuspocus has for it.
    pub token: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// How long a server may let a client wait: until the connection stands, until the document is there.
    pub patience: Duration,
}

#[derive(Debug, Clone)]
struct Node {
    url: String,
    host: String,
    port: u16,
    is_tls: bool,
    prefix: String,
}

/// Where one connection goes.
#[derive(Debug, Clone)]
pub struct Address {
    /// Name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether it is reached by TLS.
    pub is_tls: bool,
    /// Path and query of the request.
    pub path: String,
    /// What goes with the request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// See [`Target::patience`].
    pub patience: Duration,
}

/// A target as a person writes it.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// Addresses of nodes.
    pub urls: &'a [String],
    /// See there.
    pub protocol: Protocol,
    /// The path, if not the usual one.
    pub path: Option<&'a str>,
    /// See [`Target::token`].
    pub token: Option<&'a str>,
    /// As `Name: value`.
    pub headers: &'a [String],
    /// Whether other machines may be put under load.
    pub allows_remote: bool,
    /// See [`Target::patience`].
    pub patience: Duration,
}

impl Target {
    /// Reads what was written.
    pub fn parse(written: Written<'_>) -> Result<Self, TargetError> {
        let nodes: Vec<Node> = written.urls.iter().map(|url| Node::parse(url)).collect::<Result<_, _>>()?;
        if nodes.is_empty() {
            return Err(TargetError::None);
        }
        if let Some(node) = nodes.iter().find(|node| !written.allows_remote && !node.is_loopback()) {
            return Err(TargetError::Remote(node.url.clone()));
        }
        let headers = written.headers.iter().map(|text| header(text)).collect::<Result<_, _>>()?;
        let path = written.path.unwrap_or(written.protocol.usual_path());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        // Over Hocuspocus' protocol the name is in each message.
        if written.protocol != Protocol::Hocuspocus && !path.contains("{room}") {
            return Err(TargetError::NoRoom(path));
        }
        let (protocol, token, patience) = (written.protocol, written.token.map(str::to_owned), written.patience);
        Ok(Self { nodes, protocol, path, token, headers, patience })
    }

    /// Addresses of the nodes, as they were written.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| node.url.as_str())
    }

    /// The path's template.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where a client of a room connects; clients take turns over the nodes.
    pub fn address(&self, room: &str, client: usize) -> Address {
        let node = &self.nodes[client % self.nodes.len()];
        let mut path = node.prefix.clone();
        path.push_str(&self.path.replace("{room}", room).replace("{client}", &client.to_string()));
        if self.protocol != Protocol::Hocuspocus && self.protocol != Protocol::YSweet {
            push_token(&mut path, self.token.as_deref());
        }
        self.at(node, path)
    }

    /// The JSON socket of a room, on a node of Triproom.
    pub fn events(&self, room: &str, name: &str, client: usize) -> Address {
        let mut path = format!("/v1/rooms/{room}/socket?name={name}");
        push_token(&mut path, self.token.as_deref());
        self.beside(client, &path)
    }

    /// A path of the node that a client connects to.
    pub fn beside(&self, client: usize, path: &str) -> Address {
        let node = &self.nodes[client % self.nodes.len()];
        self.at(node, format!("{}{path}", node.prefix))
    }

    /// An address that a server gave, in which only the path counts: it is where the document is, and the node stays.
    pub fn told(&self, client: usize, url: &str, token: Option<&str>) -> Result<Address, TargetError> {
        let told = url.parse::<Uri>().map_err(|_| TargetError::BadUrl(url.to_owned()))?;
        let mut path = told.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        push_token(&mut path, token);
        Ok(self.at(&self.nodes[client % self.nodes.len()], path))
    }

    fn at(&self, node: &Node, path: String) -> Address {
        let (host, headers) = (node.host.clone(), self.headers.clone());
        Address { host, port: node.port, is_tls: node.is_tls, path, headers, patience: self.patience }
    }
}

impl Address {
    /// Host and port as a request names them.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl Node {
    fn parse(url: &str) -> Result<Self, TargetError> {
        let bad = || TargetError::BadUrl(url.to_owned());
        // What cannot be read is not said again either: it may be secret.
        if url.contains(['@', '?', '#']) {
            return Err(TargetError::TooMuch);
        }
        let uri = url.parse::<Uri>().map_err(|_| bad())?;
        let is_tls = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            _ => return Err(bad()),
        };
        let host = uri.host().ok_or_else(bad)?.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { url: url.to_owned(), host, port, is_tls, prefix })
    }

    fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), TargetError> {
    let bad = || TargetError::BadHeader(text.to_owned());
    let (name, value) = text.split_once(':').ok_or_else(bad)?;
    Ok((name.trim().parse().map_err(|_| bad())?, value.trim().parse().map_err(|_| bad())?))
}

fn push_token(path: &mut String, token: Option<&str>) {
    let Some(token) = token else { return };
    path.push(if path.contains('?') { '&' } else { '?' });
    path.push_str(&form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(urls: &[&str], protocol: Protocol, path: Option<&str>) -> Result<Target, TargetError> {
        let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
        let headers = ["Origin: http://here".to_owned()];
        let (token, patience) = (Some("a b"), Duration::from_secs(1));
        Target::parse(Written { urls: &urls, protocol, path, token, headers: &headers, allows_remote: false, patience })
    }

    #[test]
    fn clients_take_turns_over_the_nodes() {
        let target = target(&["ws://127.0.0.1:1", "http://[::1]:2/base/"], Protocol::Yjs, None).expect("two nodes");
        let addresses = [target.address("r", 0), target.address("r", 1)];
        assert_eq!((addresses[0].authority(), addresses[0].path.as_str()), ("127.0.0.1:1".into(), "/yjs/r?token=a+b"));
        assert_eq!((addresses[1].authority(), addresses[1].path.as_str()), ("[::1]:2".into(), "/base/yjs/r?token=a+b"));
        assert_eq!(addresses[1].headers[0].1, "http://here");
    }

    #[test]
    fn a_path_of_ones_own() {
        let target = target(&["ws://localhost"], Protocol::Yjs, Some("x/{room}/{client}?a=1")).expect("a node");
        assert_eq!(target.address("r", 7).path, "/x/r/7?a=1&token=a+b");
        assert_eq!(target.address("r", 7).port, 80);
    }

    #[test]
    fn a_run_has_rooms_of_its_own() {
        for protocol in [Protocol::Yjs, Protocol::Events, Protocol::YSweet] {
            let error = target(&["ws://localhost"], protocol, Some("/lisbon")).expect_err("all would be in one room");
            assert_eq!(error, TargetError::NoRoom("/lisbon".to_owned()));
        }
        assert!(target(&["ws://localhost"], Protocol::Hocuspocus, Some("/")).is_ok());
    }

    #[test]
    fn nothing_but_what_was_named_and_is_here() {
        let error = |urls: &[&str]| target(urls, Protocol::Yjs, None).expect_err("it is not taken");
        assert_eq!(error(&[]), TargetError::None);
        for url in ["ws://example.org", "wss://10.0.0.1:443"] {
            assert_eq!(error(&[url]), TargetError::Remote(url.to_owned()));
        }
        for url in [
            "ws://ada:secret@localhost",
            "ws://ada:sec ret@localhost",
            "ws://localhost/base?token=secret",
            "ws://localhost#here",
        ] {
            assert_eq!(error(&[url]), TargetError::TooMuch, "{url}");
        }
        for url in ["", "here", "127.0.0.1:8080", "ftp://localhost"] {
            assert_eq!(error(&[url]), TargetError::BadUrl(url.to_owned()));
        }
    }
}
